"""The part of paper 004: specs of its experiments, quantities on planted records, tables, figures and claims."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pruneproxy import workers
from pruneproxy.errors import UserError
from pruneproxy.evidence.tables import show
from pruneproxy.published import read
from pruneproxy.recipes import ekg
from pruneproxy.recipes.ekg.experiments import SCORES, settings
from pruneproxy.recipes.ekg.frames import COLUMNS, Frames
from pruneproxy.recipes.ekg.printed import Printed
from pruneproxy.recipes.ekg.quantities import Quantities
from pruneproxy.recipes.ekg.retuning import losses
from pruneproxy.runs.records import select
from pruneproxy.store import Store

SMOKE = ekg.cases("smoke")[0]
ABOUT = {"case": "resnet56-cifar10", "title": "ResNet-14", "dataset": "CIFAR10", "data": "fashion_mnist"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Cases, and the frames of one seed of all that the smallest scale runs."""
    cases = ekg.cases("smoke", seeds=1)
    store = Store(tmp_path_factory.mktemp("ekg"))
    specs = ekg.specs("smoke", seeds=1)
    workers.run_all(specs, store)
    return cases, ekg.frame(select(store, specs), cases)


def planted(trainings=(), searches=(), bends=()):
    rows = {"trainings": trainings, "searches": searches, "bends": bends}
    return Quantities(
        Frames(
            **{
                name: pd.DataFrame([ABOUT | row for row in rows.get(name, ())], columns=COLUMNS[name])
                for name in COLUMNS
            }
        )
    )


# what is run


def test_the_ablation_has_three_searches_and_nine_fine_tunings_of_each_seed():
    entries = list(ekg.entries(replace(SMOKE, experiments=("ablation",), seeds=1)))
    kinds = Counter(entry.spec.kind for entry in entries)
    assert kinds == {"run": 1, "subnetwork": 3, "guided": 9}
    assert {(e.labels["search"], e.labels["knowledge"]) for e in entries if e.spec.kind == "guided"} == {
        (guide, knowledge) for guide in ("none", "single", "ensemble") for knowledge in ("none", "single", "ensemble")
    }


def test_nothing_is_trained_twice_between_experiments():
    alone = sum(len(ekg.grid(replace(SMOKE, experiments=(name,)))) for name in SMOKE.experiments)
    specs = ekg.grid(SMOKE)
    assert len({spec.id for spec in specs}) == len(specs) < alone


def test_every_score_of_table_1_is_searched_and_only_the_papers_own_is_guided():
    entries = ekg.entries(replace(SMOKE, experiments=("scores",), seeds=1))
    found = {e.spec.search.score: e.spec.search.guide for e in entries if e.spec.kind == "subnetwork"}
    assert found == SCORES == {"l1": "none", "geometric-median": "none", "gbn": "none", "taylor": "ensemble"}


def test_random_networks_share_the_weights_and_images_of_their_unpruned_network():
    searches = [
        e.spec for e in ekg.entries(replace(SMOKE, experiments=("random",), seeds=1)) if e.spec.kind == "subnetwork"
    ]
    assert len(searches) == SMOKE.drawn == len({spec.search.seed for spec in searches})
    assert len({(spec.dense.id, spec.seed) for spec in searches}) == 1


def test_the_landscapes_have_three_networks_at_every_setting():
    entries = list(ekg.entries(replace(SMOKE, experiments=("retune",), seeds=1)))
    found = Counter((e.labels["lr"], e.labels["weight_decay"]) for e in entries)
    assert set(found) == set(settings(SMOKE)) and set(found.values()) == {3}
    assert len(settings(SMOKE)) == SMOKE.lr_points * SMOKE.weight_decay_points
    fresh = [e.spec for e in entries if e.labels["start"] == "fresh" and e.spec.kind == "guided"]
    assert all(spec.train.epochs == SMOKE.base.train.epochs and spec.start == "fresh" for spec in fresh)


