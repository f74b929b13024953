"""The benchmark: every way really trains, contenders take turns, and the table says what was measured and changed."""

import json
from dataclasses import replace

import pytest
import torch

from pruneproxy import models
from pruneproxy.bench import __main__ as command
from pruneproxy.bench import lines, narrowed, overheads, table, together, turns, ways
from pruneproxy.bench.lines import Line, Plan
from pruneproxy.bench.ways import Way
from pruneproxy.book import speed
from pruneproxy.sparse import SparseConfig

MASKED = SparseConfig(method="static", density=0.1)


@pytest.mark.parametrize(
    "way",
    [
        Way(network="mlp", plain=True),
        Way(network="mlp"),
        Way(network="mlp", in_memory=False),
        Way(network="mlp", fused=True),
        Way(network="mlp", precision="bfloat16", channels_last=False),
        Way(network="mlp", sparse=MASKED, engine="masked"),
        Way(network="mlp", sparse=MASKED, engine="torch"),
    ],
)
def test_every_way_trains_the_network(way, monkeypatch):
    built = []
    original = ways.network
    monkeypatch.setattr(ways, "network", lambda *given: built.append(original(*given)) or built[-1])
    taken = ways.steps(way, ways.pictures(2 * ways.BATCH, 28))
    before = built[0].fc.weight.detach().clone()
    for _ in range(3):  # also past the end of an epoch
        next(taken)
    after = built[0].fc.weight
    assert not torch.equal(after, before) and after.isfinite().all()
    assert way.sparse is None or after.count_nonzero() == round(0.1 * after.numel())


def test_all_ways_see_the_same_pictures_at_the_same_size():
    dataset = ways.pictures(8, 32)
    picture, label = ways.PerImage(dataset.train)[3]
    assert picture.shape == dataset.shape and label == int(dataset.train.labels[3])
    assert set(lines.NETWORKS) <= set(models.MODELS) and {ways.side_of(name) for name in lines.NETWORKS} == {28, 32}


def test_contenders_take_turns_in_processes_of_their_own():
    contenders = {"one": Way(network="mlp"), "two": Way(network="mlp", processes=2)}
    found = turns.speeds(contenders, turns=2, seconds=0.01)
    assert list(found) == ["one", "two"] and all(len(values) == 2 and min(values) > 0 for values in found.values())


def test_a_contender_that_cannot_train_is_an_error_and_not_a_wait():
    with pytest.raises((EOFError, ConnectionError)):
        turns.speeds({"none": Way(network="mlp", precision="float3")}, turns=1, seconds=0.01)


def test_a_ratio_is_taken_turn_by_turn():
    assert lines.over([2.0, 30.0, 4.0], [1.0, 10.0, 4.0]) == (2.0, 1.0, 3.0)


def measured(monkeypatch, section, plan, fast="rows"):
    """The lines of a section whose contenders have made-up speeds: 200 where `fast` is in the name, else 100."""

    def speeds(contenders, **_):
        return {name: [200.0 if fast in name else 100.0] * 5 for name in contenders}

    monkeypatch.setattr(lines, "speeds", speeds)
    monkeypatch.setattr(lines, "precision_of", lambda name: "float32")
    return list(lines.SECTIONS[section](plan))


def test_every_way_has_its_ratio_to_the_usual_loop_and_to_one_run(monkeypatch):
    found = measured(monkeypatch, "throughput", Plan(networks=("mlp",), cores=3), fast="3 runs at once")
    assert [line.what.split(",")[0] for line in found] == [
        "usual loop",
        "3 runs at once",
        "one run of 3 threads",
        "one run",
    ]
    assert found[1].ratios == {"usual loop": (2.0, 2.0, 2.0), "one run": (2.0, 2.0, 2.0)}
    assert set(found[0].ratios) == {"one run"} and set(found[3].ratios) == {"usual loop"}


def test_every_choice_has_the_factor_that_it_gives(monkeypatch):
    found = {
        line.what: line.ratios["without"][0]
        for line in measured(monkeypatch, "choices", Plan(networks=("mlp",)), "with")
    }
    assert len(found) == 5
    assert {factor for what, factor in found.items() if "fused" not in what} == {2.0}
    assert next(factor for what, factor in found.items() if "fused" in what) == 0.5


def test_sparse_layers_are_compared_with_dense_ones_and_need_the_mlp(monkeypatch):
    found = measured(monkeypatch, "sparse", Plan(networks=("mlp",)))
    rows = [line for line in found if line.what.startswith("rows by torch")]
    assert len(rows) == len(lines.DENSITIES) and all(line.ratios["dense"][0] == 2.0 for line in rows)
    assert not measured(monkeypatch, "sparse", Plan(networks=("resnet20",)))


def test_runs_at_once_are_timed_against_the_same_runs_one_after_the_other(monkeypatch):
    monkeypatch.setattr(together, "COUNTS", (1, 3))
    monkeypatch.setattr(together, "ROWS", 256)
    found = list(lines.at_once(Plan()))
    assert [line.what for line in found] == ["1 in one program", "3 in one program"]
    assert all(line.ratios["one after the other"][1] > 0 for line in found)


