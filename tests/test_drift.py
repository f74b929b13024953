"""Lines between networks, and what happens to a network while it finds masks."""

from dataclasses import replace

import pytest
import torch

from pruneproxy import data, magnitude, models, paths, workers
from pruneproxy.errors import UserError
from pruneproxy.runs import Finding, RoundSpec, RunSpec, Ticket, tickets
from pruneproxy.runs.drift import DriftSpec, StabilitySpec
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig

RUN = RunSpec(
    data=data.DataConfig(name="digits", train_images=96, eval_images=60),
    model=models.ModelConfig(name="resnet8", width=0.25),
    train=TrainConfig(epochs=2, batch_size=32, lr=0.05),
)


def test_the_barrier_of_a_quadratic_is_its_closed_form():
    """Between -a and b the square of x is largest at an end, its negative in the middle, at 0."""
    one, other = {"x": torch.tensor([-1.0])}, {"x": torch.tensor([3.0])}
    square = paths.along(one, other, lambda state: float(state["x"] ** 2), points=9)
    assert square == pytest.approx([(-1 + 0.5 * k) ** 2 for k in range(9)])
    assert paths.barrier(square) == pytest.approx(9 - (1 + 9) / 2)
    hill = paths.along(one, other, lambda state: -float(state["x"] ** 2), points=9)
    assert paths.barrier(hill) == pytest.approx(0 + (1 + 9) / 2)


def test_equal_networks_have_no_barrier_and_counters_are_not_interpolated():
    state = models.build(RUN.model, shape=(1, 8, 8), classes=10).state_dict()
    assert paths.barrier(paths.along(state, state, lambda one: float(one["fc.weight"].abs().sum()))) == 0
    middle = paths.between(state, {name: value + 1 for name, value in state.items()}, 0.5)
    assert torch.equal(middle["fc.bias"], state["fc.bias"] + 0.5)
    assert middle["bn1.num_batches_tracked"] == state["bn1.num_batches_tracked"]


def test_networks_of_other_shapes_and_lines_of_two_points_are_refused():
    with pytest.raises(UserError, match="two networks of the same shape"):
        paths.between({"x": torch.zeros(1)}, {"x": torch.zeros(2)}, 0.5)
    with pytest.raises(UserError, match="expected 3 or more points"):
        paths.along({}, {}, lambda state: 0.0, points=2)
    with pytest.raises(UserError, match="expected two seeds of orders"):
        StabilitySpec(run=RUN, orders=(1,))


def test_the_ratios_of_the_last_epoch_are_those_of_the_first_round(tmp_path):
    store = Store(tmp_path)
    workers.run_all([spec := DriftSpec(find=RUN), round_ := RoundSpec(find=RUN)], store)
    ratios = store.get(spec.id)["ratios"]
    assert {len(values) for values in ratios.values()} == {2}
    assert {name: values[-1] for name, values in ratios.items()} == magnitude.ratios(tickets.stored(round_, store))
    early = RoundSpec(find=replace(RUN, train=replace(RUN.train, stop_after=1)), finding=Finding())
    workers.run_all([early], store)
    assert {name: values[0] for name, values in ratios.items()} == magnitude.ratios(tickets.stored(early, store))


@pytest.mark.parametrize("run", [RUN, replace(RUN, ticket=Ticket(round=RoundSpec(find=RUN)))])
def test_copies_that_see_other_orders_part_and_equal_ones_do_not(tmp_path, run):
    store = Store(tmp_path)
    apart, same = (StabilitySpec(run=run, orders=orders, points=5) for orders in ((1, 2), (1, 1)))
    workers.run_all([apart, same], store)
    errors = store.get(apart.id)["errors"]
    assert len(errors) == 5 and store.get(apart.id)["barrier"] == pytest.approx(paths.barrier(errors))
    assert store.get(same.id)["barrier"] == 0 and len(set(store.get(same.id)["errors"])) == 1
