"""The views of paper 002: tables from records, trade-offs, influence, tables beside the printed ones, figures."""

from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from pruneproxy.errors import UserError
from pruneproxy.importance import ForestConfig, PanConfig
from pruneproxy.published import read
from pruneproxy.recipes.frames import select
from pruneproxy.recipes.sparse_tradeoff import PAPER, cases, figures, fronts, influence, tables
from pruneproxy.recipes.sparse_tradeoff import frames as views
from pruneproxy.recipes.sparse_tradeoff.experiments import at, fixed, space
from pruneproxy.recipes.sparse_tradeoff.frames import COLUMNS, HYPER, Frames
from pruneproxy.search import Dimension
from pruneproxy.space import apply
from pruneproxy.specs import to_dict

EMPTY = Frames(**{name: pd.DataFrame(columns=columns) for name, columns in COLUMNS.items()})
ABOUT = {"architecture": "MLP", "data": "digits", "title": "MLP 8-8-8"}


# As in the thesis, but for images that are shown as they are.
THESIS = {name: replace(case, base=apply(case.base, {"data.augment": "none"})) for name, case in PAPER.items()}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def run(dataset, experiment, config, top1, inference, training, **more) -> dict:
    """A row of `Frames.runs`; what is not said is as in a dense network with one seed."""
    row = {"dataset": dataset, "experiment": experiment, "config": config, "algorithm": "dense", "seed": 0}
    row |= {"top1": top1, "error": 100 - top1, "inference": inference, "training": training, "updates": 0}
    row |= {"seconds": 1.0, "train_images": 60, "test_images": 20, "status": "ok", "id": config, "label": "dense"}
    return dict.fromkeys(COLUMNS["runs"]) | ABOUT | row | more


def framed(rows=(), searched=(), random=()) -> Frames:
    found = zip(COLUMNS.items(), (rows, searched, random), strict=True)
    return Frames(**{name: pd.DataFrame(list(part), columns=columns) for (name, columns), part in found})


def sparse(method, sparsity, label=None) -> dict:
    label = label or method
    return {"algorithm": method, "sparsity": sparsity, "label": label, "update_frequency": 5, "update_end": 0.8} | {
        "distribution": "uniform"
    }


def example(dataset="MNIST") -> Frames:
    """Fixed configurations, a search and an evaluation with two seeds, whose means are the round numbers below."""
    means = [
        ("reproduction", "dense", 90.0, 1e4, 1e8, {}),
        ("reproduction", "set 0.9", 84.0, 1e3, 1e7, sparse("set", 0.9)),
        ("reproduction", "rigl 0.9", 86.0, 1e3, 2e7, sparse("rigl", 0.9)),
        ("optimization", "0", 92.0, 1e4, 1e8, {"layer": 0}),
        ("optimization", "1", 88.0, 1e2, 1e6, sparse("set", 0.5) | {"layer": 0}),
        ("optimization", "2", 88.0, 1e2, 1e6, sparse("rigl", 0.7, "static") | {"layer": 1}),
        ("optimization", "3", 70.0, 1e1, 1e5, sparse("set", 0.99) | {"layer": 0}),
        ("evaluation", "0, dense", 92.0, 1e4, 1e8, {"origin": "0"}),
        ("evaluation", "0, set 0.5", 94.0, 5e3, 5e7, sparse("set", 0.5) | {"origin": "0"}),
        ("evaluation", "1, dense", 90.0, 2e2, 2e6, {"origin": "1"}),
        ("evaluation", "1, set 0.9", 60.0, 2e1, 2e5, sparse("set", 0.9) | {"origin": "1"}),
    ]
    rows = [
        run(dataset, experiment, config, top1 + by, inference, training, seed=seed, **more)
        for experiment, config, top1, inference, training, more in means
        for seed, by in enumerate((-1.0, 1.0))
    ]
    return framed(rows)


# Records


def record(name, spec, top1=80.0, status="ok", **more) -> dict:
    return {
        "id": name,
        "status": status,
        "spec": spec,
        "metrics": {"top1": top1} if status == "ok" else {},
        "history": {"epoch": [1, 2, 3] if status == "ok" else [1]},
        "cost": {"multiplications": 100, "training_multiplications": 3000 if status == "ok" else 1000, "seconds": 2.0},
        "data": {"classes": 4, "train_images": 60, "eval_images": 20},
    } | more


