"""A rollout becomes a batch: the valid rows, with advantages from the true next observations."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from support import make_policy, make_rollout, random_rollout
from upright.learning.algorithm import Algorithm
from upright.learning.batch import standardize
from upright.learning.ladder import ALGORITHMS
from upright.settings.hyperparameters import SETTINGS, ActorCriticSettings

ONE_NUMBER = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)


def with_value_equal_to_obs(algo: str, **settings: Any) -> Algorithm[Any]:
    """An algorithm whose critic says V(obs) = obs, for observations of one number."""
    chosen = SETTINGS[algo](hidden_sizes=(), gamma=0.5, **settings)
    policy = make_policy(chosen, ONE_NUMBER)
    (layer,) = policy.network.critic.layers
    layer.weight[:] = 1.0 / chosen.value_scale
    layer.bias[:] = 0.0
    return ALGORITHMS[algo](policy, chosen, np.random.default_rng(0))


def lane(*numbers: float) -> np.ndarray:
    """One environment's observations, [T, 1, 1]."""
    return np.array(numbers, np.float32)[:, None, None]


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers)[:, None]


@pytest.mark.parametrize("value_scale", [1.0, 10.0])
@pytest.mark.parametrize("algo", ["actor-critic", "ppo"])
def test_a_truncated_step_bootstraps_from_the_final_obs_that_was_kept_aside(
    algo: str, value_scale: float
) -> None:
    algorithm = with_value_equal_to_obs(algo, gae_lambda=0.5, value_scale=value_scale)
    rollout = make_rollout(
        lane(0.5, 1, 2, 6),
        column(0, 1, 0),
        column(1, 2, 3),
        truncated=column(0, 1, 0),
        finals=[((1, 0), [4.0])],
    )
    batch = algorithm.batch(rollout)
    # A2 = 3 + 0.5 * 6 - 2 = 4;  A1 = 2 + 0.5 * 4 - 1 = 3;  A0 = 1 + 0.5 * 1 - 0.5 + 0.25 * 3 = 1.75
    assert batch.advantages.tolist() == pytest.approx([1.75, 3.0, 4.0], rel=1e-5)
    assert batch.old_values.tolist() == pytest.approx([0.5, 1.0, 2.0], rel=1e-5)
    assert batch.returns.tolist() == pytest.approx([2.25, 4.0, 6.0], rel=1e-5)


@pytest.mark.parametrize("algo", ["actor-critic", "ppo"])
def test_a_dead_row_is_left_out_and_its_obs_is_the_final_one(algo: str) -> None:
    algorithm = with_value_equal_to_obs(algo, gae_lambda=0.5)
    rollout = make_rollout(
        lane(0.5, 1, 4, 2, 6),  # 4 is the final obs, the dead row 2 is at it
        column(0, 1, 1, 0),
        column(1, 2, 1e6, 3),
        truncated=column(0, 1, 0, 0),
        valid=column(1, 1, 0, 1),
    )
    batch = algorithm.batch(rollout)
    assert batch.advantages.tolist() == pytest.approx([1.75, 3.0, 4.0], rel=1e-5)
    assert batch.obs.flatten().tolist() == [0.5, 1.0, 2.0]
    assert batch.actions.tolist() == [0, 1, 0]
    assert rollout.timesteps == 3


def test_reinforce_with_a_baseline_weighs_by_the_return_less_the_value() -> None:
    algorithm = with_value_equal_to_obs("reinforce", baseline=True)
    rollout = make_rollout(
        lane(1, 2, 7), column(0, 1), column(1, 4), terminated=column(0, 1), finals=[]
    )
    batch = algorithm.batch(rollout)
    # G1 = 4, G0 = 1 + 0.5 * 4 = 3
    assert batch.returns.tolist() == pytest.approx([3.0, 4.0])
    assert batch.advantages.tolist() == pytest.approx([2.0, 2.0])


def test_reinforce_without_a_baseline_weighs_by_the_discounted_return() -> None:
    settings = SETTINGS["reinforce"](gamma=0.5)
    policy = make_policy(settings, ONE_NUMBER)
    algorithm = ALGORITHMS["reinforce"](policy, settings, np.random.default_rng(0))
    rollout = make_rollout(lane(1, 2, 7), column(0, 1), column(1, 4), terminated=column(0, 1))
    assert algorithm.batch(rollout).advantages.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_the_batch_says_what_the_policy_says_of_its_transitions(algo: str) -> None:
    settings = SETTINGS[algo]()
    policy = make_policy(settings)
    batch = ALGORITHMS[algo](policy, settings, np.random.default_rng(0)).batch(random_rollout())
    params, values = policy.forward(batch.obs)
    log_probs = policy.distribution.evaluate(params, batch.actions).log_probs
    assert len(batch.obs) == 36
    if algo == "ppo":
        np.testing.assert_allclose(batch.old_log_probs, log_probs, rtol=1.3e-6, atol=1e-5)
    np.testing.assert_allclose(batch.old_values, values, rtol=1.3e-6, atol=1e-5)