def test_the_papers_protocol_is_that_of_its_appendix():
    case, wanted = ekg.PAPER["resnet56-cifar10"], read("ekg", "appendix-A.2").query("dataset == 'CIFAR'")
    said = wanted.set_index(["phase", "hyperparameter"])["value"]
    assert float(said["fine-tuning", "initial learning rate"]) == case.finetune_lr
    assert float(said["fine-tuning", "L2 weight"]) == case.finetune_weight_decay
    assert int(said["fine-tuning", "epochs"]) == case.finetune_epochs
    assert int(said["memory bank", "number of teachers K"]) == case.teachers
    assert int(said["sub-network search", "samples per class, D_subset"]) == case.tuned_on
    assert int(said["sub-network search", "samples per class, D_val"]) == case.judged_on
    assert float(said["sub-network search", "ratio r of low-score filters per step"]) == case.ratio
    assert float(said["sub-network search", "learning rate"]) == case.tuning_lr
    decays = [int(epoch) for epoch in said["pre-trained network", "learning rate multiplied by 0.2 at"].split(";")]
    assert [round(share * case.base.train.epochs) for share in case.base.train.milestones] == decays
    mobile = ekg.PAPER["mobilenet_v2-cifar10"]
    assert float(said["pre-trained network", "L2 weight, MobileNet-v2"]) == mobile.base.train.weight_decay


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"targets": ()}, "expected one value of targets or more"),
        ({"drawn": 0}, "drawn must be at least 1, got 0"),
        ({"teachers": 0}, "teachers must be at least 1, got 0"),
        ({"judged_on": -1}, "judged_on must be at least 1, got -1"),
        ({"finetune_epochs": 0}, "finetune_epochs must be at least 1, got 0"),
        ({"lr_log10": (1.0, 0.0)}, "lr_log10 must be the decimal exponents"),
        ({"filtered": "all"}, "unknown filter of candidates 'all'"),
        ({"experiments": ("tables",)}, "unknown experiment 'tables'"),
    ],
)
def test_a_case_that_makes_no_sense_is_refused(values, said):
    with pytest.raises(UserError, match=said):
        replace(SMOKE, **values)


# quantities on planted records


def ablation(gains: dict, seconds: dict, unpruned: float = 80.0):
    """Three seeds whose accuracies lie about the unpruned network by fixed gains, with noise that arms share."""
    noise = (0.0, 0.3, -0.3)
    rows = [
        {"experiment": "ablation", "seed": seed, "knowledge": "unpruned", "top1": unpruned + shift, "seconds": 1.0}
        for seed, shift in enumerate(noise)
    ]
    return rows + [
        {"experiment": "ablation", "search": search, "knowledge": knowledge, "seed": seed}
        | {"top1": unpruned + shift + gain, "seconds": seconds[knowledge] * (1 + 0.01 * seed)}
        for (search, knowledge), gain in gains.items()
        for seed, shift in enumerate(noise)
    ]


GAINS = {
    ("none", "none"): -1.0,
    ("single", "none"): -1.5,
    ("ensemble", "none"): -0.8,
    ("ensemble", "single"): 0.1,
    ("ensemble", "ensemble"): 0.4,
}
SECONDS = {"none": 10.0, "single": 17.0, "ensemble": 12.0}


def test_gains_of_the_ablation_are_differences_of_equal_seeds():
    quantities = planted(ablation(GAINS, SECONDS))
    found = {
        name: [effect.value for effect in getattr(quantities, name)()]
        for name in ("single_search_gains", "ensemble_search_gains", "over_unpruned", "finetuning_over_search")
    }
    assert found["single_search_gains"] == pytest.approx([-0.5])
    assert found["ensemble_search_gains"] == pytest.approx([0.2])
    assert found["over_unpruned"] == pytest.approx([0.4])
    assert found["finetuning_over_search"] == pytest.approx([1.2 - 0.2])
    times = [quantities.bank_times()[0], quantities.single_times()[0], quantities.bank_over_single_times()[0]]
    assert [effect.value for effect in times] == pytest.approx([1.2, 1.7, 12 / 17])