def entry(name, experiment, kind, **labels):
    return SimpleNamespace(spec=SimpleNamespace(id=name, kind=kind), experiment=experiment, labels=labels)


def test_records_become_a_row_per_training_and_per_trial(monkeypatch):
    (case,) = cases("smoke", datasets="mnist", epochs=3)
    dense, thin = fixed(case, 3), at(fixed(case), case, "set", 0.9)
    masks = {"label": "static", "updates": 0}
    search = {"base": to_dict(thin), "sampler": "mo-smac", "seed": 7, "objectives": views.MEASURED}
    settings = {"sparse.method": "rigl", "sparse.density": 0.25, "train.lr": 0.5, "switch.dropout": False}
    trial = {"number": 0, "folds": 2, "state": "complete", "seconds": 1.5, "settings": settings, "values": [9, 10, 30]}
    members = [{"config": 4, "layer": 1, "runs": ["a", "lost", "bad", "broken"]}]
    records = [
        record("dense", to_dict(dense)),
        record("a", to_dict(thin), 70.0, sparse=masks),
        record("bad", to_dict(thin), status="diverged", sparse=masks),
        record("broken", to_dict(thin), status="failed"),
        {"id": "search", "status": "ok", "spec": search, "trials": [trial]},
        {"id": "hypercube", "status": "ok", "spec": search | {"sampler": "lhs"}, "trials": [trial]},
        {"id": "front", "status": "ok", "members": members},
        {"id": "sweep", "status": "ok", "members": [{"origin": 4, "runs": ["a"]}]},
    ]
    known = [
        entry("dense", "reproduction", "run"),
        entry("missing", "reproduction", "run"),
        entry("search", "optimization", "tradeoff"),
        entry("front", "optimization", "front"),
        entry("sweep", "evaluation", "sweep"),
        entry("hypercube", "importance", "tradeoff", space="text"),
    ]
    monkeypatch.setattr(views, "entries", lambda one: known)
    found = views.frame(records, (case,))
    assert list(found.runs) == COLUMNS["runs"] and list(found.searched) == list(found.random) == COLUMNS["searched"]
    runs = found.runs.set_index(["experiment", "config", "id"])
    assert runs.index.tolist() == [
        ("reproduction", "dense", "dense"),
        ("optimization", "4", "a"),
        ("optimization", "4", "bad"),
        ("evaluation", "4, set 0.9", "a"),
    ]
    assert runs["top1"].tolist() == [80, 70, 25, 70] and runs["seed"].tolist() == [3, 0, 0, 0]
    assert runs["label"].tolist() == ["dense", "static", "static", "static"]
    assert runs["origin"].tolist()[-1] == "4" and runs["layer"].tolist()[1:3] == [1, 1]
    assert (found.runs["dataset"] == "MNIST").all() and (found.runs["data"] == "digits").all()
    assert (runs["inference"] == 100).all() and (runs["training"] == 3000).all()
    (first,) = found.searched.to_dict("records")
    assert (first["error"], first["inference"], first["training"]) == (9, 10, 30)
    assert (first["algorithm"], first["sparsity"], first["lr"]) == ("rigl", 0.75, 0.5)
    assert not first["use_dropout"] and pd.isna(first["dropout"]) and first["space"] == "fixed"
    assert (found.random["space"].item(), found.random["sampler"].item()) == ("text", "lhs")
    assert len(select(found, experiment="optimization").runs) == 2


def test_inactive_hyperparameters_have_no_value():
    spec = to_dict(fixed(THESIS["mnist"]))
    dense = views.hyperparameters(spec)
    assert dense["algorithm"] == "dense" and dense["sparsity"] is dense["distribution"] is None
    assert (dense["layers"], dense["first"], dense["middle"], dense["last"]) == (3, 1000, 1000, 1000)
    assert (dense["use_dropout"], dense["dropout"], dense["use_smoothing"], dense["smoothing"]) == (
        True,
        0.3,
        False,
        None,
    )
    for layers, missing in ((1, {"middle", "last"}), (2, {"middle"}), (3, set())):
        sizes = {f"model.sizes.{name}": 10 for name in ("first", "middle", "last")}
        found = views.hyperparameters(spec, sizes | {"model.sizes.layers": layers})
        assert {name for name in ("first", "middle", "last") if found[name] is None} == missing
    resnet = views.hyperparameters(to_dict(fixed(THESIS["svhn"])), {"model.blocks.1": 4})
    assert [resnet[f"block{place}"] for place in (1, 2, 3)] == [3, 4, 3] and resnet["layers"] is None
    assert set(dense) == set(HYPER)


