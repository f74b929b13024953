"""How much noise the landscapes carry, against which the width of a region of interest must be read."""

import pandas as pd

from pruneproxy.recipes.hp_space.variants import REGIONS, ran, select, variants, with_base
from pruneproxy.stats import cross_risk, landscape, repeatability, roi, seed_deviation
from pruneproxy.stats.landscapes import SETTING

CROSS_REGION = 0.5


def regions(frame: pd.DataFrame) -> pd.DataFrame:
    """Per variant: settings run, settings in each region, seed deviation in the 1.0-ROI, rank agreement of seeds."""
    rows = []
    for variant in variants(frame):
        runs = select(frame, variant)
        means = landscape(runs)
        row = {"network": ran(runs, variant), "variant": variant.label, "settings": len(means)}
        row |= {f"{x:.1f}-ROI": len(roi(means, x)) for x in REGIONS}
        row["runs per setting"] = int(means["runs"].min())
        row["seed deviation"] = seed_deviation(runs.merge(roi(means, 1.0)[SETTING], on=SETTING))
        row["rank agreement of seeds"] = repeatability(runs)
        rows.append(row | {"1.0-ROI touches": ", ".join(borders(means)) or "-"})
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["network", "variant"])


def borders(means: pd.DataFrame) -> list[str]:
    """The borders of the grid that the 1.0-ROI of one averaged landscape reaches: the region may go on behind them.

    The thesis extended its grids until most of the region lay inside (Sec. 3.3).
    """
    region, ends = roi(means, 1.0), {"low": "min", "high": "max"}
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
    spread = f"{deviation:.2f} points" if pd.notna(deviation) else "unknown (one run per setting)"
    return f"{frame['network'].iloc[0]}: {counts}; seed deviation {spread}"


def cross_fitted(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean risk per variant when other seeds choose the region than the one measured, over the unpruned one.

    This takes out the advantage that the unpruned network has in Table 4.2, where the same runs choose and are
    measured.
    """
    rows = [
        {"network": ran(runs, variant), "variant": variant.label}
        | {"risk": cross_risk(base, runs, x=CROSS_REGION), "unpruned risk": cross_risk(base, base, x=CROSS_REGION)}
        for variant, base, runs in with_base(frame)
    ]
    table = pd.DataFrame(rows, columns=["network", "variant", "risk", "unpruned risk"])
    return table.assign(ratio=table["risk"] / table["unpruned risk"])