def test_the_time_of_a_search_is_that_of_its_steps():
    rows = [
        {
            "experiment": "ablation",
            "search": guide,
            "seed": seed,
            "paced": pace * steps,
            "steps": steps,
            "seconds": 99.0,
        }
        for guide, pace in (("none", 1.0), ("ensemble", 1.2))
        for seed, steps in enumerate((10, 20, 15) if guide == "none" else (12, 18, 30))
    ]
    assert [effect.value for effect in planted(ablation(GAINS, SECONDS), rows).search_times()] == pytest.approx([1.2])


def scored(ratios: dict, accuracies: dict, losses: dict, surfaces: dict):
    trainings, searches, bends = [], [], []
    for seed in range(3):
        for score in ratios:
            about = {"experiment": "scores", "score": score, "seed": seed, "knowledge": "none"}
            trainings.append(about | {"top1": accuracies[score] + 0.01 * seed})
            searches.append(about | {"loss": losses[score]})
            bends.append(about | {"mean_ratio": ratios[score], "fluctuation": surfaces[score]})
    return planted(trainings, searches, bends)


def test_the_four_scores_are_compared_as_in_table_1():
    order = dict(zip(SCORES, (0.4, 0.15, 0.04, 0.02), strict=True))
    accuracies = dict(zip(SCORES, (93.5, 93.6, 93.7, 93.9), strict=True))
    quantities = scored(order, accuracies, dict(zip(SCORES, (0.16, 0.11, 0.070, 0.071), strict=True)), order)
    assert [effect.value for effect in quantities.condition_correlations()] == pytest.approx([-1.0])
    assert [effect.value for effect in quantities.loss_over_gbn()] == pytest.approx([0.001])
    assert [effect.value for effect in quantities.condition_over_gbn()] == pytest.approx([-0.02])
    assert [effect.value for effect in quantities.accuracy_over_gbn()] == pytest.approx([0.2])
    assert [effect.value for effect in quantities.fluctuation_steps()] == pytest.approx([0.25, 0.11, 0.02])
    assert [effect.value for effect in quantities.fluctuation_margins()] == pytest.approx([0.38, 0.13, 0.02])


def test_what_foretells_better_has_the_larger_correlation():
    generator, rows = np.random.default_rng(0), {"trainings": [], "searches": [], "bends": []}
    for seed in range(4):
        for draw in range(40):
            potential = generator.normal()
            about = {"experiment": "random", "seed": seed, "draw": draw, "score": "random"}
            rows["trainings"].append(about | {"loss": potential, "knowledge": "none"})
            rows["searches"].append(about | {"loss": potential + 3 * generator.normal()})
            rows["bends"].append(about | {"mean_ratio": -potential + 0.1 * generator.normal(), "ratio": 0.0})
    (effect,) = planted(**rows).foretold()
    assert 0.4 < effect.value < 0.9 and effect.interval[0] > 0
    assert len(planted(**rows).drawn()) == 160


def test_the_curve_goes_from_the_mildest_target_on():
    rows = [{"experiment": "curve", "seed": seed, "knowledge": "unpruned", "top1": 80.0 + seed} for seed in range(3)]
    gains = {0.7: 0.3, 0.5: 0.1, 0.3: -0.9}
    rows += [
        {"experiment": "curve", "seed": seed, "knowledge": "ensemble", "search": "ensemble", "target": left}
        | {"top1": 80.0 + seed + gain}
        for left, gain in gains.items()
        for seed in range(3)
    ]
    quantities = planted(rows)
    assert [left for left, _ in quantities.curve("resnet56-cifar10")] == [0.7, 0.5, 0.3]
    assert [effect.value for effect in quantities.mild_curve_gains()] == pytest.approx([0.3, 0.1])
    assert [effect.value for effect in quantities.mildest_curve_gains()] == pytest.approx([0.3])
    assert quantities.over_others() == []  # a stand-in is not compared with other papers' ResNet-56


