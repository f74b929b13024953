"""The quantities that the paper prints as numbers; most of its results are curves only."""

import pandas as pd

from pruneproxy.evidence.effects import Effect
from pruneproxy.published import read
from pruneproxy.recipes.find_eval.frames import COLUMNS, Frames
from pruneproxy.recipes.find_eval.quantities import Quantities

REMARKS = {
    "FV-02": "said to be more than 25 points",
    "FV-06": "said to be 3 to 4 points",
    "FV-09": "said to be about 3 points",
    "FV-10": "said to be up to 2 points",
    "FV-11": "the text says so, and the captions of Figs. 6 and A17 say the opposite",
}


class Printed(Quantities):
    """The same methods without any run: those that have a printed number give it, the others nothing."""

    def __init__(self):
        super().__init__(frames=Frames(**{name: pd.DataFrame(columns=columns) for name, columns in COLUMNS.items()}))

    def large_rate_gains(self) -> list[Effect]:
        """Two accuracies of Sec. 3.1."""
        return [_exact("ResNet-50", _number("FE01") - _number("FE02"))]

    def harsh_ticket_deficits(self) -> list[Effect]:
        """The bound that the text gives."""
        return [_exact("ResNet-50", _number("FE03"))]

    def decoupling_gains(self) -> list[Effect]:
        """The middle of the range that the text gives."""
        return [_exact("ResNet-50", _number("FE05"))]

    def continued_gains(self) -> list[Effect]:
        """The rounded gain of the text."""
        return [_exact("ResNet-50", _number("FE07"))]


def _exact(label: str, value: float) -> Effect:
    return Effect(label=label, value=value)


def _number(row: str) -> float:
    """A number of the text; the middle of a range, the edge of a bound."""
    text = read("find_eval", "text_numbers").set_index("id")["value"][row].lstrip("><")
    low, *high = map(float, text.split("-"))
    return (low + (high or [low])[0]) / 2
