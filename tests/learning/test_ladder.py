"""The algorithms beside each other: where they must agree, they do."""

import numpy as np
import pytest

from support import make_policy, make_rollout, random_rollout, weights_of
from upright.learning.ladder import ALGORITHMS, PPO, ActorCritic, Reinforce
from upright.rollout.rollout import Rollout
from upright.settings.hyperparameters import (
    ActorCriticSettings,
    PPOSettings,
    ReinforceSettings,
    Settings,
)

SHARED = {"learning_rate": 0.01, "ent_coef": 0.02, "gae_lambda": 0.9}


def updated(algo: str, settings: Settings, rollouts: list[Rollout]) -> dict[str, np.ndarray]:
    policy = make_policy(settings, seed=5)
    algorithm = ALGORITHMS[algo](policy, settings, np.random.default_rng(0))
    for rollout in rollouts:
        algorithm.update(rollout, schedule_progress=0.0)
    return weights_of(policy)


def differ(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return not all(np.allclose(one[name], other[name], atol=1e-5) for name in one)


@pytest.mark.parametrize("normalize_advantages", [True, False])
@pytest.mark.parametrize("separate_optimizers", [True, False])
def test_actor_critic_is_ppo_with_one_epoch_of_one_minibatch(
    normalize_advantages: bool, separate_optimizers: bool
) -> None:
    common = SHARED | {
        "normalize_advantages": normalize_advantages,
        "separate_optimizers": separate_optimizers,
    }
    rollouts = [random_rollout(seed=seed) for seed in range(5)]
    first = weights_of(make_policy(ActorCriticSettings(**common), seed=5))
    a2c = updated("actor-critic", ActorCriticSettings(**common), rollouts)
    ppo = updated("ppo", PPOSettings(**common, num_epochs=1, minibatch_size=0), rollouts)
    for name in a2c:
        np.testing.assert_allclose(a2c[name], ppo[name], rtol=1e-5, atol=1e-6)
    assert differ(a2c, first)


def test_a_second_epoch_takes_ppo_elsewhere() -> None:
    rollouts = [random_rollout()]
    a2c = updated("actor-critic", ActorCriticSettings(**SHARED), rollouts)
    ppo = updated("ppo", PPOSettings(**SHARED, num_epochs=2), rollouts)
    assert differ(a2c, ppo)


@pytest.mark.parametrize("normalize", [True, False])
def test_reinforce_with_a_baseline_is_monte_carlo_actor_critic(normalize: bool) -> None:
    rollout = random_rollout()
    rollout.terminated[-1] = True
    common = {"learning_rate": 0.01}
    reinforce = updated(
        "reinforce",
        ReinforceSettings(baseline=True, normalize_returns=normalize, **common),
        [rollout],
    )
    a2c = updated(
        "actor-critic",
        ActorCriticSettings(gae_lambda=1.0, normalize_advantages=normalize, **common),
        [rollout],
    )
    for name in a2c:
        np.testing.assert_allclose(reinforce[name], a2c[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_masked_rows_change_nothing_that_is_learned(algo: str) -> None:
    settings = {
        "reinforce": ReinforceSettings(baseline=True),
        "actor-critic": ActorCriticSettings(),
        "ppo": PPOSettings(),
    }[algo]
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(7, 1, 4)).astype(np.float32)
    actions, rewards = rng.integers(2, size=(6, 1)), rng.normal(size=(6, 1))
    ended = np.array([0, 0, 1, 0, 0, 1])[:, None]
    plain = make_rollout(obs, actions, rewards, terminated=ended)

    def with_dead_row(after: int) -> Rollout:
        noise = np.random.default_rng(after)
        return make_rollout(
            np.insert(obs, after, noise.normal(size=(1, 4)) * 50.0, axis=0),
            np.insert(actions, after, noise.integers(2, size=1), axis=0),
            np.insert(rewards, after, noise.normal(size=1) * 1e3, axis=0),
            terminated=np.insert(ended, after, 0, axis=0),
            valid=np.insert(np.ones((6, 1)), after, 0, axis=0),
        )

    expected = updated(algo, settings, [plain])
    for after in (3, 6):
        masked = updated(algo, settings, [with_dead_row(after)])
        for name in expected:
            np.testing.assert_allclose(masked[name], expected[name], rtol=1e-5, atol=1e-6)


def test_every_algorithm_has_the_same_methods_in_the_same_order() -> None:
    steps = ("advantages", "loss", "learn")
    for algorithm in (Reinforce, ActorCritic, PPO):
        own = [name for name in vars(algorithm) if name in steps]
        assert own == list(steps)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_an_update_raises_the_probability_of_what_was_rewarded(algo: str) -> None:
    settings = {
        "reinforce": ReinforceSettings(learning_rate=0.01),
        "actor-critic": ActorCriticSettings(learning_rate=0.01),
        "ppo": PPOSettings(learning_rate=0.01),
    }[algo]
    policy = make_policy(settings)
    actions = np.tile([[0], [1]], (5, 1))
    rollout = make_rollout(
        np.ones((11, 1, 4)), actions, actions.astype(float), terminated=np.ones((10, 1))
    )

    def probability() -> float:
        params, _ = policy.forward(np.ones((1, 4), np.float32))
        return float(policy.distribution.probabilities(params)[0, 1])

    before = probability()
    ALGORITHMS[algo](policy, settings, np.random.default_rng(0)).update(rollout, 0.0)
    assert probability() > before
