import pytest
import torch

from pruneproxy import bench, models


def test_both_loops_train_the_same_network_on_the_same_images():
    said = []
    threads = torch.get_num_threads()
    bench.report(steps=1, threads=1, device=torch.device("cpu"), say=said.append, networks={"mlp": "float32"})
    torch.set_num_threads(threads)
    assert len(said) == 3 and said[-1].startswith("mlp")
    usual, ours = (float(word) for word in said[-1].split()[1:3])
    assert usual > 0 and ours > 0


def test_the_ratio_says_how_many_times_faster_our_loop_is(monkeypatch):
    monkeypatch.setattr(bench, "usual_speed", lambda name, **_: 100.0)
    monkeypatch.setattr(bench, "our_speed", lambda name, precision, **_: 250.0)
    said, threads = [], torch.get_num_threads()
    bench.report(steps=1, threads=1, device=torch.device("cpu"), say=said.append, networks={"mlp": "float32"})
    torch.set_num_threads(threads)
    assert said[-1].split()[1:4] == ["100", "250", "2.50x"]


def test_the_networks_of_the_benchmark_exist_and_change_when_they_are_trained():
    assert set(bench.NETWORKS) <= set(models.MODELS)
    cpu, dataset = torch.device("cpu"), bench.pictures(2 * bench.BATCH)
    for steps in (bench.plain_steps, lambda net, data, _: bench.our_steps(net, data, "bfloat16")):
        network = bench.network("mlp", cpu)
        before = network.fc.weight.clone()
        assert len(list(steps(network, dataset, cpu))) == 2
        assert not torch.equal(network.fc.weight, before)


def test_runs_at_once_are_timed_against_the_same_runs_one_after_the_other(monkeypatch):
    monkeypatch.setattr(bench, "TABLE", 256)
    said = []
    bench.report_together(said.append, torch.device("cpu"), (1, 3), repeats=2)
    assert [line.split()[0] for line in said[1:]] == ["1", "3"]
    for line in said[1:]:
        gain, least, most = (float(word.rstrip("x")) for word in line.split()[1:])
        assert 0 < least <= gain <= most


def test_runs_at_once_and_one_after_the_other_train_the_same_networks():
    dataset = bench.table()
    (one, other), (alone, _) = ([bench.small(dataset, seed) for seed in range(2)] for _ in range(2))
    bench.Together([one, other]).epoch()
    alone.epoch()
    assert one.history["train_loss"] == pytest.approx(alone.history["train_loss"], rel=1e-5)
    assert one.history["train_loss"] != pytest.approx(other.history["train_loss"], rel=1e-3)


def test_the_share_of_a_search_that_is_not_training_is_measured():
    said = []
    bench.report_search(said.append, {"tpe": "journal:{}/s.log"}, trials=2, epochs=1)
    assert len(said) == 2 and said[1].startswith("tpe") and said[1].endswith("%")


def test_masks_are_timed_for_every_method_that_is_asked_for():
    said = []
    bench.report_masks(said.append, ("static", "set"), turns=1, steps=1)
    assert [line.split(", ")[1] for line in said] == ["static", "set"]
    assert all(0 < float(line.split(": ")[1].split("%")[0]) < 1000 for line in said)


def test_a_search_is_reported_by_phase_and_knowledge_by_its_share_of_time(monkeypatch):
    monkeypatch.setattr(bench, "BATCH", 32)
    said = []
    bench.report_subnetworks(said.append, name="resnet8", target=0.9, judged=40)
    assert "scores" in said[0] and "candidates" in said[0] and "a step over" in said[0]
    assert said[1].startswith("fine-tuning with a memory bank: ") and said[2].startswith(
        "fine-tuning with a single teacher: "
    )
    ratios = [float(line.split(": ")[1].split("x")[0]) for line in said[1:]]
    assert all(0.3 < ratio < 5 for ratio in ratios)
