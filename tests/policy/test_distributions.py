"""Distributions, and their derivatives, against softmax and torch.distributions."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from upright.envs.codec import Codec
from upright.ground.errors import UprightError
from upright.policy.discrete import Bernoulli, Categorical
from upright.policy.distribution import Distribution
from upright.policy.distributions import distribution_over
from upright.policy.gaussian import DiagonalGaussian
from upright.settings.hyperparameters import PPOSettings

LOGITS = np.array([0.5, -1.0, 2.0], np.float32)
BOX = gym.spaces.Box(-1.0, 1.0, (3,))


def test_samples_have_the_frequencies_of_softmax() -> None:
    draws = 200_000
    distribution = Categorical(3)
    noise = distribution.noise(np.random.default_rng(0), (draws,))
    actions = distribution.sample(np.tile(LOGITS, (draws, 1)), noise)
    probs = np.exp(LOGITS) / np.exp(LOGITS).sum()
    np.testing.assert_allclose(np.bincount(actions, minlength=3) / draws, probs, atol=0.005)


def test_noise_is_finite_and_has_a_row_for_each_action() -> None:
    noise = Categorical(3).noise(np.random.default_rng(0), (1000, 4))
    assert noise.shape == (1000, 4, 3)
    assert np.isfinite(noise).all()


def test_zero_noise_gives_the_mode() -> None:
    distribution = Categorical(3)
    params = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_array_equal(distribution.sample(params, 0.0), params.argmax(axis=1))


def reference(kind: str, params: torch.Tensor) -> Any:
    """PyTorch's distribution with the parameters [B, P]."""
    if kind == "categorical":
        return torch.distributions.Categorical(logits=params)
    if kind == "bernoulli":
        return torch.distributions.Independent(torch.distributions.Bernoulli(logits=params), 1)
    mean, log_std = params.chunk(2, dim=1)
    return torch.distributions.Independent(torch.distributions.Normal(mean, log_std.exp()), 1)


def drawn(kind: str, dtype: Any = np.float32) -> tuple[Distribution, np.ndarray, np.ndarray]:
    """A distribution, parameters of forty rows, and actions."""
    rng = np.random.default_rng(0)
    if kind == "categorical":
        params = (rng.normal(size=(40, 5)) * 3.0).astype(dtype)
        return Categorical(5), params, rng.integers(5, size=40)
    if kind == "bernoulli":
        params = (rng.normal(size=(40, 5)) * 3.0).astype(dtype)
        return Bernoulli((5,)), params, rng.integers(2, size=(40, 5)).astype(np.int8)
    params, actions = rng.normal(size=(40, 6)).astype(dtype), rng.normal(size=(40, 3)).astype(dtype)
    return DiagonalGaussian(BOX), params, actions


each_kind = pytest.mark.parametrize("kind", ["categorical", "diagonal gaussian", "bernoulli"])


@each_kind
def test_log_prob_and_entropy_equal_those_of_torch(kind: str) -> None:
    ours, params, actions = drawn(kind)
    theirs = reference(kind, torch.tensor(params))
    log_probs, entropy, _ = ours.evaluate(params, actions)
    expected = theirs.log_prob(torch.tensor(actions, dtype=torch.float32))
    np.testing.assert_allclose(log_probs, expected, rtol=1.3e-6, atol=1e-5)
    np.testing.assert_allclose(entropy, theirs.entropy(), rtol=1.3e-6, atol=1e-5)
    assert log_probs.dtype == entropy.dtype == np.float32


