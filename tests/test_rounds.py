"""Chains of rounds: what they keep, share and resume, and the runs that use their masks."""

from dataclasses import replace

import pytest
import torch

from pruneproxy import data, magnitude, models, runs, workers
from pruneproxy.errors import UserError
from pruneproxy.randomness import generator
from pruneproxy.runs import Finding, RoundSpec, RunSpec, Ticket, rounds, tickets
from pruneproxy.sparse import SparseConfig
from pruneproxy.specs import from_dict, to_dict
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, Training

FIND = RunSpec(
    data=data.DataConfig(name="digits", train_images=96, eval_images=60),
    model=models.ModelConfig(name="resnet8", width=0.25),
    train=TrainConfig(epochs=2, batch_size=32, lr=0.05),
)
ROUND = RoundSpec(find=FIND, number=3)
OTHER = replace(FIND.train, lr=0.2)
DONATED = RoundSpec(find=FIND, finding=Finding(scope="donor"), donor=RoundSpec(find=replace(FIND, seed=1)))
OTHER_NETWORK = replace(FIND, model=models.ModelConfig(name="resnet14", width=0.25))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A chain of three rounds, made by asking for the last one."""
    found = Store(tmp_path_factory.mktemp("records"))
    workers.run_all([ROUND], found)
    return found


def chain(spec):
    return [replace(spec, number=number, donor=spec.donor) for number in range(1, spec.number + 1)]


def masks(spec, store):
    return tickets.stored(spec, store)


def test_every_round_and_its_training_is_a_record_and_none_is_made_twice(store):
    kinds = sorted(record["kind"] for record in store)
    assert kinds == ["round"] * 3 + ["run"] * 3
    for spec in chain(ROUND):
        assert store.get(spec.id)["training"] == spec.training.id and spec.training.id in store


def test_rounds_keep_four_fifths_to_one_weight_and_are_nested(store):
    found = [masks(spec, store) for spec in chain(ROUND)]
    total = sum(mask.numel() for mask in found[0].values())
    for number, keep in enumerate(found, 1):
        assert sum(magnitude.counts(keep).values()) == round(total * 0.8**number)
    for earlier, later in zip(found, found[1:], strict=False):
        assert not any((later[name] & ~earlier[name]).any() for name in later)


def test_a_chain_is_plain_lottery_ticket_pruning_bit_for_bit(store):
    """Written out: train, sort all convolutions' weights, mask, rewind; the last masks are those of the chain."""
    dataset = data.load(FIND.data)

    def network():
        draw = generator(FIND.seed, "weights")
        return models.build(FIND.model, shape=dataset.shape, classes=10, generator=draw)

    keep = {
        name: torch.ones_like(module.weight, dtype=torch.bool)
        for name, module in network().named_modules()
        if isinstance(module, torch.nn.Conv2d)
    }
    total = sum(mask.numel() for mask in keep.values())
    for number in (1, 2, 3):
        training = Training(network(), dataset, FIND.train, FIND.seed, hook=Masking(keep))
        while not training.finished:
            training.epoch()
        values = {name: training.model.get_submodule(name).weight.detach() for name in keep}
        flat = torch.cat([torch.where(keep[name], values[name].abs(), -1.0).flatten() for name in keep])
        cut = flat.sort(descending=True).values[round(total * 0.8**number) - 1]
        keep = {name: keep[name] & (values[name].abs() >= cut) for name in keep}
        assert all(torch.equal(mask, masks(chain(ROUND)[number - 1], store)[name]) for name, mask in keep.items())


class Masking:
    def __init__(self, keep):
        self.keep = keep

    @torch.no_grad()
    def begin(self, training):
        self.pairs = [(training.model.get_submodule(name).weight, mask) for name, mask in self.keep.items()]
        for weight, mask in self.pairs:
            weight[~mask] = 0

    def step(self, optimizer):
        for weight, mask in self.pairs:
            weight.grad[~mask] = 0
        optimizer.step()


def test_a_ticket_trained_as_it_was_found_is_the_next_rounds_training(store):
    assert replace(FIND, ticket=Ticket(round=chain(ROUND)[1])) == ROUND.training


@pytest.mark.parametrize("processes", [1, 2])
def test_every_training_of_a_grid_of_chains_and_tickets_is_made_once(tmp_path, processes):
    """Dense networks, chains and tickets in any order: what a round trains, coupled or dense, nobody trains again."""
    finds = [replace(FIND, train=replace(train, epochs=1)) for train in (FIND.train, OTHER)]
    chains = [RoundSpec(find=find, number=number) for find in finds for number in (1, 2)]
    tickets_ = [replace(one, ticket=Ticket(round=round_)) for one in finds for round_ in chains]
    found = Store(tmp_path)
    trained = []
    workers.run_all([*tickets_, *finds, *chains], found, workers=processes, on_record=lambda *_: trained.append(1))
    assert len(found) == 4 + 2 + 8 and not list((tmp_path / "arrays").glob("*-weights.safetensors"))
    assert len(trained) == 4 + 6  # two tickets are trainings of second rounds, the dense ones of first rounds


@pytest.mark.parametrize("mask", tickets.MASKS)
def test_any_mask_of_a_chain_can_be_trained_with_other_settings(store, mask):
    spec = replace(FIND, train=OTHER, ticket=Ticket(round=ROUND, mask=mask))
    before = len(store)
    record = runs.ensure(spec, store)
    assert record["status"] == "ok" and len(store) == before + 1  # the chain is there
    kept = sum(store.get(ROUND.id)["kept"].values())
    shapes = store.get(ROUND.id)["shapes"]
    found = {name: record["sparse"]["densities"][name] * torch.Size(shapes[name]).numel() for name in shapes}
    assert sum(found.values()) == pytest.approx(kept, abs=1e-3)
    if mask in ("found", "reinitialised", "shuffled"):
        assert found == pytest.approx(store.get(ROUND.id)["kept"], abs=1e-3)