# Trade-offs


def test_seeds_are_averaged_with_the_deviation_of_a_sample():
    table = fronts.averaged(example().runs).set_index(["experiment", "config"])
    row = table.loc[("reproduction", "set 0.9")]
    assert (row["top1"], row["error"], row["seeds"]) == (84, 16, 2) and row["sd"] == pytest.approx(np.sqrt(2))
    assert len(table) == 11 and fronts.averaged(EMPTY.runs).empty


def test_the_worst_fixed_configuration_that_has_learned_something_is_the_cut_off():
    frames = example()
    assert fronts.cutoff(fronts.reproduced(frames, "MNIST"), "MNIST") == 84
    assert fronts.optimised(frames, "MNIST")["config"].tolist() == ["0", "1", "2"]
    # Guessing errs in 90 of 100 with ten classes and in 50 with two; from 72 and 40 on little has been learned.
    collapsed = [run("MNIST", "reproduction", f"set {level}", level, 10, 10) for level in (27.9, 28.1, 84)]
    assert fronts.cutoff(framed(collapsed).runs, "MNIST") == 28.1
    prices = [run("Elec2", "reproduction", f"set {level}", level, 10, 10, data="elec2") for level in (50, 59.9, 76)]
    assert fronts.cutoff(framed(prices).runs, "Elec2") == 76
    assert fronts.cutoff(framed(prices[:2]).runs, "Elec2") == 59.9
    assert np.isnan(fronts.cutoff(fronts.reproduced(EMPTY, "MNIST"), "MNIST"))


def test_without_fixed_configurations_nothing_passes_the_cut_off():
    frames = select(example(), experiment="optimization")
    assert fronts.optimised(frames, "MNIST").empty and np.isnan(fronts.hypervolume(fronts.optimised(frames, "MNIST")))


def test_two_extreme_points_have_the_hypervolume_of_two_overlapping_boxes():
    table = fronts.optimised(example(), "MNIST")
    boxes = 1.1 * 0.1 * 0.1 + 0.1 * 1.1 * 1.1 - 0.1**3  # (0, 1, 1) and twice (1, 0, 0)
    assert fronts.hypervolume(table) == pytest.approx(boxes)


def test_dominated_points_may_give_the_extremes_or_not():
    rows = [
        run("MNIST", "optimization", "best", 90, 10, 10),
        run("MNIST", "optimization", "small", 80, 1, 1),
        run("MNIST", "optimization", "bad", 70, 100, 100),
    ]
    table = fronts.averaged(framed(rows).runs)
    assert fronts.hypervolume(table) == pytest.approx(1.1 * 0.1**2 + 0.1 * 1.1**2 - 0.1**3)
    half = 1.1 * 0.6**2 + 0.6 * 1.1**2 - 0.6**3  # (0, 1/2, 1/2) and (1/2, 0, 0)
    assert fronts.hypervolume(table, kind="all") == pytest.approx(half)
    # Of these two one dominates the other: the front is a point, and what lies behind it gives the scale.
    assert fronts.hypervolume(table[table["config"] != "small"]) == pytest.approx(1.1**3)


def test_two_experiments_are_normalised_over_both():
    found = fronts.compared(example(), "MNIST", ("reproduction", "optimization"))
    # Errors 8 to 16, inference 2 to 4 decades, training 6 to 8 decades.
    expected = {
        "optimization": ((0, 1, 1), (0.5, 0, 0)),
        "reproduction": ((0.25, 1, 1), (0.75, 0.5, (np.log10(2e7) - 6) / 2), (1, 0.5, 0.5)),
    }
    for name, corners in expected.items():
        assert found[name] == pytest.approx(union_of_boxes(corners), rel=1e-9)
    missing = fronts.compared(select(example(), experiment="reproduction"), "MNIST", tuple(expected))
    assert np.isnan(list(missing.values())).all()


def union_of_boxes(corners, reference=1.1) -> float:
    """By inclusion and exclusion."""
    corners = np.array(corners)
    return sum(
        (-1) ** (count + 1) * np.prod(reference - corners[list(chosen)].max(axis=0))
        for count in range(1, len(corners) + 1)
        for chosen in combinations(range(len(corners)), count)
    )


