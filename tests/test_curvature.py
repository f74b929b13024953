"""Eigenvalues and surfaces of losses against dense Hessians and quadratics in closed form."""

import copy

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import eigsh
from torch import nn
from torch.nn import functional

from pruneproxy import curvature
from pruneproxy.errors import UserError


@pytest.fixture(scope="module")
def quadratic():
    """A loss of six weights with a Hessian that is known: eigenvalues -2 to 8 in a random basis."""
    basis, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    hessian = basis @ torch.diag(torch.tensor([-2.0, -0.5, 0.0, 1.0, 3.0, 8.0], dtype=torch.float64)) @ basis.T
    return (lambda weights: weights @ hessian @ weights / 2), hessian


@pytest.fixture(scope="module")
def network():
    """A tiny network with batch normalisation in training mode, its loss of a batch and its weights."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3)).double()
    images, labels = torch.randn(16, 1, 6, 6, dtype=torch.float64), torch.randint(0, 3, (16,))
    return model, *curvature.flat_loss(model, images, labels, functional.cross_entropy), images, labels


def test_the_ends_of_a_known_spectrum_are_found_with_their_signs(quadratic):
    found = curvature.extremes(quadratic[0], torch.zeros(6, dtype=torch.float64))
    assert found.low == pytest.approx(-2, rel=1e-4) and found.high == pytest.approx(8, rel=1e-4)
    assert found.ratio == pytest.approx(0.25, rel=1e-4)


def test_the_ends_are_those_of_the_dense_hessian_of_a_network(network):
    _, loss, weights, *_ = network
    dense = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, weights))
    found = curvature.extremes(loss, weights, tolerance=1e-8)
    assert found.low == pytest.approx(float(dense[0]), rel=1e-4)
    assert found.high == pytest.approx(float(dense[-1]), rel=1e-4)
    assert dense[0] < 0 < dense[-1]


def test_a_product_is_a_column_of_the_dense_hessian(network):
    _, loss, weights, *_ = network
    dense = torch.autograd.functional.hessian(loss, weights)
    product = curvature.hessian_product(loss, weights)
    for place in (0, 40, len(weights) - 1):
        unit = torch.zeros_like(weights)
        unit[place] = 1
        assert torch.allclose(product(unit), dense[place], atol=1e-10)


class WrittenOut(nn.Module):
    """Batch normalisation in single steps: PyTorch's own is wrong in forward mode, for the row of its weight."""

    def __init__(self, norm):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, images):
        variance, mean = torch.var_mean(images, (0, 2, 3), correction=0, keepdim=True)
        return (images - mean) / torch.sqrt(variance + self.eps) * self.weight[:, None, None] + self.bias[:, None, None]


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")
def test_products_and_ends_are_those_of_curvlinops(network):
    """A second oracle that is written by others: its operator multiplies batches of the same network and loss."""
    import curvlinops

    model, loss, weights, images, labels = network
    model = copy.deepcopy(model)
    model[1] = WrittenOut(model[1])
    operator = curvlinops.HessianLinearOperator(
        model, nn.CrossEntropyLoss(), list(model.parameters()), [(images, labels)], check_deterministic=False
    )
    product = curvature.hessian_product(loss, weights)
    for seed in range(3):
        direction = torch.randn(weights.shape, dtype=weights.dtype, generator=torch.Generator().manual_seed(seed))
        assert torch.allclose(product(direction), operator @ direction, atol=1e-10)
    ends = eigsh(operator.to_scipy(), k=2, which="BE", return_eigenvectors=False)
    found = curvature.extremes(loss, weights, tolerance=1e-8)
    assert (found.low, found.high) == pytest.approx((ends.min(), ends.max()), rel=1e-4)


def test_the_flat_loss_is_the_networks_and_leaves_its_statistics(network):
    model, loss, weights, images, labels = network
    before = {name: value.clone() for name, value in model.state_dict().items()}
    value = loss(weights)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert value == functional.cross_entropy(model(images), labels)
    model.load_state_dict(before)


def test_the_mean_ratio_walks_along_the_gradient():
    def loss(weights):  # the Hessian is diagonal and changes along the first weight only
        return weights[0] ** 4 / 12 + weights[1] ** 2 / 2 - weights[2] ** 2 / 4 + 4 * weights[3] ** 2

    weights = torch.tensor([3.0, 0.0, 0.0, 0.0], dtype=torch.float64)  # the gradient is 9 along the first
    at = 3 + 9 * np.linspace(-0.1, 0.1, 21)
    expected = np.mean([0.5 / max(8.0, place**2) for place in at])
    walked = curvature.walk(loss, weights)
    assert curvature.mean_ratio(walked) == pytest.approx(expected, rel=1e-4)
    assert [ends.high for ends in walked] == pytest.approx([max(8.0, place**2) for place in at], rel=1e-4)
    assert curvature.extremes(loss, weights).ratio == pytest.approx(0.5 / 9, rel=1e-4)


def test_a_surface_has_the_loss_in_its_middle_and_bends_as_the_quadratic_does(quadratic):
    loss, hessian = quadratic
    weights = torch.ones(6, dtype=torch.float64)
    slope, found = curvature.gradient(loss, weights), curvature.surface(loss, weights, points=5, reach=0.5)
    assert found[2, 2] == pytest.approx(float(loss(weights)))
    bend = (found[4, 2] - 2 * found[2, 2] + found[0, 2]) / 0.5**2
    assert bend == pytest.approx(float(slope @ hessian @ slope), rel=1e-6)


def test_the_fluctuation_is_the_mean_total_variation_of_the_lines_of_a_surface():
    losses = np.array([[0.0, 1.0, 0.0], [2.0, 2.0, 2.0]])
    assert curvature.fluctuation(losses) == pytest.approx(((2 + 1 + 2) / 3 + (2 + 0) / 2) / 2)
    assert curvature.fluctuation(np.full((4, 4), 3.0)) == 0


def test_the_second_direction_is_orthogonal_and_as_long():
    direction = torch.randn(50, dtype=torch.float64)
    across = curvature.orthogonal(direction)
    assert abs(float(across @ direction)) < 1e-9 and float(across.norm()) == pytest.approx(float(direction.norm()))


def test_too_few_weights_are_one_sentence():
    with pytest.raises(UserError, match="expected 4 weights or more, got 2"):
        curvature.extremes(lambda weights: (weights**2).sum(), torch.zeros(2))