@pytest.mark.parametrize("shared_network", [True, False])
@pytest.mark.parametrize("algo", ALGORITHMS)
def test_what_a_batch_says_stays_as_it_was_while_the_policy_learns(
    algo: str, shared_network: bool
) -> None:
    baseline = {"baseline": True} if algo == "reinforce" else {}
    settings = SETTINGS[algo](shared_network=shared_network, learning_rate=0.1, **baseline)
    policy = make_policy(settings)
    algorithm = ALGORITHMS[algo](policy, settings, np.random.default_rng(0))
    batch = algorithm.batch(random_rollout())
    before = [field.copy() for field in batch if field is not None]
    algorithm.learn(batch, schedule_progress=0.0)
    assert not np.allclose(policy.values(batch.obs), batch.old_values)
    assert batch.masks is None
    for field, its in zip(batch[:-1], before, strict=True):
        np.testing.assert_array_equal(field, its)


def test_standardized_weights_have_mean_0_and_deviation_1() -> None:
    # mean 2, population deviation sqrt(2/3)
    weights = standardize(np.float32([1.0, 2.0, 3.0]), eps=0.0)
    expected = np.array([-1.0, 0.0, 1.0]) / (2 / 3) ** 0.5
    np.testing.assert_allclose(weights, expected, rtol=1.3e-6)
    assert weights.dtype == np.float32


def test_a_single_weight_standardizes_to_0() -> None:
    assert standardize(np.float32([5.0])).tolist() == [0.0]


def test_the_loss_sums_its_parts_with_their_weights() -> None:
    settings = ActorCriticSettings(vf_coef=0.5, ent_coef=0.1, value_scale=2.0)
    algorithm = ALGORITHMS["actor-critic"](
        make_policy(settings), settings, np.random.default_rng(0)
    )
    d_log_probs, d_values = np.float32([1.0, -2.0]), np.float32([8.0, -4.0])
    loss = algorithm.total((1.0, d_log_probs), (8.0, d_values), np.float32([2.0, 4.0]))
    # 1 + 0.5 / 2^2 * 8 - 0.1 * 3 = 1.7
    assert loss.value == pytest.approx(1.7)
    assert loss.d_log_probs.tolist() == [1.0, -2.0]
    assert loss.d_values.tolist() == [1.0, -0.5]
    assert np.broadcast_to(loss.d_entropy, 2).tolist() == [-0.05, -0.05]


def test_separate_optimizers_clip_actor_and_critic_apart() -> None:
    settings = ActorCriticSettings(separate_optimizers=True, max_grad_norm=0.5)
    policy = make_policy(settings)
    algorithm = ALGORITHMS["actor-critic"](policy, settings, np.random.default_rng(0))
    sizes = [optimizer.flat.size for optimizer in algorithm.optimizers]
    assert sizes == [
        sum(array.size for name, array in policy.weights.items() if name.startswith(part))
        for part in ("actor.", "critic.")
    ]
    policy.network.grad[:] = 100.0
    algorithm.step(schedule_progress=0.0)
    norms = [float(np.linalg.norm(optimizer.grad)) for optimizer in algorithm.optimizers]
    assert norms == pytest.approx([0.5, 0.5], rel=1e-4)


def test_the_learning_rate_follows_its_schedule() -> None:
    settings = ActorCriticSettings(learning_rate="0.1:0.02", vf_coef=0.0, max_grad_norm=0.0)
    policy = make_policy(settings)
    algorithm = ALGORITHMS["actor-critic"](policy, settings, np.random.default_rng(0))
    bias = policy.network.actor.layers[-1].bias
    for progress, step in ((0.0, 0.1), (0.5, 0.06), (1.0, 0.02)):
        before = bias.copy()
        policy.forward(np.ones((1, 4), np.float32))
        policy.backward(np.ones((1, 2), np.float32), np.zeros(1, np.float32))
        algorithm.step(progress)
        # A gradient of 1 at every step makes Adam's step the learning rate itself.
        np.testing.assert_allclose(before - bias, np.full(2, step), rtol=1e-3, atol=0)


def test_the_normalizer_has_seen_the_valid_observations_after_an_update() -> None:
    settings = ActorCriticSettings(normalize_obs=True)
    policy = make_policy(settings)
    algorithm = ALGORITHMS["actor-critic"](policy, settings, np.random.default_rng(0))
    rollout = random_rollout()
    rollout.valid[3, 1] = False
    metrics = algorithm.update(rollout, schedule_progress=0.0)
    seen = rollout.obs[:-1][rollout.valid].astype(np.float64)
    np.testing.assert_allclose(policy.normalizer.mean, seen.mean(axis=0), rtol=1e-7, atol=1e-7)
    assert float(policy.normalizer.count) == 35
    assert metrics["train/learning_rate"] == 3e-4
