"""The categorical distribution against softmax and torch.distributions."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from upright.ground.errors import UprightError
from upright.policy.distributions import Categorical, distribution_over

LOGITS = np.array([0.5, -1.0, 2.0], np.float32)


def test_samples_have_the_frequencies_of_softmax() -> None:
    draws = 200_000
    distribution = Categorical(gym.spaces.Discrete(3))
    noise = distribution.noise(np.random.default_rng(0), (draws,))
    actions = distribution.sample(np.tile(LOGITS, (draws, 1)), noise)
    probs = np.exp(LOGITS) / np.exp(LOGITS).sum()
    np.testing.assert_allclose(np.bincount(actions, minlength=3) / draws, probs, atol=0.005)


def test_noise_is_finite_and_has_a_row_for_each_action() -> None:
    noise = Categorical(gym.spaces.Discrete(3)).noise(np.random.default_rng(0), (1000, 4))
    assert noise.shape == (1000, 4, 3)
    assert np.isfinite(noise).all()


def test_zero_noise_gives_the_mode() -> None:
    distribution = Categorical(gym.spaces.Discrete(3))
    params = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_array_equal(distribution.sample(params, 0.0), params.argmax(axis=1))


def test_log_prob_and_entropy_equal_those_of_torch() -> None:
    rng = torch.Generator().manual_seed(0)
    params = torch.randn(40, 5, generator=rng) * 3.0
    actions = torch.randint(5, (40,), generator=rng)
    ours = Categorical(gym.spaces.Discrete(5))
    theirs = torch.distributions.Categorical(logits=params)
    log_probs, entropy = ours.log_prob_and_entropy(params, actions)
    torch.testing.assert_close(log_probs, theirs.log_prob(actions))
    torch.testing.assert_close(entropy, theirs.entropy())


def test_a_space_that_starts_at_5_is_numbered_from_5() -> None:
    space = gym.spaces.Discrete(3, start=5)
    distribution = Categorical(space)
    noise = distribution.noise(np.random.default_rng(0), (500,))
    actions = distribution.sample(np.tile(LOGITS, (500, 1)), noise)
    assert set(actions.tolist()) == {5, 6, 7}
    assert distribution.sample(LOGITS[None], 0.0).tolist() == [7]
    params = torch.tensor(LOGITS).expand(3, 3)
    log_probs, _ = distribution.log_prob_and_entropy(params, torch.tensor([5, 6, 7]))
    torch.testing.assert_close(log_probs, torch.log_softmax(torch.tensor(LOGITS), dim=0))


def test_entropy_has_a_finite_gradient_where_one_action_is_certain() -> None:
    params = torch.tensor([[1000.0, 0.0]], requires_grad=True)
    categorical = Categorical(gym.spaces.Discrete(2))
    _, entropy = categorical.log_prob_and_entropy(params, torch.tensor([0]))
    entropy.sum().backward()
    assert float(entropy.detach()) == 0.0
    assert torch.isfinite(params.grad).all()


@pytest.mark.parametrize(
    "space", [gym.spaces.Box(-1, 1, (2,)), gym.spaces.MultiDiscrete([2, 2]), gym.spaces.Tuple(())]
)
def test_another_space_is_refused_with_what_is_supported(space: gym.Space) -> None:
    with pytest.raises(UprightError, match="not supported yet") as caught:
        distribution_over(space)
    assert "Discrete" in caught.value.hint
