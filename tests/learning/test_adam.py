"""Adam on a flat vector is PyTorch's Adam."""

import numpy as np
import pytest
import torch
from torch import nn

from support import policy_for
from upright.ground.errors import UprightError
from upright.learning.adam import Adam
from upright.policy.networks import MLP
from upright.policy.torch_mlp import on_device


def twins() -> tuple[nn.Sequential, nn.Sequential]:
    torch.manual_seed(0)
    one = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    other = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    other.load_state_dict(one.state_dict())
    return one, other


def adam_of(network: nn.Module, eps: float = 1e-8) -> Adam:
    """Adam over one vector that the parameters, and their gradients over another, are made to be.

    A backward pass of PyTorch then writes into the gradient that Adam reads.
    """
    parameters = list(network.parameters())
    flat = np.concatenate([each.detach().numpy().ravel() for each in parameters])
    adam, start = Adam(flat, np.zeros_like(flat), eps), 0
    for each in parameters:
        span = slice(start, start + each.numel())
        each.data = torch.from_numpy(flat[span].reshape(each.shape))
        each.grad = torch.from_numpy(adam.grad[span].reshape(each.shape))
        start = span.stop
    return adam


@pytest.mark.parametrize("max_norm", [0.0, 0.5, 1e6])
@pytest.mark.parametrize("eps", [1e-8, 1e-5])
def test_adam_with_clipping_takes_the_steps_of_torch(max_norm: float, eps: float) -> None:
    ours, theirs = twins()
    adam, reference = adam_of(ours, eps), torch.optim.Adam(theirs.parameters(), eps=eps)
    data = torch.Generator().manual_seed(1)
    for step in range(20):
        x, learning_rate = torch.randn(8, 3, generator=data), 0.1 / (1 + step)
        adam.grad[:] = 0.0
        reference.zero_grad()
        for network in (ours, theirs):
            (network(x) * 10.0).square().mean().backward()
        norm = adam.clip(max_norm)
        limit = max_norm if max_norm > 0.0 else float("inf")
        expected = nn.utils.clip_grad_norm_(theirs.parameters(), limit)
        assert norm == pytest.approx(float(expected), rel=1e-4)
        adam.step(learning_rate)
        reference.param_groups[0]["lr"] = learning_rate
        reference.step()
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_the_clip_scales_the_gradient_of_all_parameters_together() -> None:
    network, _ = twins()
    adam = adam_of(network)
    for parameter in network.parameters():
        parameter.grad.fill_(2.0)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert adam.clip(1.0) == pytest.approx(2.0 * count**0.5)
    total = sum(float(parameter.grad.square().sum()) for parameter in network.parameters())
    assert total == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("side", ["arrays", "torch"])
def test_a_backward_pass_forgets_the_last_gradient(side: str) -> None:
    mlp = MLP(3, 2, [5])
    mlp.initialize("uniform", np.random.default_rng(0))
    network = mlp if side == "arrays" else on_device(mlp, "cpu")
    ones, gradients = np.ones((1, 3), np.float32), []
    for _ in range(2):
        network.forward(ones)
        network.backward(ones[:, :2], ones[:, 0])
        gradients.append(network.grad.copy())
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1.3e-6, atol=1e-5)
    assert gradients[0].any()


def test_weights_that_are_loaded_later_are_the_ones_that_are_stepped() -> None:
    policy = policy_for("ppo")
    adam = Adam(policy.network.flat, policy.network.grad)
    policy.load({name: np.zeros_like(array) for name, array in policy.weights.items()})
    policy.forward(np.ones((1, 4), np.float32))
    policy.backward(np.ones((1, 2), np.float32), np.ones(1, np.float32))
    adam.step(0.1)
    # Adam's first step is the learning rate against the gradient's sign; the gradient here is 1.
    bias = policy.network.actor.layers[-1].bias
    np.testing.assert_allclose(bias, np.full(2, -0.1), rtol=1.3e-6, atol=1e-5)
    np.testing.assert_array_equal(policy.weights["actor.4.bias"], bias)


def test_the_state_holds_what_the_next_step_depends_on() -> None:
    network, _ = twins()
    adam = adam_of(network)
    network(torch.ones(1, 3)).sum().backward()
    adam.step(0.1)
    state = adam.state()
    count = sum(parameter.numel() for parameter in network.parameters())
    assert {name: array.shape for name, array in state.arrays.items()} == {
        "mean": (count,),
        "square": (count,),
    }
    assert state.values == {"steps": 1}


def test_a_restored_optimiser_takes_the_same_step() -> None:
    network, twin = twins()
    one, other = adam_of(network), adam_of(twin)
    rng = np.random.default_rng(0)
    for _ in range(3):
        one.grad[:] = rng.normal(size=one.grad.shape)
        one.step(0.1)
    other.restore(one.state())
    other.flat[:] = one.flat
    for adam in (one, other):
        adam.grad[:] = 0.5
        adam.step(0.1)
    assert one.flat.tobytes() == other.flat.tobytes()
    assert one.square.tobytes() == other.square.tobytes()


def test_the_state_of_another_policy_is_refused() -> None:
    three, four = (
        Adam(np.zeros(count, np.float32), np.zeros(count, np.float32)) for count in (3, 4)
    )
    with pytest.raises(UprightError, match="mean"):
        three.restore(four.state())
