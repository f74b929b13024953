"""The benchmark's table for the book: `make bench ARGS=--save` keeps it beside the pages."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

NOT_RUN = "It has not been run for this version."
USUAL = "usual loop"
COLOURS = ("#0072B2", "#E69F00")  # Okabe & Ito 2008
TITLES = {
    "throughput": "Images per second",
    "choices": "What each choice gives: one run of one thread, with it over without it",
    "sparse": "Sparse layers: the MLP 784-1000-1000-1000-10 in float32 on one core",
    "narrowed": "Pruned networks: a step beside its multiplications",
    "GPU": "On a GPU",
}


def read(path: Path) -> dict | None:
    """The table that is kept, or None."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def page(kept: Mapping | None, picture: str) -> str:
    """The generated part of the page: machine and day, the figure, and a table per section."""
    if kept is None:
        return NOT_RUN
    head = (
        f"{kept['date']}, {kept['device']}, {kept['cores']} cores, torch {kept['packages']['torch']}, batches of "
        f"{kept['batch']}, commit {kept['commit']}. Medians of {kept['turns']} turns, with the least and the largest."
    )
    shown = f"![Speed against the usual loop, and time of pruned networks beside their multiplications]({picture})"
    parts = [_section(kept, name) for name in TITLES if any(one["section"] == name for one in kept["lines"])]
    return "\n\n".join([head, shown, *parts])


def _section(kept: Mapping, name: str) -> str:
    lines = [one for one in kept["lines"] if one["section"] == name]
    ratios = list(dict.fromkeys(ratio for one in lines for ratio in one.get("ratios", {})))
    head = ["network", "what", "images/s", "runs/hour", "multiplications", *(f"x {ratio}" for ratio in ratios)]
    rows = [_cells(one, ratios, kept["pictures_of_a_run"]) for one in lines]
    used = [place for place in range(len(head)) if any(row[place] for row in rows)]
    picked = [[row[place] for place in used] for row in (head, *rows)]
    table = [f"| {' | '.join(row)} |" for row in (picked[0], ["---"] * len(used), *picked[1:])]
    return f"## {TITLES[name]}\n\n" + "\n".join(table)


def _cells(line: Mapping, ratios: Iterable[str], run: int) -> list[str]:
    speed, share = line.get("images_per_second"), line.get("multiplications")
    return [
        line["network"],
        line["what"],
        _spread(speed, ",.0f") if speed else "",
        f"{3600 * speed[0] / run:.1f}" if speed else "",
        f"{share:.0%}" if share else "",
        *(_spread(line["ratios"][ratio], ".2f") if ratio in line.get("ratios", {}) else "" for ratio in ratios),
    ]


def _spread(values: Sequence[float], form: str) -> str:
    middle, low, high = (format(value, form) for value in values)
    return f"{middle} ({low} to {high})"


def figure(kept: Mapping) -> Figure:
    """Left, every way to train over the usual loop; right, time of pruned networks against multiplications."""
    drawn = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = drawn.subplots(1, 2)
    _bars(left, [one for one in kept["lines"] if one["section"] == "throughput" and USUAL in one.get("ratios", {})])
    _points(right, [one for one in kept["lines"] if one["section"] == "narrowed"])
    return drawn


def _bars(ax, lines: Sequence[Mapping]) -> None:
    names = [f"{one['network']}: {one['what']}" for one in lines]
    middle, low, high = zip(*(one["ratios"][USUAL] for one in lines), strict=True) if lines else ((), (), ())
    errors = [[m - a for m, a in zip(middle, low, strict=True)], [b - m for m, b in zip(middle, high, strict=True)]]
    ax.barh(names, middle, xerr=errors, color=COLOURS[0], ecolor="0.4")
    ax.invert_yaxis()
    ax.axvline(1, color="0.4", linewidth=1)
    ax.tick_params(axis="y", labelsize=7)
    ax.set_xlabel("images per second, over the usual loop's")


def _points(ax, lines: Sequence[Mapping]) -> None:
    eights = [one for one in lines if "multiples of 8" in one["what"]]
    kinds = {"any number of channels": [one for one in lines if one not in eights], "multiples of 8": eights}
    for (label, found), colour, marker in zip(kinds.items(), COLOURS, "os", strict=True):
        shares, times = ([one["multiplications"] for one in found], [_time(one) for one in found])
        ax.plot(shares, times, marker, color=colour, label=label, alpha=0.8)
    ax.plot([0, 1], [0, 1], color="0.4", linewidth=1)
    ax.set_xlabel("share of the multiplications")
    ax.set_ylabel("share of a step's time")
    ax.legend()


def _time(line: Mapping) -> float:
    return next(iter(line["ratios"].values()))[0]
