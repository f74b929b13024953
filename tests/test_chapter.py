"""What a chapter says: sentences from verdicts, tables in words, and the paper's number beside ours."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_hp_space_claims import study as landscape_frame

from pruneproxy import notebook
from pruneproxy.evidence import sentences, shown, words
from pruneproxy.evidence.compared import Compared
from pruneproxy.evidence.effects import Effect
from pruneproxy.evidence.verdicts import GRADES, Verdict
from pruneproxy.recipes import hp_space
from pruneproxy.recipes.hp_space.claims import JUDGE
from pruneproxy.recipes.proxy_hpo import equal_cost
from pruneproxy.recipes.recipe import stands_for
from pruneproxy.recipes.sparse_tradeoff import arithmetic, leak

CLAIM = hp_space.RECIPE.claims["HS-10"]
HELD = Verdict(
    claim="HS-10",
    grade="supported",
    effect="mean 0.368; so in 4 of 4",
    value=0.368,
    interval=(0.0657, 0.671),
    printed="supported",
)


# Words and numbers.


@pytest.mark.parametrize(
    "value, text",
    [(81.563, "81.6"), (113216, "113,216"), (2, "2"), (3.0, "3"), (float("nan"), "–"), (None, "–"), (True, "yes")]
    + [(0.000012, "1.20e-05"), (-0.0201, "-0.0201"), (np.float64("inf"), "∞"), (1234.5, "1,234")],
)
def test_numbers_have_three_significant_digits_and_missing_ones_a_dash(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    "code, text",
    [("lr", "learning rate"), ("resnet56", "ResNet-56"), ("equivalent_holm", "p equivalent, corrected")]
    + [("null high", "reached by chance (97.5 %)"), ("some_name", "some name"), ("share of time", "share of time")],
)
def test_names_of_code_are_words_for_a_reader(code, text):
    assert words.name(code) == text


def test_a_label_says_what_is_left_of_which_network():
    said = words.label("mobilenet_v2 40% global on fashion_mnist")
    assert said == "MobileNetV2 40 % of multiplications left, global on Fashion-MNIST"


def test_a_plain_word_of_a_label_stays():
    assert words.label("MNIST handwritten digits, tpe") == "MNIST handwritten digits, TPE"
    assert words.label("digits") == "scikit-learn's digits"


def test_no_setting_of_a_protocol_is_shown_by_its_name_in_code():
    cut = {name for scale in ("smoke", "lab") for case in hp_space.cases(scale) for name in hp_space.cut(case)}
    assert cut and not [name for name in cut if "_" in words.name(name) or "." in words.name(name)]


# Tables.


def test_a_table_has_a_caption_no_nan_and_folds_what_is_too_wide_or_too_long():
    wide = pd.DataFrame(np.full((20, 8), np.nan), columns=[f"column_{place}" for place in range(8)])
    found = shown.table(wide.rename_axis("row"), "A < B").html
    before, after = found.split("<details")
    assert "<caption>A &lt; B</caption>" in before and "NaN" not in found and "column 4" in before
    assert "column 5" not in before and "column 7" in after and "all 20 rows and 9 columns" in after
    assert before.count("<tr") == 1 + shown.ROWS and "<th>row</th>" in before


def test_a_small_table_is_not_folded():
    assert "<details" not in shown.table(pd.DataFrame({"a": [1.0]}), "A").html


def test_showing_a_frame_leaves_it_as_it_was():
    frame = pd.DataFrame({"lr": [0.123456]}, index=pd.Index(["mnist"], name="data"))
    before = frame.copy(deep=True)
    assert "0.123" in shown.table(frame).html and frame.equals(before) and list(frame) == ["lr"]


# Sentences.


@pytest.mark.parametrize("grade", GRADES)
def test_every_grade_has_an_answer_in_words(grade):
    said = sentences.answer(CLAIM, replace(HELD, grade=grade))
    assert said.startswith(CLAIM.text.rstrip(".")) and sentences.ANSWERS[grade] in said
    assert ("0.368" in said) == (grade not in sentences.SEEN)


def test_an_answer_has_the_number_and_its_interval_and_changes_with_them():
    assert "mean 0.368, so in 4 of 4 cases, 95 % interval 0.0657 to 0.671" in sentences.answer(CLAIM, HELD)
    other = replace(HELD, grade="open", effect="mean 1.2; so in 1 of 4", interval=(0.5, 1.9))
    assert "undecided here" in sentences.answer(CLAIM, other) and "0.5 to 1.9" in sentences.answer(CLAIM, other)


def test_a_quantity_that_a_rule_asks_about_twice_is_said_once():
    twice = replace(HELD, effect="cells -0.1 (a); cells -0.1 (a)")
    assert sentences.answer(CLAIM, twice).count("cells") == 1


def test_the_tally_counts_grades_and_names_what_the_paper_s_own_numbers_contradict():
    verdicts = [HELD, replace(HELD, claim="HS-04", grade="open", printed="contradicted")]
    said = sentences.tally(verdicts)
    assert "1 supported and 1 open" in said and "support 1 and contradict HS-04" in said


def test_a_tally_says_where_a_paper_prints_too_little():
    assert "the paper's own printed numbers decide none" in sentences.tally([replace(HELD, printed="not testable")] * 2)


def test_a_take_away_has_ours_and_the_paper_s_own_numbers():
    assert sentences.take_away(CLAIM, HELD).endswith("it holds here; the paper's own numbers support it.")


@pytest.mark.parametrize(
    "paper, expected, answer",
    [(0.5, (0.0, 1.0), "compatible"), (1.5, (0.0, 1.0), "not compatible"), (0.5, None, "size not comparable")],
)
def test_a_printed_number_is_compatible_where_another_study_would_find_it(paper, expected, answer):
    found = Compared(ours=Effect(label="", value=0.4), paper=Effect(label="", value=paper), expected=expected)
    assert found.answer.startswith(answer)


def test_what_is_missing_on_either_side_is_said():
    assert Compared().answer == "not run here"
    assert Compared(ours=Effect(label="", value=1.0)).answer == "not printed"


def test_compared_numbers_are_means_over_units():
    found = JUDGE.compared(JUDGE.tested(landscape_frame(seeds=5)))["HS-10"]
    assert found.paper.value == pytest.approx(0.598, abs=1e-3) and found.ours.interval is not None


@pytest.mark.parametrize(
    "title, network, said",
    [("ResNet-8", "ResNet-56", "ResNet-8 standing in for ResNet-56"), ("MobileNetV2 x 0.25", "MobileNetV2", None)],
)
def test_a_network_that_stands_in_is_named(title, network, said):
    assert stands_for(title, network) == (said or title)


def test_the_sentences_of_the_set_up_pages_follow_from_their_tables():
    shares = arithmetic.updating(arithmetic.PAPER.values())
    assert words.number(100 * shares["text"].max()) in arithmetic.moves(shares)
    assert "10 to 20 percent" in arithmetic.moves(pd.DataFrame({"text": [0.1, 0.2], "fixed": [0.5, 0.6]}))
    assert f"{100 * leak.expected_seen():.3g} percent" in leak.seen()
    counted = hp_space.tables.architectures(hp_space.paper_networks())
    assert "FLOPs (billions) of MobileNetV2" in hp_space.counts_agree(counted)
    assert "within 50 %" in hp_space.counts_agree(counted.assign(difference=0.5 * counted["published"]))


# A page.


def test_a_page_without_records_says_so(tmp_path):
    asked = {"scale": "smoke", "records": str(tmp_path), "missing": "skip"}
    page = notebook.open_study("hp_space", asked)
    assert "Nothing has been run at scale smoke" in page.answers("HS-10", "HS-09").html
    assert "not run here" in page.beside("HS-10").html and "ResNet-8" in page.why().html
    assert "not run here" in str(page.take_away("HS-10"))
    assert page.why().html.split("<details")[0].count("<tr") == 1 + 8


def test_differences_are_shown_only_where_network_and_data_are_the_papers(tmp_path):
    asked = {"scale": "smoke", "records": str(tmp_path), "missing": "skip"}
    page = notebook.open_study("hp_space", asked)
    table = pd.DataFrame({"model": ["ResNet-56"], "quantity": ["top1"], "ours": [80.0], "low": [79.0], "high": [81.0]})
    beside = table.assign(published=93.0, difference=-13.0)
    beside = beside.assign(**{"difference low": -14.0, "difference high": -12.0})
    assert not page.as_published and "difference" not in page.published(beside, "Accuracy.").html
    keyed = beside.assign(method="global", target=0.2)[["model", "method", "target", *beside.columns[1:]]]
    said = page.published(keyed, "Accuracy.").html
    assert "<th>method, share of multiplications left</th>" in said and "global, 0.2" in said and "published" in said
    assert "Not run here" in page.published(keyed.assign(ours=float("nan")), "Accuracy.").html
    whole = notebook.open_study("hp_space", asked | {"scale": "paper", "networks": "resnet56"})
    assert whole.as_published and "difference" in whole.published(beside, "Accuracy.").html


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """What `pruneproxy show` opens: studies of the landscape at scale smoke, each with its own parameters."""
    folder = str(tmp_path_factory.mktemp("records"))
    asked = {"scale": "smoke", "records": folder, "missing": "run", "device": "cpu", "networks": "resnet56"}
    small = {"weight_decay_points": 2, "lr_points": 3, "train_images": 200, "eval_images": 150}
    return lambda **changed: notebook.open_study("hp_space", asked | small | changed)


def test_hints_are_multiples_of_what_the_page_shows(tiny):
    said = tiny(missing="skip", epochs=3).changes(epochs=(2, "higher accuracy"), lr_points=(2, "more settings")).html
    assert "-p epochs 6" in said and "(instead of 3): expect higher accuracy" in said and "-p lr_points 6" in said


def test_the_hints_of_the_landscape_change_what_is_shown_in_the_stated_direction(tiny):
    shown_here, longer = tiny(), tiny(epochs=4)
    finer = tiny(lr_points=6)
    best = [
        hp_space.tables.best_accuracies(page.frame, replicates=10)["ours"].dropna() for page in (shown_here, longer)
    ]
    assert (best[1].to_numpy() > best[0].to_numpy()).all()
    settings = [hp_space.noise.regions(page.frame)["settings"] for page in (shown_here, finer)]
    assert (settings[1] == 2 * settings[0]).all()


def at_cost(**correlations):
    """A table of proxies that cost a tenth of the network each, with these rank correlations."""
    rows = [
        {"proxy": name.replace("_", " "), "seconds": 0.1, "multiplications": 0.1, "correlation": value, "regret": 0.5}
        | {"correlation low": value - 0.1, "correlation high": 1.0, "regret low": 0.0, "regret high": 1.0}
        for name, value in correlations.items()
    ]
    return pd.DataFrame(rows)


def test_a_pruned_copy_is_held_against_what_is_as_cheap():
    table = at_cost(pruned=0.8, random_pruning=0.95, fewer_epochs=0.9, fewer_layers=0.7)
    (said,) = equal_cost.said({"ResNet-8": table})
    assert said.startswith("ResNet-8: the pruned copy trains in 10 percent of the time")
    assert "0.8 (0.7 to 1)" in said and said.endswith("fewer epochs, is no worse at 0.9 (0.8 to 1).")
    dear = table.assign(seconds=[0.1, 0.1, 0.2, 0.2])
    assert equal_cost.said({"ResNet-8": dear})[0].endswith("nothing else that was tried is as cheap.")
    assert "worse at 0.7" in equal_cost.said({"a": at_cost(pruned=0.8, fewer_layers=0.7)})[0]
    assert equal_cost.said({}) == ["No pruned copy has been tried at this scale."]