def test_without_a_card_its_lines_say_that_they_were_not_measured(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = measured(monkeypatch, "GPU", Plan(networks=("resnet20", "mlp")))
    assert [(line.network, line.what) for line in found] == [("resnet20", "not measured: no CUDA device")]
    assert found[0].images_per_second is None and not found[0].ratios


def test_pruned_networks_are_timed_with_any_number_of_channels_and_with_eights(monkeypatch):
    monkeypatch.setattr(narrowed, "BATCH", 16)
    monkeypatch.setattr(narrowed, "PRUNERS", {"half": {"score": "l1", "target": 0.5}})
    found = list(narrowed.times("mlp", 1))
    assert [what for what, _, _ in found] == ["half, any number of channels", "half, multiples of 8"]
    assert all(abs(share - 0.5) < 0.02 and len(ratios) == 1 and ratios[0] > 0 for _, share, ratios in found)
    eights = narrowed.pruned("mlp", ways.pictures(32, 28))["half, multiples of 8"]
    assert all(width % 8 == 0 for width in eights.config.widths)


LINE = Line(section="throughput", network="mlp", what="one run", images_per_second=(1000.0, 900.0, 1200.0))
LINE = replace(LINE, ratios={"usual loop": (2.0, 1.5, 2.5)})


def test_a_line_says_how_much_it_has_changed_since_the_kept_table():
    kept = json.loads(json.dumps(table.data([replace(LINE, ratios={"usual loop": (1.6, 1.0, 2.0)})], Plan())))
    assert "1,000 (900 to 1,200) images/s, 3.6 runs/hour | 2.00 (1.50 to 2.50) x usual loop, +25%" in table.text(
        LINE, kept
    )
    assert "%" not in table.text(LINE, None)
    assert list(table.missing([], kept, ["throughput"])) == ["throughput: mlp: one run"]
    assert not list(table.missing([LINE], kept, ["throughput"])) and not list(table.missing([], kept, ["GPU"]))


def test_the_command_keeps_its_table_and_compares_the_next_one(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(command.SECTIONS, "throughput", lambda plan: iter([LINE]))
    arguments = ["--sections", "throughput", "--table", str(tmp_path / "speed.json")]
    assert command.main([*arguments, "--save"]) == 0
    assert "%" not in capsys.readouterr().out.splitlines()[1]
    assert command.main(arguments) == 0 and capsys.readouterr().out.rstrip().endswith("+0%")
    kept = speed.read(tmp_path / "speed.json")
    assert {"device", "date", "commit", "cores", "lines"} <= set(kept) and len(kept["lines"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sections", "thruput"], "unknown section of the benchmark"),
        (["--networks", "resnet21"], "did you mean 'resnet20'"),
        (["--turns", "3", "--save"], "at least 5 turns"),
    ],
)
def test_a_wrong_argument_is_one_sentence(arguments, said, capsys):
    assert command.main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_the_page_has_the_lines_of_the_table_and_a_figure():
    narrow = Line(section="narrowed", network="mlp", what="L1, multiples of 8", multiplications=0.5)
    narrow = replace(narrow, ratios={"time of the full network": (0.6, 0.5, 0.7)})
    none = Line(section="GPU", network="resnet20", what="not measured: no CUDA device")
    kept = json.loads(json.dumps(table.data([LINE, narrow, none], Plan())))
    page = speed.page(kept, "speed.svg")
    assert "| mlp | one run | 1,000 (900 to 1,200) | 3.6 | 2.00 (1.50 to 2.50) |" in page and "(speed.svg)" in page
    assert "| mlp | L1, multiples of 8 | 50% | 0.60 (0.50 to 0.70) |" in page
    assert "| resnet20 | not measured: no CUDA device |" in page and kept["date"] in page
    left, right = speed.figure(kept).axes
    assert [bar.get_width() for bar in left.patches] == [2.0]
    assert [list(line.get_ydata()) for line in right.lines] == [[], [0.6], [0, 1]]
    assert speed.page(None, "speed.svg") == speed.NOT_RUN


def test_the_share_of_a_search_that_is_not_training_is_measured():
    said = []
    overheads.report_search(said.append, {"tpe": "journal:{}/s.log"}, trials=2, epochs=1)
    assert len(said) == 2 and said[1].startswith("tpe") and said[1].endswith("%")


def test_a_search_is_reported_by_phase_and_knowledge_by_its_share_of_time(monkeypatch):
    monkeypatch.setattr(overheads, "BATCH", 32)
    said = []
    overheads.report_subnetworks(said.append, name="resnet8", target=0.9, judged=40)
    assert "scores" in said[0] and "candidates" in said[0] and "a step over" in said[0]
    assert said[1].startswith("fine-tuning with a memory bank: ") and said[2].startswith(
        "fine-tuning with a single teacher: "
    )
    ratios = [float(line.split(": ")[1].split("x")[0]) for line in said[1:]]
    assert all(0.3 < ratio < 5 for ratio in ratios)