def test_a_sweep_is_judged_by_all_its_versions():
    table = fronts.sweeps(example(), "MNIST").set_index("origin")
    assert table["versions"].tolist() == [2, 2] and table["sparsity"].tolist() == [0.5, 0.0]
    assert table["top1"].tolist() == [94, 90]
    # The dense version of configuration 0 is dominated: one point is left, the best in everything.
    assert table.loc["0", "hypervolume"] == pytest.approx(1.1**3)
    versions = fronts.points(example(), "MNIST", "evaluation")
    assert versions["config"].tolist() == ["0, dense", "0, set 0.5", "1, dense"]


def line(count=6, method="set") -> list[dict]:
    """Every decade less costs two points of accuracy."""
    return [
        run("MNIST", "optimization", f"{method}{n}", 98 - 2 * n, 10.0 ** (8 - n), 10.0 ** (12 - n))
        | sparse(method, 0.1 + n / 10)
        for n in range(count)
    ]


def test_a_straight_line_in_decades_has_all_of_its_variance_explained():
    table = fronts.averaged(framed(line()).runs)
    found = fronts.linearity(table)
    assert found["R2"].tolist() == pytest.approx([1, 1]) and found["error per decade"].tolist() == pytest.approx(
        [-2] * 2
    )
    assert list(fronts.correlations(table).values()) == pytest.approx([1, 1, 1])
    bent = table.assign(error=table["error"] ** 4)
    assert fronts.linearity(bent)["R2"].max() < 0.9 and fronts.correlations(bent)["accuracy, inference"] == 1
    assert np.isnan(list(fronts.correlations(table[:2]).values())).all()
    assert np.isnan(fronts.linearity(table[:0])["R2"]).all()


def test_the_interval_over_seeds_is_that_of_a_mean():
    generator = np.random.default_rng(0)
    rows = [run("MNIST", "reproduction", "dense", top1, 10, 10) for top1 in generator.normal(90, 2, 40)]
    runs = framed(rows).runs
    found = fronts.interval(runs, lambda table: table["top1"].item(), replicates=2000)
    half = 1.96 * runs["top1"].std() / np.sqrt(40)
    assert found.value == pytest.approx(runs["top1"].mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.08)


def test_one_seed_has_no_interval_but_a_value():
    found = fronts.interval(framed(line()).runs, fronts.hypervolume, replicates=5)
    assert (
        found.low
        == found.high
        == found.value
        == pytest.approx(fronts.hypervolume(fronts.averaged(framed(line()).runs)))
    )


# Influence


def test_methods_that_reach_the_same_points_have_equal_hypervolumes():
    table = fronts.averaged(framed(line() + line(method="rigl")).runs)
    found = influence.subset_volumes(table, "algorithm", way="values").set_index("value")
    assert found.loc["set", "hypervolume"] == found.loc["rigl", "hypervolume"]
    assert found["share"].tolist() == pytest.approx([1, 1]) and found["configurations"].tolist() == [6, 6]


def test_subsets_by_sparsity_count_dense_configurations_as_zero():
    table = fronts.averaged(framed([*line(), run("MNIST", "optimization", "dense", 99, 1e9, 1e13)]).runs)
    found = influence.subset_volumes(table, "sparsity", way="from", at=[0, 0.15, 1])
    assert found["configurations"].tolist() == [7, 5, 0]
    assert found["share"].iloc[0] == pytest.approx(1) and found["hypervolume"].iloc[-1] == 0
    assert found["hypervolume"].is_monotonic_decreasing
    only = influence.subset_volumes(table, "sparsity", way="from", at=[0], dense_as_zero=False)
    assert only["configurations"].item() == 6
    upward = influence.subset_volumes(table, "sparsity", way="up to", at=[0, 1])
    assert upward["configurations"].tolist() == [1, 7]
    bins = influence.subset_volumes(table, "sparsity", way="bins", at=[0, 0.35, 1])
    assert bins["configurations"].tolist() == [4, 3]
    assert influence.subset_volumes(table[:0], "sparsity", way="bins", at=[0, 1]).empty


SPACE = (
    Dimension(field="sparse.method", choices=("rigl", "set", "dense"), default="set"),
    Dimension(field="sparse.density", low=0.01, high=1.0, default=0.5, when=("sparse.method", ("rigl", "set"))),
    Dimension(field="model.sizes.layers", low=1, high=4, integer=True, default=2),
    Dimension(field="train.lr", low=1e-4, high=1.0, log=True, default=0.01),
)