@each_kind
@pytest.mark.parametrize("entropys", ["of each row", "one for all", "none"])
def test_the_gradient_of_log_prob_and_entropy_is_autograds(kind: str, entropys: str) -> None:
    ours, params, actions = drawn(kind, np.float64)
    d_log_probs, d_entropy = np.random.default_rng(1).normal(size=(2, 40))
    if entropys != "of each row":
        d_entropy = 0.0 if entropys == "none" else -0.3

    leaf = torch.tensor(params, requires_grad=True)
    theirs = reference(kind, leaf)
    log_probs = theirs.log_prob(torch.tensor(actions, dtype=torch.float64))
    total = log_probs @ torch.tensor(d_log_probs)
    total = total + (theirs.entropy() * torch.as_tensor(d_entropy, dtype=torch.float64)).sum()
    (expected,) = torch.autograd.grad(total, leaf)

    memory = ours.evaluate(params, actions).memory
    gradient = ours.gradient(memory, d_log_probs, d_entropy)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


@each_kind
def test_a_gradient_is_as_precise_as_its_parameters(kind: str) -> None:
    ours, params, actions = drawn(kind)
    memory = ours.evaluate(params, actions).memory
    ones = np.ones(len(params), np.float32)
    assert ours.gradient(memory, ones, -0.01).dtype == np.float32


def test_the_probabilities_are_the_softmax() -> None:
    distribution, params, _ = drawn("categorical")
    expected = torch.softmax(torch.tensor(params), dim=1)
    np.testing.assert_allclose(distribution.probabilities(params), expected, rtol=1e-6, atol=1e-7)


def test_a_space_that_starts_at_5_is_numbered_from_5() -> None:
    distribution = Categorical(3, start=5)
    noise = distribution.noise(np.random.default_rng(0), (500,))
    actions = distribution.sample(np.tile(LOGITS, (500, 1)), noise)
    assert set(actions.tolist()) == {5, 6, 7}
    assert distribution.sample(LOGITS[None], 0.0).tolist() == [7]
    log_probs, _, memory = distribution.evaluate(np.tile(LOGITS, (3, 1)), np.array([5, 6, 7]))
    expected = torch.log_softmax(torch.tensor(LOGITS), dim=0)
    np.testing.assert_allclose(log_probs, expected, rtol=1e-6)
    gradient = distribution.gradient(memory, np.ones(3, np.float32), 0.0)
    np.testing.assert_allclose(gradient, np.eye(3) - np.exp(expected.numpy()), atol=1e-6)


def test_entropy_has_a_finite_gradient_where_one_action_is_certain() -> None:
    params = np.array([[1000.0, 0.0]], np.float32)
    categorical = Categorical(2)
    _, entropy, memory = categorical.evaluate(params, np.array([0]))
    assert float(entropy[0]) == 0.0
    assert np.isfinite(categorical.gradient(memory, np.zeros(1, np.float32), 1.0)).all()


def test_a_bernoulli_has_the_frequencies_of_its_probabilities() -> None:
    draws, distribution = 100_000, Bernoulli((3,))
    noise = distribution.noise(np.random.default_rng(0), (draws,))
    actions = distribution.sample(np.tile(LOGITS, (draws, 1)), noise)
    np.testing.assert_allclose(actions.mean(axis=0), 1 / (1 + np.exp(-LOGITS)), atol=0.006)
    assert distribution.sample(LOGITS[None], 0.0).tolist() == [[1, 0, 1]]