def test_a_donor_gives_its_numbers_and_the_chain_its_own_weights(store):
    bad = replace(FIND, train=OTHER)
    spec = RoundSpec(find=bad, number=2, finding=Finding(scope="donor"), donor=replace(ROUND, number=2))
    workers.run_all([spec], store)
    assert store.get(spec.id)["kept"] == store.get(spec.donor.id)["kept"]
    assert store.get(spec.id)["masks"] != store.get(spec.donor.id)["masks"]
    assert store.get(spec.before.id)["kept"] == store.get(spec.donor.before.id)["kept"]


def test_layerwise_rounds_take_the_same_share_of_every_layer(store):
    spec = RoundSpec(find=FIND, number=2, finding=Finding(scope="layerwise", first=False))
    workers.run_all([spec], store)
    record = store.get(spec.id)
    assert record["kept"] == {name: round(torch.Size(shape).numel() * 0.64) for name, shape in record["shapes"].items()}
    assert set(store.get(ROUND.id)["shapes"]) - set(record["shapes"]) == {"conv1"}


@pytest.mark.parametrize("rewind", ["epoch", "end"])
def test_training_starts_from_where_the_round_rewinds_to(store, rewind):
    spec = RoundSpec(find=FIND, finding=Finding(rewind=rewind, epoch=1))
    workers.run_all([spec], store)
    assert store.get(spec.id)["masks"] == store.get(replace(ROUND, number=1).id)["masks"]
    ticket = replace(FIND, train=OTHER, ticket=Ticket(round=spec))
    start = runs.network(ticket, data.load(FIND.data), store).state_dict()
    early = replace(FIND.train, stop_after=1) if rewind == "epoch" else FIND.train
    expected = runs.trained_weights(replace(FIND, train=early), Store(store.folder / "again"))
    assert all(torch.equal(value, expected[name]) for name, value in start.items())


def test_a_chain_that_is_killed_goes_on_and_gives_the_same_masks(store, tmp_path, monkeypatch):
    cut, calls = Store(tmp_path), []
    execute = rounds.pruned

    def dies(spec, *rest):
        calls.append(spec.number)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return execute(spec, *rest)

    monkeypatch.setattr(rounds, "pruned", dies)
    with pytest.raises(KeyboardInterrupt):
        workers.run_all([ROUND], cut)
    assert sorted(record["kind"] for record in cut) == ["round", "run", "run"]
    workers.run_all([ROUND], cut)
    assert [cut.get(spec.id)["masks"] for spec in chain(ROUND)] == [
        store.get(spec.id)["masks"] for spec in chain(ROUND)
    ]
    assert calls == [1, 2, 2, 3] and len(cut) == 6


def test_specs_of_rounds_survive_being_written(store):
    spec = replace(FIND, train=OTHER, ticket=Ticket(round=ROUND, mask="shuffled"))
    assert from_dict(RunSpec, to_dict(spec)) == spec and from_dict(RoundSpec, store.get(ROUND.id)["spec"]) == ROUND


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: replace(ROUND, number=0), "numbered from 1 to 200, got 0"),
        (lambda: replace(ROUND, finding=Finding(rewind="epoch", epoch=2)), "an epoch to rewind to below the 2"),
        (lambda: replace(ROUND, finding=Finding(scope="donor")), "expected a donor with scope='donor'"),
        (lambda: replace(ROUND, donor=ROUND), "none with another scope"),
        (lambda: RoundSpec(find=FIND, finding=Finding(scope="donor"), donor=ROUND), "a donor of round 1, got one of"),
        (lambda: Finding(share=1.0), "Finding.share must be a share of the weights"),
        (lambda: Ticket(round=ROUND, mask="best"), "unknown mask 'best'"),
        (lambda: replace(DONATED, donor=RoundSpec(find=OTHER_NETWORK)), "a donor of the same network"),
        (
            lambda: replace(OTHER_NETWORK, ticket=Ticket(round=ROUND)),
            "a ticket of the network that its round has pruned",
        ),
        (lambda: replace(FIND, ticket=Ticket(round=ROUND), sparse=SparseConfig()), "neither prune nor sparse"),
    ],
)
def test_rounds_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        wrong()


def test_rounds_that_empty_a_layer_or_all_and_networks_without_convolutions_are_one_sentence(store, tmp_path):
    steep = RoundSpec(find=FIND)
    for scope in ("layerwise", "global"):
        with pytest.raises(UserError, match="prune fewer rounds or a smaller share"):
            workers.run_all([replace(steep, finding=Finding(share=0.99999, scope=scope))], store)
    mlp = RoundSpec(find=replace(FIND, model=models.ModelConfig(name="mlp", widths=(8,))))
    with pytest.raises(UserError, match="expected a network with convolutions to prune, got mlp"):
        workers.run_all([mlp], Store(tmp_path))


@pytest.mark.parametrize("mask", rounds.MASKS)
def test_only_the_masks_that_were_found_are_trained_on_the_weights_that_were_there(store, mask):
    dataset = data.load(FIND.data)
    start = runs.network(replace(FIND, ticket=Ticket(round=ROUND, mask=mask)), dataset, store)
    initial = runs.network(FIND, dataset, store)
    assert torch.equal(start.conv1.weight, initial.conv1.weight) == (mask == "found")