def hypercube(count=120, dataset="MNIST", space="text") -> list[dict]:
    """The error depends on the learning rate alone, inference on sparsity alone, training on the layers alone."""
    generator = np.random.default_rng(3)
    rows = []
    for number in range(count):
        method = ("rigl", "set", "dense")[number % 3]
        sparsity = None if method == "dense" else float(generator.uniform(0, 0.99))
        layers, lr = int(generator.integers(1, 5)), float(10 ** generator.uniform(-4, 0))
        costs = {"error": 40 - 10 * np.log10(lr), "inference": 1e5 * (1 - (sparsity or 0)), "training": 10.0**layers}
        chosen = {"algorithm": method, "sparsity": sparsity, "layers": layers, "lr": lr}
        rows.append(
            dict.fromkeys(COLUMNS["random"])
            | ABOUT
            | {"dataset": dataset, "space": space, "number": number}
            | chosen
            | costs
        )
    return rows


def test_axes_are_those_of_the_space_with_sparsity_for_density():
    found = {axis.field: axis for axis in influence.axes(SPACE)}
    assert list(found) == ["algorithm", "sparsity", "layers", "lr"]
    assert (found["sparsity"].low, found["sparsity"].high, found["sparsity"].default) == (0, 0.99, 0.5)
    assert found["lr"].log and found["layers"].integer and found["algorithm"].choices == ("rigl", "set", "dense")


def test_importance_finds_the_only_hyperparameter_that_counts():
    table = influence.configurations(framed(random=hypercube()), "MNIST")
    forest = ForestConfig(trees=8)
    found = influence.importances(table, SPACE, forest=forest)
    wide = found.pivot(index="hyperparameter", columns="objective", values="importance")
    assert wide["error"].idxmax() == "lr" and wide["error"].max() > 0.95
    assert wide["training"].idxmax() == "layers" and wide["inference"].idxmax() == "sparsity"
    beside = tables.importance(found)
    assert beside.loc["initial learning rate", ("MNIST", "here")] == wide.loc["lr", "error"]
    assert beside.loc["MLP layers", ("MNIST", "printed")] == 0.243
    assert beside.xs("here", axis=1, level=1).notna().sum().sum() == 4
    scale = influence.scale(table, SPACE, kind="even", forest=ForestConfig(trees=2))
    assert scale["position"].min() == 0 and scale["position"].max() == 3
    ends = scale[scale["position"] == 0].set_index("hyperparameter")["importance"]
    assert ends.idxmax() == "lr"
    (ax,) = figures.importance_scale(scale)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["error", "inference", "training", "error"]


def test_random_configurations_of_two_spaces_are_not_mixed():
    frames = framed(random=hypercube(8) + hypercube(8, space="fixed"))
    with pytest.raises(UserError, match="name one of them"):
        influence.configurations(frames, "MNIST")
    assert len(influence.configurations(frames, "MNIST", space="fixed")) == 8
    assert influence.importances(influence.configurations(frames, "SVHN"), SPACE).empty


def test_distributions_leave_inactive_values_out():
    rows = [row | {"layers": 1 + n % 2, "lr": 10.0**-n} for n, row in enumerate(line(4))]
    table = fronts.averaged(framed([*rows, run("MNIST", "optimization", "dense", 99, 1e9, 1e13, layers=1, lr=1)]).runs)
    dense = influence.densities(table, SPACE)
    assert dense.groupby("hyperparameter")["configurations"].first().to_dict() == {"sparsity": 4, "lr": 5}
    assert dense.groupby("hyperparameter")["log"].first().to_dict() == {"sparsity": False, "lr": True}
    counted = influence.shares(table, SPACE).set_index(["hyperparameter", "value"])["share"]
    assert counted[("layers", 1)] == pytest.approx(3 / 5) and counted[("algorithm", "set")] == pytest.approx(4 / 5)
    assert counted[("layers", 4)] == 0
    assert influence.shares(table[:0], SPACE).empty and influence.densities(table[:0], SPACE).empty