SPACES: list[gym.Space[Any]] = [
    gym.spaces.Discrete(4, start=-2),
    gym.spaces.MultiDiscrete([2, 5]),
    gym.spaces.MultiDiscrete([[2, 5], [3, 1]], start=[[1, 2], [-3, 0]]),
    gym.spaces.MultiBinary(3),
    gym.spaces.MultiBinary([2, 2]),
    gym.spaces.Box(-0.1, 0.3, (2,)),
    gym.spaces.Box(-0.1, 0.3, (2, 2), np.float64),
    gym.spaces.Box(-np.inf, np.inf, (1,)),
    gym.spaces.Box(np.array([-np.inf, 0], np.float32), np.array([1, np.inf], np.float32)),
    gym.spaces.Box(0, 9, (3,), np.int32),
    gym.spaces.Tuple([gym.spaces.Discrete(2), gym.spaces.Box(0.0, 0.1, (2,), np.float64)]),
    gym.spaces.Dict(b=gym.spaces.MultiBinary(2), a=gym.spaces.Tuple([gym.spaces.Discrete(3)])),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("squash", [False, True])
def test_what_the_environment_gets_is_in_its_space(space: gym.Space[Any], squash: bool) -> None:
    codec, rng = Codec(space), np.random.default_rng(0)
    settings = PPOSettings(squash_actions=squash)
    if squash and isinstance(space, gym.spaces.Box) and not space.is_bounded():
        with pytest.raises(UprightError, match="infinite"):
            distribution_over(space, settings)
        return
    distribution = distribution_over(space, settings)
    params = (rng.normal(size=(50, distribution.num_params)) * 4.0).astype(np.float32)
    for noise in (0.0, distribution.noise(rng, (50,))):
        actions = distribution.sample(params, noise)
        assert actions.shape == (50, *codec.shape)
        assert actions.dtype == codec.dtype
        given = distribution.bounded(actions)
        assert all(space.contains(codec.value(row)) for row in given)
        said = distribution.evaluate(params, actions)
        assert np.isfinite(said.log_probs).all()
        gradient = distribution.gradient(said.memory, np.ones(50, np.float32), 0.1)
        assert gradient.shape == params.shape


@pytest.mark.parametrize(("low", "high"), [(-2.0, 2.0), (0.0, 1.0), (-3.0, 1.0)])
@pytest.mark.parametrize("squash", [False, True])
def test_minus_1_to_1_is_stretched_between_the_bounds(
    low: float, high: float, squash: bool
) -> None:
    gaussian = DiagonalGaussian(gym.spaces.Box(low, high, (1,)), squash)
    actions = np.array([[-50.0], [-0.5], [0.0], [0.5], [50.0]], np.float32)
    inside = np.tanh(actions) if squash else actions.clip(-1.0, 1.0)
    expected = low + (inside + 1.0) / 2.0 * (high - low)
    np.testing.assert_allclose(gaussian.bounded(actions), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "space", [gym.spaces.Text(3), gym.spaces.Tuple([gym.spaces.Text(3)]), gym.spaces.Tuple(())]
)
def test_another_space_is_refused_with_what_is_supported(space: gym.Space[Any]) -> None:
    with pytest.raises(UprightError, match=r"not supported|no number"):
        distribution_over(space, PPOSettings())


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Box(0, 2**31 - 1, (1,), np.int32),
        gym.spaces.Box(-(2**63), 2**63 - 1, (1,), np.int64),
        gym.spaces.Box(-1e300, 1e300, (1,), np.float64),
        gym.spaces.Box(0.1, 0.7, (1,), np.float64),
    ],
    ids=str,
)
@pytest.mark.parametrize("action", [-1.0, 0.0, 0.9, 1.0])
def test_at_the_edge_of_a_type_too_the_environment_gets_what_is_in_its_space(
    space: gym.spaces.Box, action: float
) -> None:
    given = DiagonalGaussian(space).bounded(np.array([[action]], np.float32))
    value = Codec(space).value(given[0])
    assert space.contains(value)
    if space.dtype != np.float64 or space.high < 1.0:
        expected = float(space.low[0]) + (action + 1) / 2 * (
            float(space.high[0]) - float(space.low[0])
        )
        np.testing.assert_allclose(float(value[0]), expected, rtol=1e-6, atol=1e-6 * 2**63)


def test_zero_of_any_kind_gives_a_joint_actions_mode() -> None:
    distribution = distribution_over(gym.spaces.MultiDiscrete([3, 2]), PPOSettings())
    params = np.array([[0.0, 1.0, 2.0, 1.0, 0.0]], np.float32)
    for nothing in (0, 0.0):
        assert distribution.sample(params, nothing).tolist() == [[2, 0]]