def landscapes(shift: int):
    """Three seeds of accuracies with a peak; that of the fine-tuned network lies `shift` learning rates lower."""
    rates, decays, rows = (0.001, 0.01, 0.1, 1.0), (1e-4, 1e-3, 1e-2), []
    for name, moved in (("unpruned", 0), ("fresh", 0), ("kept", shift)):
        about = {
            "knowledge": "unpruned" if name == "unpruned" else "none",
            "start": "kept" if name == "kept" else "fresh",
        }
        for seed in range(3):
            for i, lr in enumerate(rates):
                for j, weight_decay in enumerate(decays):
                    top1 = 90 - 4 * abs(i - 2 + moved) - 0.2 * abs(j - 1) + 0.01 * seed * (i + j)
                    row = {"experiment": "retune", "seed": seed, "lr": lr, "weight_decay": weight_decay, "top1": top1}
                    rows.append(about | row)
    return planted(rows)


def test_the_risk_of_not_tuning_again_is_that_of_the_moved_peak():
    still, moved = (losses(landscapes(shift))["resnet56-cifar10"] for shift in (0, 1))
    assert still["kept"][1].value == pytest.approx(0, abs=0.05) and moved["kept"][1].value == pytest.approx(4, abs=0.1)
    assert moved["fresh"][1].value == pytest.approx(0, abs=0.05)
    assert moved["kept"][0].value > 3.5 > 1 > still["kept"][0].value


def test_only_a_mild_target_speaks_for_the_mildest():
    rows = [
        {"experiment": "curve", "seed": seed, "knowledge": knowledge, "target": left, "top1": top1}
        for seed in range(3)
        for knowledge, left, top1 in (("unpruned", None, 80.0), ("ensemble", 0.5, 79.0))
    ]
    quantities = planted(rows)
    assert quantities.mildest_curve_gains() == [] and len(quantities.mild_curve_gains()) == 1


def test_on_imagenet_reductions_are_those_that_were_reached():
    rows = [
        {"case": "resnet50-imagenet", "experiment": "curve", "seed": seed, "knowledge": knowledge, "target": left}
        | {"top1": top1, "multiplications": count}
        for seed in range(3)
        for knowledge, left, top1, count in (("unpruned", None, 76.0, 1000.0), ("ensemble", 0.45, 75.9, 440.0))
    ]
    quantities = planted(rows)
    assert [effect.value for effect in quantities.further_than_autoslim()] == pytest.approx([56 - 51.6])
    assert [effect.value for effect in quantities.over_autoslim()] == pytest.approx([75.9 - 75.6])
    assert [effect.value for effect in quantities.over_resnet50_others()] == pytest.approx([75.9 - 76.15])


def test_a_target_of_nothing_is_refused_and_not_replaced():
    with pytest.raises(UserError, match="target must be a share"):
        ekg.specs("smoke", experiments=("curve",), targets=(0.0,))


# what is shown


def test_the_frames_have_a_row_for_everything_that_was_run(study):
    (case,), frames = study
    kinds = Counter(e.spec.kind for e in ekg.entries(case))
    assert len(frames.trainings) == kinds["run"] + kinds["guided"] and len(frames.searches) == kinds["subnetwork"]
    assert len(frames.bends) == kinds["bends"]
    assert (
        frames.trainings["top1"].between(0, 100).all()
        and (frames.searches["reached"] <= frames.searches["target"]).all()
    )
    assert (frames.steps.groupby(["id", "experiment", "draw"], dropna=False)["left"].diff().dropna() <= 0).all()
    assert frames.bends["fluctuation"].notna().sum() == len(SCORES)


def test_every_table_stands_beside_the_printed_one(study):
    _, frames = study
    for name in ("scores", "ablation", "times", "curve"):
        table = getattr(ekg.tables, name)(frames)
        assert table["ours"].notna().any() and table["published"].notna().any(), name
        assert "not run" not in set(show(table).loc[table["ours"].notna(), "ours"])
    printed = ekg.tables.scores(frames).set_index(["score", "quantity"])["published"]
    assert printed["EKG", "condition number"] == 0.0211 and printed["L1", "accuracy (%)"] == 93.57