def test_planted_clusters_are_found_and_described():
    rows = [
        run("MNIST", "optimization", str(n), top1 + n / 100, cost * (1 + n / 100), cost * 10, **chosen)
        for n in range(4)
        for top1, cost, chosen in (
            (95, 1e6, {"layers": 4, "lr": 0.001}),
            (80, 1e2, sparse("set", 0.95) | {"layers": 1, "lr": 0.9}),
        )
    ]
    for number, row in enumerate(rows):
        row["config"] = str(number)
    table = fronts.averaged(framed(rows).runs)
    best = influence.clusters(table, SPACE, config=PanConfig(generations=20))[0]
    assert best.clusters == 2 and best.decision > 0.8
    described = influence.described(table, best)
    assert described["configurations"].tolist() == [4, 4]
    assert sorted(described["sparsity"]) == pytest.approx([0, 0.95])


# Tables


VIEWS = {
    "table-5.2": tables.table_5_2,
    "table-5.4": tables.table_5_4,
    "table-5.5": tables.table_5_5,
    "table-5.6": tables.table_5_6,
    "table-5.7": tables.table_5_7,
    "table-5.8": tables.table_5_8,
}


@pytest.mark.parametrize("name", VIEWS)
def test_tables_show_every_printed_number_with_and_without_ours(name):
    printed = read("sparse_tradeoff", name).set_index("dataset")
    wanted = printed[[column for column in printed if column != "note" and not column.startswith("derived_")]]
    for frames in (EMPTY, example(), example("SVHN")):
        table = VIEWS[name](frames)
        shown = table.xs("printed", axis=1, level=1)
        assert list(table.index) == list(printed.index) and shown.shape == wanted.shape
        assert np.sort(shown.to_numpy(dtype=float)).tolist() == np.sort(wanted.to_numpy(dtype=float)).tolist()
        here, ran = table.xs("here", axis=1, level=1), list(set(frames.runs["dataset"]))
        assert here.drop(index=ran).isna().all(axis=None)
        assert here.loc[ran].drop(columns="sparsity, std", errors="ignore").notna().all(axis=None)


def test_a_table_is_shown_with_few_digits_and_without_gaps_in_words():
    text = tables.shown(tables.table_5_5(example()))
    assert text.loc["MNIST", ("hypervolume ratio", "printed")] == "2.2" and not text.loc["Higgs"].isna().any()
    assert text.loc["Higgs", ("hypervolume ratio", "here")] == ""
    assert text.loc["MNIST", ("reproduction: sd over seeds", "here")] == "1.414"


def test_table_5_2_and_5_5_have_the_numbers_worked_out_by_hand():
    row = tables.table_5_2(example()).loc["MNIST"]
    assert row["highest accuracy (%)", "here"] == 90 and row["highest accuracy (%)", "printed"] == 98.7
    assert row["data and network", "here"] == "digits, MLP 8-8-8"
    both = tables.table_5_5(example()).loc["MNIST"]
    assert both["accuracy gain (points)", "here"] == 2 and both["accuracy gain (points)", "printed"] == -0.1
    volumes = fronts.compared(example(), "MNIST", ("reproduction", "optimization"))
    ratio = volumes["optimization"] / volumes["reproduction"]
    assert both["hypervolume ratio", "here"] == pytest.approx(ratio) and ratio > 1
    assert both["hypervolume ratio", "printed"] == 2.20


def test_table_5_6_counts_methods_as_asked_for_and_masks_that_never_moved():
    row = tables.table_5_6(example()).loc["MNIST"].xs("here", level=1)
    assert row["configurations"] == 3 and row["mean sparsity if sparse"] == pytest.approx(0.6)
    assert [row[f"{name} (%)"] for name in ("RigL", "SET", "Dense", "never updated")] == pytest.approx([100 / 3] * 4)


def test_table_5_7_describes_the_configurations_that_the_evaluation_starts_from():
    row = tables.table_5_7(example()).loc["MNIST"]
    assert (row["configurations", "here"], row["dense", "here"], row["sparsity, mean", "here"]) == (2, 1, 0.5)
    assert (row["configurations", "printed"], row["dense", "printed"], row["sparsity, mean", "printed"]) == (
        20,
        5,
        0.54,
    )


def test_table_5_1_is_relative_to_the_dense_network():
    table = tables.table_5_1(example())
    assert table.loc[("SET", 0.9), ("training, relative", "here")] == pytest.approx(0.1)
    assert table.loc[("SET", 0.9), ("training, relative", "printed")] == 0.10
    assert table.loc[("Dense", 0.0), ("accuracy (%)", "printed")] == 98.7 and len(table) == 31
    assert table.loc[("Dense", 0.0), ("inference multiplications", "printed")] == 2.79e6
    assert len(tables.table_5_1(EMPTY)) == 31
    other = tables.table_5_1(example("Elec2"), "Elec2")
    assert list(other.index) == [("Dense", 0.0), ("SET", 0.9), ("RigL", 0.9)]
    assert other.xs("printed", axis=1, level=1).isna().all(axis=None)


