"""How much noise the landscapes carry, against which the width of a region of interest must be read."""

import pandas as pd

from pruneproxy.recipes.hp_space.variants import REGIONS, variants
from pruneproxy.stats import cross_risk, landscape, repeatability, roi, seed_deviation
from pruneproxy.stats.landscapes import SETTING

CROSS_REGION = 0.5


def regions(frame: pd.DataFrame, *, value: str = "top1") -> pd.DataFrame:
    """Per variant: settings run, settings in each region, seed deviation in the 1.0-ROI, rank agreement of seeds."""
    rows = []
    for variant in variants(frame, value):
        runs = frame[(frame["network"] == variant.network) & (frame["variant"] == variant.name)]
        means = landscape(runs, value=value)
        good = runs.merge(roi(means, 1.0, value=value)[SETTING], on=SETTING)
        rows.append(
            {
                "network": variant.network,
                "variant": variant.label,
                "settings": len(means),
                **{f"{x:.1f}-ROI": len(roi(means, x, value=value)) for x in REGIONS},
                "runs per setting": int(means["runs"].min()),
                "seed deviation": seed_deviation(good, value=value),
                "rank agreement of seeds": repeatability(runs, value=value),
                "1.0-ROI touches": ", ".join(borders(means, value=value)) or "-",
            }
        )
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["network", "variant"])


def borders(means: pd.DataFrame, *, x: float = 1.0, value: str = "top1") -> list[str]:
    """The borders of the grid that the x-ROI of one averaged landscape reaches: the region may go on behind them.

    The thesis extended its grids until most of the region lay inside (Sec. 3.3).
    """
    region = roi(means, x, value=value)
    ends = {"low": "min", "high": "max"}
    return [
        f"{end} {name}"
        for name in SETTING
        for end, reach in ends.items()
        if means[name].nunique() > 1 and getattr(region[name], reach)() == getattr(means[name], reach)()
    ]


def describe(frame: pd.DataFrame) -> str:
    """One line on one network: how many settings its regions hold, and the seed deviation."""
    table = regions(frame)
    counts = ", ".join(
        f"{x:.1f}-ROI {table[f'{x:.1f}-ROI'].min()} to {table[f'{x:.1f}-ROI'].max()} settings" for x in REGIONS
    )
    deviation = table["seed deviation"].mean()
    spread = (
        f"seed deviation {deviation:.2f} points"
        if pd.notna(deviation)
        else "seed deviation unknown (one run per setting)"
    )
    return f"{table['network'].iloc[0]}: {counts}; {spread}"


def cross_fitted(frame: pd.DataFrame, *, value: str = "top1", x: float = CROSS_REGION) -> pd.DataFrame:
    """Mean risk per variant when other seeds choose the region than the one measured, over the unpruned one.

    This takes out the advantage that the unpruned network has in Table 4.2, where the same runs choose and are
    measured.
    """
    found = {
        variant: frame[(frame["network"] == variant.network) & (frame["variant"] == variant.name)]
        for variant in variants(frame, value)
    }
    base = {variant.network: rows for variant, rows in found.items() if variant.method == "none"}
    rows = [
        {
            "network": variant.network,
            "variant": variant.label,
            "risk": cross_risk(base[variant.network], runs, x=x, value=value),
            "unpruned risk": cross_risk(base[variant.network], base[variant.network], x=x, value=value),
        }
        for variant, runs in found.items()
        if variant.network in base
    ]
    table = pd.DataFrame(rows, columns=["network", "variant", "risk", "unpruned risk"])
    return table.assign(ratio=table["risk"] / table["unpruned risk"])