def test_tables_without_a_printed_one_have_their_rows(study):
    (case,), frames = study
    assert set(ekg.tables.correlations(frames)["networks"]) == {case.drawn}
    assert len(ekg.tables.parameters(frames)) == len(case.targets)
    assert ekg.tables.phases(frames).filter(like="%").sum(axis=1).between(99.9, 100.1).all()
    retuned = ekg.tables.retuning(frames)
    assert len(retuned) == 3 and retuned["best accuracy (%)"].between(0, 100).all()
    assert list(ekg.tables.quoted("table-3")["source"]).count("this paper") == 2


def test_every_figure_is_drawn_from_frames_and_says_what_is_missing(study):
    (case,), frames = study
    for name in ("potential", "surfaces", "ablation", "curve", "landscapes"):
        assert np.ravel(getattr(ekg.figures, name)(frames, case.key))[0].figure.axes, name
        with pytest.raises(UserError, match="got none: run the missing records first"):
            getattr(ekg.figures, name)(ekg.frame([], (case,)), case.key)
    assert ekg.figures.history(frames, case.key, "ablation")[0].lines
    assert len(ekg.figures.imagenet()) == 2


def test_the_figure_of_the_ablation_has_the_means_of_the_table():
    quantities = planted(
        ablation(GAINS | {(s, k): 0.0 for s in ("none", "single") for k in ("single", "ensemble")}, SECONDS)
    )
    ax = ekg.figures.ablation(quantities.frames, "resnet56-cifar10")
    drawn = {container.get_label(): container.lines[0].get_ydata() for container in ax.containers}
    assert drawn["fine-tuned with none"] == pytest.approx([-1.0, -1.5, -0.8])


# claims


def test_printed_numbers_are_those_of_the_tables():
    printed = Printed()
    gains = {effect.label: effect.value for effect in printed.ensemble_search_gains()}
    assert gains == {
        "ResNet-56 on CIFAR10": 0.07,
        "ResNet-56 on CIFAR100": 0.19,
        "MobileNet-v2 on CIFAR10": 0.2,
        "MobileNet-v2 on CIFAR100": 0.26,
    }
    assert [round(effect.value, 2) for effect in printed.over_others()] == [-0.05, 0.05]
    assert [effect.value for effect in printed.resnet50_changes()] == [-0.02]
    assert all(
        effect.exact
        for name in ("bank_times", "search_times", "accuracy_over_gbn")
        for effect in getattr(printed, name)()
    )


def test_the_printed_numbers_contradict_two_claims_and_support_the_others_that_have_some():
    grades = ekg.printed_verdicts(*ekg.RECIPE.claims)["grade"]
    assert set(grades[grades == "contradicted"].index) == {"EK-10", "EK-13"}
    assert set(grades[grades == "not testable"].index) == {"EK-01", "EK-15"}
    assert (grades.drop(["EK-01", "EK-10", "EK-13", "EK-15"]) == "supported").all()


def test_claims_on_imagenet_are_not_run_by_stand_ins(study):
    _, frames = study
    found = {verdict.claim: verdict.grade for verdict in ekg.evaluate(frames, scale="smoke")}
    assert {found[name] for name in ("EK-10", "EK-11", "EK-12", "EK-13", "EK-14")} == {"not run"}
    assert "not run" not in {
        grade for name, grade in found.items() if name not in ("EK-10", "EK-11", "EK-12", "EK-13", "EK-14")
    }


def test_a_claim_follows_planted_records():
    verdicts = {one.claim: one for one in ekg.evaluate(planted(ablation(GAINS, SECONDS)).frames, scale="lab")}
    assert verdicts["EK-04"].value == pytest.approx(-0.5) and verdicts["EK-08"].grade != "not run"
    assert verdicts["EK-01"].grade == "not run"