def test_the_protocol_of_the_thesis_prints_as_in_the_thesis():
    every = tuple(THESIS.values())
    configured = tables.table_a_1(every)
    here, printed = (configured.xs(side, axis=1, level=1) for side in ("here", "printed"))
    assert here.equals(printed)
    constants = tables.table_5_3(every)
    assert (
        constants.xs("here", axis=1, level=1).astype(str).equals(constants.xs("printed", axis=1, level=1).astype(str))
    )
    sets = tables.table_4_3(EMPTY, every)
    for column in ("data type", "classes"):
        assert (sets[column, "here"] == sets[column, "printed"]).all()


def test_the_space_of_the_thesis_prints_as_in_the_thesis():
    mlp, resnet = (tables.table_4_2(THESIS[name], "text") for name in ("mnist", "cifar-10"))
    assert len(mlp) == 23
    for name in ("update frequency", "update end", "MLP layers", "initial learning rate", "weight decay"):
        assert mlp.loc[name, ("range", "here")] == mlp.loc[name, ("range", "printed")]
    assert (
        mlp.loc["sparsity", ("range", "here")] == "0 to 0.99" and mlp.loc["sparsity", ("range", "printed")] == "0 to 1"
    )
    assert mlp.loc["size middle MLP layer", ("active if", "here")] == "MLP layers > 2"
    assert mlp.loc["batch size", ("range", "here")] == "128" and mlp.loc["batch size", ("default", "printed")] == "256"
    assert mlp.loc["dropout", ("active if", "here")] == mlp.loc["dropout", ("active if", "printed")] == "use dropout"
    assert resnet.loc["size conv block 3", ("range", "here")] == "1 to 4"
    assert resnet.loc["architecture", ("range", "here")] == "ResNet"


def test_table_4_1_is_read_from_the_network_that_is_trained():
    table = tables.table_4_1(THESIS["cifar-10"])
    assert (table["output size", "here"] == table["output size", "printed"]).all()
    assert table.loc["conv2_x", ("layers", "here")] == "(3x3, 32; 3x3, 32) x 3"
    assert table.loc["conv0", ("layers", "here")] == "3x3, 16, stride 1"


# Figures


def labelled(axes) -> bool:
    return all(ax.get_xlabel() and ax.get_ylabel() for ax in np.ravel(np.array(axes, dtype=object)))


def test_every_figure_of_runs_is_drawn_with_labelled_axes():
    frames = example()
    both = Frames(
        runs=pd.concat([frames.runs, example("Elec2").runs]),
        searched=pd.DataFrame(hypercube(6), columns=COLUMNS["searched"]),
        random=pd.DataFrame(hypercube(6), columns=COLUMNS["random"]),
    )
    drawn = {
        "5.1": (figures.accuracy_by_sparsity(both), 2),
        "5.2": (figures.tradeoffs(both), 4),
        "5.4": (figures.tradeoffs(both, ("optimization", "evaluation")), 4),
        "5.3": (figures.coloured(both), 2),
        "5.5": (figures.sweeps(both), 2),
        "B.1": (figures.perspectives(both), 6),
        "C.1": (figures.random_planes(both), 2),
        "4.1": (figures.shapes(), 4),
    }
    for name, (axes, count) in drawn.items():
        assert np.size(axes) == count and labelled(axes), name
    assert "Elec2" in drawn["5.1"][0][1].get_title()
    assert drawn["5.2"][0][0, 0].get_xscale() == "log"


