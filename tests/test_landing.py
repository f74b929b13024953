"""The first screen and the table of claims: sentences, squares and bars follow from verdicts and measured proxies."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from pruneproxy.book import landing, picture
from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.verdicts import Verdict

CLAIM = Claim(
    id="HS-10",
    text="Keeping costs <less> than a point.",
    place="Sec. 1",
    measures="mean risk",
    asks="usually",
    supported=("mean risk < 1",),
    contradicted=("mean risk >= 1",),
    needs="runs",
)
VERDICT = Verdict(
    claim="HS-10",
    grade="supported",
    effect="mean 0.4",
    value=0.4,
    interval=(0.1, 0.7),
    p=0.01,
    seeds=5,
    scale="lab",
    records=("a", "b"),
    of=4,
    printed="contradicted",
)
SIDES = ("low", "high")


def proxy(name, seconds, correlation, regret):
    around = {
        f"{what} {side}": value + 0.1 * (-1) ** (side == "low")
        for side in SIDES
        for what, value in (("correlation", correlation), ("regret", regret))
    }
    return {"proxy": name, "settings": 20, "seconds": seconds, "correlation": correlation, "regret": regret} | around


TABLE = pd.DataFrame(
    [proxy("pruned", 0.5, 0.6, 1.25), proxy("data subset", 0.3, 0.7, 0.5), proxy("fewer layers", 0.8, 0.9, 0.25)]
)


def sentences(verdicts=(VERDICT,), tables=None):
    return landing.answer([CLAIM], verdicts, {"LeNet on digits": TABLE} if tables is None else tables)


def test_three_sentences_say_what_was_measured():
    tuning, retuning, sure = sentences()
    assert "LeNet on digits, 20 settings: the pruned copy takes 50 percent of the time" in tuning
    assert "rank correlation of 0.6 (95 % interval 0.5 to 0.7)" in tuning and "loses 1.25 points (95 %" in tuning
    assert "of what is as cheap, data subset orders them best, at 0.7" in tuning and "fewer layers" not in tuning
    assert "costs 0.4 points" in retuning and "0.1 to 0.7; 4 pruned variants, 2 records" in retuning
    assert "it holds here" in retuning and "1 supported" in sure and "0 hold, 1 fail and 0 cannot be decided" in sure


@pytest.mark.parametrize(
    "change, place, said",
    [
        ({"grade": "contradicted"}, 1, "it does not hold here"),
        ({"value": 0.6}, 1, "costs 0.6 points"),
        ({"value": None, "interval": None}, 1, "Not measured yet"),
        ({"grade": "open"}, 2, "1 open"),
        ({"printed": "supported"}, 2, "1 hold, 0 fail"),
    ],
)
def test_a_sentence_changes_with_the_verdict_that_it_rests_on_and_no_other_does(change, place, said):
    changed, before = sentences([replace(VERDICT, **change)]), sentences()
    assert said in changed[place] and changed[0] == before[0] and changed[place] != before[place]


def test_without_measurements_nothing_is_claimed():
    assert all("Not measured yet" in one for one in sentences([], {})[:2])


def test_every_claim_has_a_square_that_links_to_its_line():
    strip = landing.strip([CLAIM], [VERDICT])
    assert 'class="square supported" href="claims.html#hs-10"' in strip and "&lt;less&gt;" in strip
    line = landing.table([CLAIM], [VERDICT], {"HS-10": "../notebooks/x.html"})
    assert '<tr id="hs-10" data-paper="HS" data-grade="supported">' in line and 'href="../notebooks/x.html"' in line
    assert "<dt>Corrected p</dt><dd>0.01</dd>" in line and "2 records at scale lab" in line and "<less>" not in line
    assert 'data-grade="not run"' in landing.table([CLAIM], [], {})
    assert set(landing.MARKS) == set(landing.GRADES) and len(set(landing.MARKS.values())) == len(landing.MARKS)


def test_a_bar_holds_zero_the_value_and_both_ends_in_their_order():
    bar = landing.table([CLAIM], [VERDICT], {})
    zero, low, value, high = (
        float(re.search(pattern, bar)[1])
        for pattern in (
            r'zero" x1="([\d.]+)',
            r'interval" x1="([\d.]+)',
            r'cx="([\d.]+)',
            r'interval".* x2="([\d.]+)" y1="9',
        )
    )
    assert 0 < zero < low < value < high < landing.WIDTH


def test_the_picture_shows_every_proxy_and_reads_as_words():
    drawn = picture.drawn({"LeNet on digits": TABLE})
    assert all(f">{name}</text>" in drawn for name in TABLE["proxy"]) and drawn == picture.drawn(
        {"LeNet on digits": TABLE}
    )
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", drawn)]
    assert sizes and min(sizes) >= 11
    assert "data subset at 30 percent of the time: rank correlation 0.7, 0.5 points lost" in picture.described(
        {"x": TABLE}
    )
