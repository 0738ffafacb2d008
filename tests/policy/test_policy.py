"""The policy: networks by its settings, acting, predicting."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from support import CARTPOLE, make_policy, policy_for, same_weights, shapes, weights_of
from upright.ground.errors import UprightError
from upright.policy.policy import Policy, choose_device
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
    with torch.no_grad():
        for parameter in policy.actor.linear_layers()[-1].parameters():
            parameter.mul_(100.0)
    if policy.normalizer is not None:
        policy.normalizer.update(torch.as_tensor(OBS) * 3.0 + 1.0)
    return policy


@each_shape
def test_behaviour_is_the_forward_pass_on_arrays(settings: PPOSettings) -> None:
    policy = prepared(settings)
    noise = policy.distribution.noise(np.random.default_rng(1), (20,))
    with torch.no_grad():
        params, _ = policy(torch.as_tensor(OBS))
    act = policy.behaviour()
    np.testing.assert_array_equal(act(OBS, 0.0), params.argmax(dim=1).numpy())
    np.testing.assert_array_equal(act(OBS, noise), (params.numpy() + noise).argmax(axis=1))
    np.testing.assert_array_equal(policy._behaviour_on_device(OBS, noise), act(OBS, noise))


@each_shape
def test_values_are_those_of_the_forward_pass(settings: PPOSettings) -> None:
    policy = prepared(settings)
    obs = torch.as_tensor(OBS)
    _, values = policy(obs)
    assert values.shape == (20,)
    torch.testing.assert_close(policy.values(obs), values)


def test_forward_takes_time_and_environments_at_once() -> None:
    policy = policy_for("ppo")
    obs = torch.as_tensor(OBS).reshape(5, 4, 4)
    params, values = policy(obs)
    assert params.shape == (5, 4, 2)
    assert values.shape == (5, 4)
    torch.testing.assert_close(values.flatten(), policy.values(torch.as_tensor(OBS)))


def test_without_a_critic_values_are_0() -> None:
    policy = policy_for("reinforce")
    assert not policy.values(torch.as_tensor(OBS)).any()


def test_the_value_scale_is_the_return_per_unit_of_the_critics_output() -> None:
    plain = make_policy(ActorCriticSettings())
    scaled = make_policy(ActorCriticSettings(value_scale=10.0))
    obs = torch.as_tensor(OBS)
    torch.testing.assert_close(scaled.values(obs), 10.0 * plain.values(obs))


def test_a_shared_network_is_in_both_heads_and_is_counted_once() -> None:
    policy = make_policy(PPOSettings(shared_network=True, hidden_sizes=(8, 6)))
    assert (shapes(policy.torso), shapes(policy.actor), shapes(policy.critic)) == (
        [(8, 4), (6, 8)],
        [(2, 6)],
        [(1, 6)],
    )
    count = sum(tensor.numel() for tensor in policy.state_dict().values())
    assert count == (4 * 8 + 8) + (8 * 6 + 6) + (6 * 2 + 2) + (6 * 1 + 1)


def test_the_seed_decides_the_first_weights() -> None:
    one, same, other = (weights_of(policy_for("ppo", seed=seed)) for seed in (1, 1, 2))
    assert same_weights(one, same)
    assert not same_weights(one, other)


def test_the_first_policy_is_nearly_uniform() -> None:
    params, _ = policy_for("ppo")(torch.as_tensor(OBS))
    probs = torch.softmax(params, dim=-1)
    torch.testing.assert_close(probs, torch.full((20, 2), 0.5), atol=0.02, rtol=0)


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
    continuous, table = gym.spaces.Box(-1, 1, (1,)), gym.spaces.Discrete(16)
    with pytest.raises(UprightError, match="action space"):
        Policy(CARTPOLE, continuous, PPOSettings())
    with pytest.raises(UprightError, match="observation space"):
        Policy(table, gym.spaces.Discrete(2), PPOSettings())


def test_auto_takes_the_cpu_and_says_why() -> None:
    device, reason = choose_device("auto")
    assert device.type == "cpu"
    assert "faster" in reason
    assert "\n" not in reason


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_cuda_that_is_not_there_is_refused() -> None:
    with pytest.raises(UprightError, match="no GPU"):
        choose_device("cuda")