def test_every_figure_of_influence_is_drawn_with_labelled_axes():
    runs = framed([row | {"layers": 1 + n % 2, "lr": 10.0**-n} for n, row in enumerate(line(4))]).runs
    parts = [fronts.averaged(runs.assign(dataset=dataset)) for dataset in ("MNIST", "SVHN")]
    dense, shares = (
        pd.concat([measure(table, SPACE) for table in parts]) for measure in (influence.densities, influence.shares)
    )
    axes = figures.densities(dense)
    assert labelled(axes) and [ax.get_xscale() for ax in axes] == ["linear", "log"]
    assert labelled(figures.shares(shares))
    least, largest, bins = (
        pd.concat([influence.subset_volumes(table, "sparsity", way=way, at=[0, 0.3, 1]) for table in parts])
        for way in ("from", "up to", "bins")
    )
    assert figures.volumes_by_threshold(least).get_xlabel() == "least sparsity"
    assert figures.volumes_by_threshold(largest).get_xlabel() == "largest sparsity"
    assert labelled([figures.volumes_by_bin(bins)])
    values = pd.concat([influence.subset_volumes(table, "algorithm", way="values") for table in parts])
    ax = figures.volumes_by_value(values, "algorithm")
    assert labelled([ax]) and [tick.get_text() for tick in ax.get_xticklabels()] == ["SET"]
    (bar, *_) = [patch.get_height() for patch in ax.patches]
    assert bar == pytest.approx(values["hypervolume"].iloc[0])


def test_the_share_of_draws_that_update_is_a_bar_per_data_set():
    ax = figures.updating_shares(pd.DataFrame({"text": [0.012, 0.5]}, index=["MNIST", "Higgs"]))
    assert [patch.get_height() for patch in ax.patches] == pytest.approx([1.2, 50]) and labelled([ax])


def test_figures_without_records_say_what_is_missing():
    for draw in (figures.accuracy_by_sparsity, figures.tradeoffs, figures.coloured, figures.sweeps):
        with pytest.raises(UserError, match="run the missing records first"):
            draw(EMPTY)
    with pytest.raises(UserError, match="search on MNIST"):
        figures.perspectives(EMPTY)


def test_smoke_cases_have_axes_for_everything_that_is_searched():
    for case in cases("smoke"):
        for name in ("text", "fixed"):
            names = [axis.field for axis in influence.axes(space(replace(case, space=name)))]
            assert len(names) == len(set(names)) and set(names) <= set(HYPER)


def test_losses_are_welchs_of_the_seeds_corrected_over_rows():
    rows = [
        run("MNIST", "reproduction", config, top1, 1e3, 1e6, seed=seed, **(sparse("set", level) if level else {}))
        for config, level, tops in (
            ("dense", None, (90, 91, 92)),
            ("set 0.5", 0.5, (89, 90, 92)),
            ("b", 0.9, (70, 71, 75)),
        )
        for seed, top1 in enumerate(tops)
    ]
    table = tables.losses(framed(rows)).set_index("sparsity")
    wanted = ttest_ind([70, 71, 75], [90, 91, 92], equal_var=False)
    low, high = wanted.confidence_interval()
    assert table.loc[0.9, ["difference", "low", "high"]].tolist() == pytest.approx([-19, low, high])
    assert table.loc[0.9, "worse"] == pytest.approx(wanted.pvalue / 2 * 2) and table.loc[0.5, "worse"] > 0.1


def test_losses_with_one_seed_or_without_a_dense_network_have_no_interval():
    rows = [
        run("MNIST", "reproduction", "dense", 90.0, 1e3, 1e6),
        run("MNIST", "reproduction", "set 0.5", 88.0, 5e2, 5e5, **sparse("set", 0.5)),
        run("Elec2", "reproduction", "set 0.5", 70.0, 5e2, 5e5, **sparse("set", 0.5)),
    ]
    table = tables.losses(framed(rows))
    assert table["difference"].tolist() == [-2.0] and table[["low", "worse"]].isna().all(axis=None)
    assert tables.losses(EMPTY).empty


def test_volumes_of_data_sets_come_with_intervals_around_them():
    table = fronts.volumes(example(), "reproduction", replicates=50)
    assert table["hypervolume"].item() == fronts.hypervolume(fronts.reproduced(example(), "MNIST"))
    assert (table["low"] <= table["hypervolume"]).all() and (table["hypervolume"] <= table["high"]).all()
    assert fronts.volumes(EMPTY, "optimization").empty


def test_the_filter_is_shown_with_what_passes_it():
    table = fronts.filtered(example())
    assert table.loc["MNIST", "cut-off (%)"] == fronts.cutoff(fronts.reproduced(example(), "MNIST"), "MNIST")
    assert table.loc["MNIST", "pass"] == len(fronts.optimised(example(), "MNIST"))
    assert table.loc["MNIST", "guessing (%)"] == 10 and fronts.filtered(EMPTY).empty
