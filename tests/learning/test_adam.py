"""Adam on a flat vector is PyTorch's Adam."""

import pytest
import torch
from torch import nn

from upright.ground.errors import UprightError
from upright.learning.adam import Adam


def twins() -> tuple[nn.Sequential, nn.Sequential]:
    torch.manual_seed(0)
    one = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    other = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    other.load_state_dict(one.state_dict())
    return one, other


@pytest.mark.parametrize("max_norm", [0.0, 0.5, 1e6])
@pytest.mark.parametrize("eps", [1e-8, 1e-5])
def test_adam_with_clipping_takes_the_steps_of_torch(max_norm: float, eps: float) -> None:
    ours, theirs = twins()
    adam, reference = Adam(ours.parameters(), eps), torch.optim.Adam(theirs.parameters(), eps=eps)
    data = torch.Generator().manual_seed(1)
    for step in range(20):
        x, learning_rate = torch.randn(8, 3, generator=data), 0.1 / (1 + step)
        adam.zero_grad()
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
    adam = Adam(network.parameters())
    for parameter in network.parameters():
        parameter.grad.fill_(2.0)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert adam.clip(1.0) == pytest.approx(2.0 * count**0.5)
    total = sum(float(parameter.grad.square().sum()) for parameter in network.parameters())
    assert total == pytest.approx(1.0, rel=1e-5)


def test_zero_grad_forgets_the_last_gradient() -> None:
    network, _ = twins()
    adam = Adam(network.parameters())
    gradients = []
    for _ in range(2):
        adam.zero_grad()
        network(torch.ones(1, 3)).sum().backward()
        gradients.append(network[0].weight.grad.clone())
    torch.testing.assert_close(gradients[0], gradients[1])


def test_weights_that_are_loaded_later_are_the_ones_that_are_stepped() -> None:
    one, other = twins()
    adam = Adam(one.parameters())
    one.load_state_dict({name: torch.zeros_like(x) for name, x in other.state_dict().items()})
    adam.zero_grad()
    one(torch.ones(1, 3)).sum().backward()
    adam.step(0.1)
    # Adam's first step is the learning rate against the gradient's sign; the gradient here is 1.
    torch.testing.assert_close(one[2].bias.detach(), torch.full((2,), -0.1))


def test_the_state_holds_what_the_next_step_depends_on() -> None:
    network, _ = twins()
    adam = Adam(network.parameters())
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
    one, other = Adam(network.parameters()), Adam(twin.parameters())
    for _ in range(3):
        one.grad.normal_()
        one.step(0.1)
    other.restore(one.state())
    other.flat.copy_(one.flat)
    for adam in (one, other):
        adam.grad.fill_(0.5)
        adam.step(0.1)
    assert torch.equal(one.flat, other.flat)
    assert torch.equal(one.square, other.square)


def test_the_state_of_another_policy_is_refused() -> None:
    adam = Adam([torch.nn.Parameter(torch.zeros(3))])
    with pytest.raises(UprightError, match="mean"):
        adam.restore(Adam([torch.nn.Parameter(torch.zeros(4))]).state())
