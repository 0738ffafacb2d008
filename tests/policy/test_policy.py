"""The policy: networks by its settings, acting, predicting."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from support import (
    CARTPOLE,
    TWO_ACTIONS,
    make_policy,
    policy_for,
    same_weights,
    shapes,
    weights_of,
)
from upright.ground.errors import UprightError
from upright.policy.devices import choose_device
from upright.policy.networks import MLP
from upright.policy.policy import Policy
from upright.policy.torch_mlp import on_device
from upright.settings.hyperparameters import ActorCriticSettings, PPOSettings, ReinforceSettings

OBS = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)

SHAPES = {
    "separate": PPOSettings(),
    "shared": PPOSettings(shared_network=True),
    "normalised": PPOSettings(normalize_obs=True),
    "all at once": PPOSettings(normalize_obs=True, shared_network=True, activation="relu"),
    "no bias": PPOSettings(bias=False),
    "linear": PPOSettings(hidden_sizes=()),
    "linear, shared": PPOSettings(hidden_sizes=(), shared_network=True),
    "no critic": ReinforceSettings(),
}
each_shape = pytest.mark.parametrize("settings", SHAPES.values(), ids=SHAPES)


def prepared(settings: PPOSettings) -> Policy:
    """A policy with decided opinions and, if it has one, a normaliser that has seen something."""
    policy = make_policy(settings)
    last = policy.network.actor.layers[-1]
    for parameter in (last.weight, last.bias):
        if parameter is not None:
            parameter *= 100.0
    if policy.normalizer is not None:
        policy.normalizer.update(OBS * 3.0 + 1.0)
    return policy


@each_shape
def test_acting_is_the_forward_pass_and_a_draw(settings: PPOSettings) -> None:
    policy = prepared(settings)
    noise = policy.distribution.noise(np.random.default_rng(1), (20,))
    params, _ = policy.forward(OBS)
    np.testing.assert_array_equal(policy.act(OBS, 0.0), params.argmax(axis=1))
    drawn = policy.act(OBS, noise)
    np.testing.assert_array_equal(drawn, (params + noise).argmax(axis=1))
    policy.network = on_device(policy.network, "cpu")
    np.testing.assert_array_equal(policy.act(OBS, noise), drawn)


@each_shape
def test_values_are_those_of_the_forward_pass(settings: PPOSettings) -> None:
    policy = prepared(settings)
    _, values = policy.forward(OBS)
    assert values.shape == (20,)
    np.testing.assert_allclose(policy.values(OBS), values, rtol=1.3e-6, atol=1e-5)


@each_shape
def test_log_probs_are_those_of_the_forward_pass(settings: PPOSettings) -> None:
    policy = prepared(settings)
    params, _ = policy.forward(OBS)
    actions = np.arange(20) % 2
    expected = torch.distributions.Categorical(logits=torch.tensor(params))
    np.testing.assert_allclose(
        policy.log_probs(OBS, actions), expected.log_prob(torch.tensor(actions)), rtol=1e-5
    )


@each_shape
def test_the_module_says_what_the_policy_says(settings: PPOSettings) -> None:
    policy = prepared(settings)
    policy.value_scale = 10.0
    for mine, theirs in zip(policy.forward(OBS), policy.to_torch()(torch.tensor(OBS)), strict=True):
        np.testing.assert_allclose(mine, theirs.detach(), rtol=1e-5, atol=1e-5)


@each_shape
def test_the_gradient_is_autograds_in_units_of_the_return(settings: PPOSettings) -> None:
    policy = prepared(settings)
    policy.value_scale = 10.0
    module = policy.to_torch()
    d_params, d_values = np.random.default_rng(2).normal(size=(2, 20, 2)).astype(np.float32)
    params, values = module(torch.tensor(OBS))
    total = (params * torch.tensor(d_params)).sum() + values @ torch.tensor(d_values[:, 0])
    total.backward()
    policy.forward(OBS)
    policy.backward(d_params, d_values[:, 0])
    theirs = dict(module.network.named_parameters())
    assert theirs.keys() == policy.network.gradients.keys()
    for name, gradient in policy.network.gradients.items():
        other = theirs[name].grad
        other = other if gradient.shape == other.shape else other.T
        np.testing.assert_allclose(gradient, other, rtol=1e-3, atol=1e-4, err_msg=name)


def test_forward_takes_time_and_environments_at_once() -> None:
    policy = policy_for("ppo")
    params, values = policy.forward(OBS)
    assert params.shape == (20, 2)
    assert values.shape == (20,)
    by_time = zip(OBS.reshape(5, 4, 4), params.reshape(5, 4, 2), values.reshape(5, 4), strict=True)
    for obs, its_params, its_values in by_time:
        mine, own = policy.forward(obs)
        np.testing.assert_allclose(its_params, mine, rtol=1.3e-6, atol=1e-5)
        np.testing.assert_allclose(its_values, own, rtol=1.3e-6, atol=1e-5)
        np.testing.assert_allclose(its_values, policy.values(obs), rtol=1.3e-6, atol=1e-5)


def test_without_a_critic_values_are_0() -> None:
    policy = policy_for("reinforce")
    assert not policy.has_critic
    assert not policy.values(OBS).any()
    assert not policy.forward(OBS)[1].any()


def test_the_value_scale_is_the_return_per_unit_of_the_critics_output() -> None:
    plain = make_policy(ActorCriticSettings())
    scaled = make_policy(ActorCriticSettings(value_scale=10.0))
    np.testing.assert_allclose(scaled.values(OBS), 10.0 * plain.values(OBS), rtol=1.3e-6, atol=1e-5)


def test_a_shared_network_is_in_both_heads_and_is_counted_once() -> None:
    policy = make_policy(PPOSettings(shared_network=True, hidden_sizes=(8, 6)))
    network = policy.network
    assert (shapes(network.torso), shapes(network.actor), shapes(network.critic)) == (
        [(8, 4), (6, 8)],
        [(2, 6)],
        [(1, 6)],
    )
    count = sum(array.size for array in policy.weights.values())
    assert count == (4 * 8 + 8) + (8 * 6 + 6) + (6 * 2 + 2) + (6 * 1 + 1)
    assert len(network.flat) == count


def test_the_seed_decides_the_first_weights() -> None:
    one, same, other = (weights_of(policy_for("ppo", seed=seed)) for seed in (1, 1, 2))
    assert same_weights(one, same)
    assert not same_weights(one, other)


def test_loaded_weights_are_taken_over_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def draws(*_: object) -> None:
        raise AssertionError("first weights are drawn")

    settings = PPOSettings(normalize_obs=True)
    policy = prepared(settings)
    expected, kept = policy.forward(OBS), weights_of(policy)
    monkeypatch.setattr(MLP, "initialize", draws)
    unset = Policy(CARTPOLE, TWO_ACTIONS, settings, seed=None)
    unset.load(policy.weights)
    policy.network.flat[:] = 0.0
    policy.normalizer.update(OBS)
    assert same_weights(weights_of(unset), kept)
    for mine, other in zip(unset.forward(OBS), expected, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_the_first_policy_is_nearly_uniform() -> None:
    policy = policy_for("ppo")
    probs = policy.distribution.probabilities(policy.forward(OBS)[0])
    np.testing.assert_allclose(probs, np.full((20, 2), 0.5), atol=0.02, rtol=0)


def test_predict_takes_one_observation_or_a_batch() -> None:
    policy = prepared(PPOSettings())
    single, state = policy.predict(OBS[0], deterministic=True)
    batch, _ = policy.predict(OBS, deterministic=True)
    assert np.shape(single) == ()
    assert state is None
    assert batch.shape == (20,)
    assert batch[0] == single
    assert CARTPOLE.contains(OBS[0])
    assert all(policy.action_space.contains(action) for action in batch)
    assert policy.predict(OBS[:1])[0].shape == (1,)


def test_predict_draws_unless_it_is_told_to_be_deterministic() -> None:
    policy = policy_for("ppo")
    many = np.tile(OBS[0], (500, 1))
    drawn, _ = policy.predict(many)
    greedy, _ = policy.predict(many, deterministic=True)
    assert set(drawn.tolist()) == {0, 1}
    assert len(set(greedy.tolist())) == 1


def test_predict_returns_the_state_as_it_came() -> None:
    state = ("anything",)
    assert policy_for("ppo").predict(OBS[0], state, episode_start=True)[1] is state


def test_predict_takes_lists_and_float64() -> None:
    policy = prepared(PPOSettings())
    expected, _ = policy.predict(OBS, deterministic=True)
    for given in (OBS.astype(np.float64), OBS.tolist()):
        np.testing.assert_array_equal(policy.predict(given, deterministic=True)[0], expected)


def test_a_policy_over_unsupported_spaces_is_refused() -> None:
    text = gym.spaces.Text(8)
    for spaces in ((CARTPOLE, text), (text, gym.spaces.Discrete(2))):
        with pytest.raises(UprightError, match=r"space Text.* is not supported") as caught:
            Policy(*spaces, PPOSettings())
        assert "MultiDiscrete" in caught.value.hint


def test_auto_takes_the_cpu_and_says_why() -> None:
    device, reason = choose_device("auto")
    assert device == "cpu"
    assert "faster" in reason
    assert "\n" not in reason


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_cuda_that_is_not_there_is_refused() -> None:
    with pytest.raises(UprightError, match="no GPU"):
        choose_device("cuda")


FLOATS, COUNTS = gym.spaces.Box(-1, 1, (2,)), gym.spaces.Discrete(16)
PAIR = gym.spaces.Tuple([gym.spaces.Discrete(3), FLOATS])


@pytest.mark.parametrize(
    ("space", "observation"),
    [
        (FLOATS, np.zeros(4)),
        (FLOATS, np.zeros((2, 2, 2))),
        (COUNTS, 99),
        (COUNTS, 3.7),
        (COUNTS, np.array([-1, 3])),
        (COUNTS, np.array([[1]])),
        (PAIR, (np.array([1, -1]), np.zeros((2, 2)))),
        (PAIR, (np.array([1, 7]), np.zeros((2, 2)))),
    ],
    ids=str,
)
def test_what_is_no_observation_is_not_predicted_on(
    space: gym.Space[Any], observation: Any
) -> None:
    policy = Policy(space, gym.spaces.Discrete(2), PPOSettings(hidden_sizes=(4,)))
    with pytest.raises(ValueError, match=r"not in|where|shape"):
        policy.predict(observation)


def test_large_numbers_of_a_discrete_observation_stay_apart() -> None:
    space = gym.spaces.Discrete(4, start=2**40)
    policy = Policy(space, gym.spaces.Discrete(2), PPOSettings(hidden_sizes=(4,)))
    rows = np.arange(2**40, 2**40 + 4)
    assert len({params.tobytes() for params in policy.params(rows)}) == 4


def test_a_space_beyond_any_memory_is_refused() -> None:
    with pytest.raises(UprightError, match="No policy can have these sizes"):
        Policy(gym.spaces.MultiDiscrete([2**62] * 4), gym.spaces.Discrete(2), PPOSettings())
