"""The part of paper 003: its specs, and quantities that find what is planted in records of known accuracy."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from pruneproxy.errors import UserError
from pruneproxy.recipes import find_eval
from pruneproxy.recipes.find_eval import figures, tables
from pruneproxy.recipes.find_eval.experiments import EXPERIMENTS
from pruneproxy.recipes.find_eval.quantities import Quantities

LAB = {case.key: case for case in find_eval.cases("lab", seeds=3)}
MAIN, STRUCTURED = LAB["resnet50-tinyimagenet"], LAB["resnet18-tinyimagenet-structured"]
LAYERS = 6
HARSHNESS = {"lr": (0.03, 0.1, 0.3), "batch_size": (128, 64, 32), "weight_decay": (2e-3, 1e-2, 5e-2)}


def harshness(name, value):
    """0 for the gentle end of a hyperparameter, 2 for the harsh one."""
    return HARSHNESS[name].index(value)


def planted(case, accuracy=lambda labels: 50.0, ratio=lambda labels, place: 0.5, drift=None, barrier=None):
    """Frames of records that have the accuracies, ratios, drifts and barriers that functions of the labels say."""
    records = {}
    for entry in find_eval.entries(case):
        spec, labels = entry.spec, entry.labels | {"experiment": entry.experiment}
        noise = 0.1 * np.sin(37 * labels["seed"])  # shared by all arms of a seed
        record = {"id": spec.id, "status": "ok", "cost": {"seconds": 2.0}}
        if spec.kind == "run":
            record["metrics"] = {"top1": accuracy(labels) + noise + 0.01 * np.sin(int(spec.id, 16) % 97)}
        elif spec.kind == "round":
            record["shapes"] = {f"layer {place}": [1000] for place in range(LAYERS)}
            spread = 0.002 * np.sin(int(spec.id, 16) % 89)
            record["kept"] = {name: 1000 * (1 - ratio(labels, k) - spread) for k, name in enumerate(record["shapes"])}
        elif spec.kind == "drift":
            record["ratios"] = {f"layer {place}": drift(labels) for place in range(LAYERS)}
        else:
            record["barrier"] = barrier(labels) + noise + 0.01 * np.sin(int(spec.id, 16) % 83)
            record["errors"] = [20.0, 20 + record["barrier"], 20.0]
        records[spec.id] = record
    return find_eval.frame(list(records.values()), (case,))


def some(case, *names):
    return replace(case, experiments=names)


def grades(frames):
    return {verdict.claim: verdict.grade for verdict in find_eval.evaluate(frames, scale="lab")}


def find_matters(worth, *, given=lambda labels: 0.0):
    """Accuracy that masks lose by every step of harshness with which they were found."""

    def accuracy(labels):
        return 70 - worth * harshness(labels["hyperparameter"], labels["find"]) + given(labels)

    return accuracy


def test_a_mask_trained_as_it_was_found_is_the_training_of_the_next_round():
    case = some(replace(MAIN, seeds=1), "lr")
    coupled = {
        (entry.labels["find"], entry.labels["round"]): entry.spec
        for entry in find_eval.entries(case)
        if entry.labels.get("mask") == "found" and entry.labels["find"] == entry.labels["eval"]
    }
    rounds = {(e.labels["find"], e.labels["round"]): e.spec for e in find_eval.entries(case) if e.spec.kind == "round"}
    assert all(
        spec.id == rounds[rate, number + 1].training.id for (rate, number), spec in coupled.items() if number < 10
    )


def test_every_experiment_names_what_its_protocol_says():
    assert set(EXPERIMENTS) == set(find_eval.EXPERIMENTS)
    for case in (MAIN, STRUCTURED):
        for name in case.experiments:
            found = list(EXPERIMENTS[name](case, 0))
            assert found and {entry.experiment for entry in found} == {name}


def test_donors_have_the_round_of_the_same_number_and_the_other_settings():
    donated = [e for e in EXPERIMENTS["donors"](MAIN, 0) if e.spec.ticket.round.donor is not None]
    assert len(donated) == 3 * 2 * len(MAIN.evaluated)
    for entry in donated:
        one = entry.spec.ticket.round
        name = entry.labels["hyperparameter"]
        values = {getattr(spec.find.train, name) for spec in (one, one.donor)}
        assert one.donor.number == one.number and values == {MAIN.gentle(name), MAIN.harsh(name)}


def test_early_masks_are_trained_in_full():
    for entry in EXPERIMENTS["early"](MAIN, 0):
        if entry.labels["mask"] == "found":
            assert entry.spec.train.stop_after is None and entry.spec.train.lr == MAIN.best_lr
            epoch = int(entry.labels["variant"].split()[1])
            assert entry.spec.ticket.round.find.train.stop_after in (epoch, None)


def test_channels_are_scored_by_scales_summed_over_what_is_coupled_and_weights_go_on():
    spec = next(e.spec for e in find_eval.entries(STRUCTURED) if e.spec.prune is not None)
    channels, train = spec.prune.channels, spec.train
    assert (channels.score, channels.coupled, channels.scope, spec.prune.weights) == ("slimming", "sum", "all", "kept")
    assert (train.schedule, train.nesterov, train.label_smoothing) == ("cosine", True, 0.1) and train.warmup > 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("evaluated", "3,11", "expected evaluated from 1 to 10, the number of rounds, got 3, 11"),
        ("early_epochs", "12", "expected early_epochs from 1 to 11, the number of epochs before the last, got 12"),
        ("late_epoch", "0", "expected late_epoch from 1 to 11, the number of epochs before the last, got 0"),
        ("lr", "()", "expected"),
    ],
)
def test_a_protocol_that_makes_no_sense_is_refused(name, value, said):
    with pytest.raises(UserError, match=said):
        find_eval.cases("lab", **{name: value})


def test_a_training_that_diverged_counts_as_guessing():
    spec = find_eval.grid(some(MAIN, "lr"))[0]
    record = {"id": spec.id, "status": "diverged", "data": {"classes": 10, "source": "", "fingerprint": ""}}
    record |= {"spec": {"data": {}}, "cost": {"seconds": 1.0}}
    found = find_eval.frame([record], (some(MAIN, "lr"),)).accuracies
    assert set(found["top1"]) == {10.0}


@pytest.mark.parametrize(("worth", "grade"), [(3.0, "supported"), (-3.0, "contradicted")])
def test_better_masks_from_gentle_settings_are_found_either_way(worth, grade):
    frames = planted(some(MAIN, "lr", "batch_size", "weight_decay"), find_matters(worth))
    assert grades(frames)["FV-04"] == grade
    effects = Quantities(frames).gentle_find_gains()
    steps = {"learning rate": 1, "batch size": 2, "weight decay": 2}  # the default rate is one step from the largest
    for effect in effects:
        assert effect.value == pytest.approx(worth * steps[effect.label.split(", ")[1]], abs=0.02)


def test_decoupling_gains_what_is_planted_and_nothing_where_nothing_is():
    def coupled_loses(labels):
        return 70 - 2.5 * (labels["find"] == labels["eval"])

    case = some(MAIN, "lr", "batch_size", "weight_decay")
    gains = [effect.value for effect in Quantities(planted(case, coupled_loses)).decoupling_gains()]
    none = [effect.value for effect in Quantities(planted(case)).decoupling_gains()]
    assert len(gains) == 3 and np.allclose(gains, 2.5, atol=0.05) and np.allclose(none, 0, atol=0.05)


def test_training_prefers_the_opposite_where_that_is_planted():
    def accuracy(labels):
        step = harshness(labels["hyperparameter"], labels["eval"])
        return 70 + (2 * step if labels["round"] < 10 else -abs(step - 1))

    assert grades(planted(some(MAIN, "lr", "batch_size", "weight_decay"), accuracy))["FV-05"] == "supported"


def test_random_masks_stand_where_they_are_planted():
    worth = {"found": 0, "none": 0, "shuffled": -1, "random": -4}

    def accuracy(labels):
        harsh = labels["find"] == 0.3
        return 70 + (30 if harsh and labels["mask"] == "random" else worth[labels["mask"]])

    found = grades(planted(some(MAIN, "baselines"), accuracy))
    assert (found["FV-02"], found["FV-03"]) == ("supported", "supported")


def test_what_a_scale_decided_by_choice_is_not_testable():
    frames = planted(some(MAIN, "baselines"))
    verdict = next(v for v in find_eval.evaluate(frames, scale="lab") if v.claim == "FV-01")
    assert verdict.grade == "not testable" and "chosen" in verdict.note


@pytest.mark.parametrize(("excess", "grade"), [(0.2, "supported"), (-0.2, "contradicted")])
def test_the_records_decide_between_the_text_and_the_captions(excess, grade):
    def ratio(labels, place):
        return 0.5 + excess / 2 * harshness(labels["hyperparameter"], labels["find"]) * (place < 2)

    frames = planted(some(MAIN, "lr", "batch_size", "weight_decay"), ratio=ratio)
    assert grades(frames)["FV-11"] == grade


def test_ratios_that_repair_and_ruin_are_found():
    def accuracy(labels):
        return 70 - 5 * (labels["variant"] == "bad ratios")

    frames = planted(some(MAIN, "donors"), accuracy)
    assert grades(frames)["FV-12"] == "supported"
    assert all(effect.value == pytest.approx(5, abs=0.05) for effect in Quantities(frames).donor_gains())


def test_a_decay_that_drives_the_ratios_is_found():
    def ratio(labels, place):
        step = 0.1 + 0.01 * labels["seed"] if labels["variant"] == "decay" else 0.02
        return 0.5 + step * harshness("lr", labels["find"]) * (1 if place < 3 else -1)

    frames = planted(some(MAIN, "undecayed"), ratio=ratio)
    assert grades(frames)["FV-14"] == "supported"
    assert all(effect.value == pytest.approx(0.2, abs=0.1) for effect in Quantities(frames).undecayed_share())


def test_early_masks_that_are_as_good_or_worse_are_found():
    def accuracy(labels):
        return 70 - 6 * (labels["variant"] == "epoch 2")

    assert grades(planted(some(MAIN, "early"), accuracy))["FV-15"] == "supported"
    assert (
        grades(
            planted(some(MAIN, "early"), lambda labels: 70 - 6 * ("of" in labels or labels["variant"] == "epoch 5"))
        )["FV-15"]
        == "contradicted"
    )


def test_ratios_that_drift_at_a_large_rate_and_settle_are_found():
    def drift(labels):
        start = 0.02 * (1 + harshness("lr", labels["lr"])) * (1 + 0.05 * labels["seed"])
        return [start / epoch ** (1 + 0.1 * labels["seed"]) for epoch in range(1, 13)]

    frames = planted(some(MAIN, "drift"), drift=drift)
    assert grades(frames)["FV-16"] == "supported"


def test_barriers_decide_what_is_stable():
    def barrier(labels):
        return 0.5 if labels["lr"] == 0.03 and "epoch" in labels["start"] else 9.0

    assert grades(planted(some(MAIN, "stability"), barrier=barrier))["FV-17"] == "supported"
    turned = planted(some(MAIN, "stability"), barrier=lambda labels: 9 - barrier(labels))
    assert grades(turned)["FV-17"] == "contradicted"


def test_variants_and_weights_that_go_on_are_compared_with_their_own_pair():
    def accuracy(labels):
        return 70 - 2 * harshness("lr", labels["find"]) + 3 * (labels["experiment"] == "continued")

    frames = planted(some(MAIN, "lr", "late", "continued", "warmup"), accuracy)
    found = grades(frames)
    assert (found["FV-08"], found["FV-09"]) == ("supported", "supported")
    assert all(effect.value == pytest.approx(3, abs=0.05) for effect in Quantities(frames).continued_gains())


def test_channels_gain_at_moderate_sparsity_only_where_that_is_planted():
    def accuracy(labels):
        return 70 + 1.5 * (labels["find"] != labels["eval"]) * (30 < labels.get("removed", 0) < 70)

    assert grades(planted(STRUCTURED, accuracy))["FV-10"] == "supported"


def test_other_networks_are_judged_at_their_own_best_rate():
    case = LAB["resnet50-miniplaces"]

    def accuracy(labels):
        dense = labels["round"] == 0
        return 60 + harshness("lr", labels["find"]) if dense else 60 - 2 * harshness("lr", labels["find"])

    found = Quantities(planted(case, accuracy)).other_networks_find_gains()
    assert [effect.value for effect in found] == [pytest.approx(4, abs=0.05)]
    assert not Quantities(
        planted(case, lambda labels: 60 - harshness("lr", labels["find"]))
    ).other_networks_find_gains()


def test_a_sparse_network_that_wants_another_setting_loses_by_the_dense_ones():
    def accuracy(labels):
        step = harshness(labels["hyperparameter"], labels["eval"])
        return 70 + step if labels["round"] == 0 else 70 - step

    frames = planted(some(MAIN, "lr"), accuracy)
    kept = tables.kept_setting(frames, MAIN.key)
    proxy = tables.as_proxy(frames, MAIN.key)
    assert np.allclose(kept["points lost"], 2, atol=0.05) and np.allclose(proxy["points lost"], 2, atol=0.05)
    assert set(kept["best for dense"]) == {0.3} and set(kept["best for sparse"]) == {0.03}


def test_costs_count_shared_trainings_once():
    case = some(replace(MAIN, evaluated=(1, 2), stable_rounds=(1,)), "lr", "batch_size")
    rows = tables.costs([case]).set_index("experiment")
    epochs = MAIN.base.train.epochs
    # Three values find and train: 3 dense networks, 3 second rounds, which are coupled masks of the first, 6 other
    # masks of the first round, and 9 masks of the second one.
    assert rows["arms"]["lr"] == 3 + 9 * 2
    assert rows["shared"]["lr"] == epochs * (3 + 3 + 6 + 9)
    assert rows["alone"]["lr"] == epochs * (3 + 9 * (2 + 3))
    # Batch sizes share the default chain and its coupled masks with the learning rates.
    assert rows["new"]["batch_size"] == rows["shared"]["batch_size"] - epochs * 3


def test_every_figure_is_drawn_from_records():
    def drift(labels):
        return [0.1 / epoch for epoch in range(1, 13)]

    case = replace(MAIN, dense_lr=MAIN.lr)
    frames = planted(case, find_matters(1.0), drift=drift, barrier=lambda labels: 1.0)
    drawn = [
        figures.grid(frames, MAIN.key, "lr", given="eval"),
        figures.grid(frames, MAIN.key, "weight_decay", given="eval", experiment="local"),
        figures.baselines(frames, MAIN.key),
        figures.baselines(frames, MAIN.key, "late", "beside random masks"),
        figures.best(frames, MAIN.key),
        figures.pairs(frames, MAIN.key, "continued"),
        figures.donors(frames, MAIN.key),
        figures.undecayed(frames, MAIN.key),
        figures.early(frames, MAIN.key),
        figures.ratios(frames, MAIN.key, 89),
        figures.drift(frames, MAIN.key),
        figures.distances(frames, MAIN.key),
        figures.connectivity(frames, MAIN.key),
    ]
    for axes in drawn:
        assert all(ax.lines and ax.get_xlabel() for ax in np.ravel(axes))
    (first, *_) = np.ravel(drawn[0])
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["find 0.03", "find 0.1", "find 0.3"]
    assert all(len(line.get_xdata()) == len(MAIN.evaluated) + 1 for line in first.lines)
    plt.close("all")


def test_a_figure_without_records_says_what_to_do():
    with pytest.raises(UserError, match="expected records of .*, got none: run the missing records first"):
        figures.donors(planted(some(MAIN, "lr")), MAIN.key)


def test_every_experiment_trains_its_masks_with_the_settings_that_it_names():
    of = {name: [e for e in EXPERIMENTS[name](MAIN, 0) if e.spec.kind == "run"] for name in MAIN.experiments}
    undecayed = [e.spec for e in of["undecayed"] if e.labels["variant"] == "no decay"]
    assert {spec.train.weight_decay for spec in undecayed} == {1e-2}
    assert {spec.ticket.round.find.train.weight_decay for spec in undecayed} == {0.0}
    local = [e.spec for e in EXPERIMENTS["local"](replace(MAIN, best_lr=0.03), 0) if e.labels.get("mask") == "found"]
    assert {spec.train.lr for spec in local} == {0.03, 0.1}
    assert {e.spec.train.warmup for e in of["warmup"]} == {MAIN.warm_epochs}
    late = [e.spec.ticket.round.finding for e in of["late"] if e.spec.ticket]
    assert {(finding.rewind, finding.epoch) for finding in late} == {("epoch", 1)}
    arms = {(e.labels["lr"], e.labels["start"]) for e in EXPERIMENTS["stability"](MAIN, 0)}
    assert arms == {(0.03, "from epoch 1"), (0.03, "from the start"), (0.1, "from epoch 1")}


def test_an_experiment_of_which_an_arm_is_missing_is_judged_without_it():
    frames = planted(some(MAIN, "stability"), barrier=lambda labels: 1.0)
    lines, early = frames.lines, frames.lines["start"] != "from the start"
    for kept in (lines[~early], lines[early & (lines["lr"] == 0.03)]):
        assert Quantities(replace(frames, lines=kept)).barrier_gaps() == []
        assert grades(replace(frames, lines=kept))["FV-17"] == "not run"


def test_ratios_that_drift_evenly_to_the_end_have_not_settled():
    def drift(labels):
        speed = 0.01 * (1 + harshness("lr", labels["lr"])) * (1 + 0.02 * labels["seed"])
        return [speed * (12 - epoch) + 0.001 * np.sin(labels["seed"] + epoch) for epoch in range(1, 13)]

    frames = planted(some(MAIN, "drift"), drift=drift)
    (share,) = Quantities(frames).settled_shares()
    assert share.value == pytest.approx(1, abs=0.05) and grades(frames)["FV-16"] != "supported"


def test_values_that_only_find_are_in_no_coupled_pair():
    case = replace(LAB["resnet18-tinyimagenet"], lr_eval=(0.1, 0.3))
    frames = planted(case, lambda labels: 70 + 5 * (labels["find"] == 0.03))
    assert all(abs(effect.value) < 0.1 for effect in Quantities(frames).decoupling_gains())
    assert set(tables.kept_setting(frames, case.key)["best for dense"]) <= {0.1, 0.3}
