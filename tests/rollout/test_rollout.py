"""Rollouts: both reset modes tell the same story, and nothing is lost or counted twice."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.wrappers import TimeLimit

import upright
from probes.envs import EndlessReward, Probe
from support import ListedCartPole, ListedCartPoleVector, Steered, make_policy, policy_for
from upright.envs import Envs, NextStepEnvs, SyncEnvs
from upright.ground.errors import UprightError
from upright.learning.ladder import ALGORITHMS
from upright.rollout.collector import NOISE_ROWS, LocalCollector
from upright.rollout.rollout import Collector, Rollout
from upright.settings.hyperparameters import SETTINGS

LANES, LIMIT = 3, 25
# Env 0 is balanced and meets the limit; env 1 falls to the right; env 2 starts almost fallen.
STARTS = np.random.default_rng(0).uniform(-0.05, 0.05, (LANES, 60, 4))
STARTS[2, ::2, 2] = -0.19


def both_ways() -> dict[str, Envs]:
    vector = ListedCartPoleVector(STARTS, LIMIT)
    singles = [TimeLimit(ListedCartPole(starts), LIMIT) for starts in STARTS]
    return {"next step": NextStepEnvs(vector, 0), "sync": SyncEnvs(singles, 0)}


def collect(
    envs: Envs, num_steps: int, episodes_per_env: int = 1, rollouts: int = 1
) -> list[Rollout]:
    policy = Steered(policy_for("ppo"))
    collector = LocalCollector(envs, policy, np.random.default_rng(0), num_steps, episodes_per_env)
    return [collector.collect() for _ in range(rollouts)]


def story(rollouts: list[Rollout], lane: int, algo: str = "ppo") -> list[dict[str, Any]]:
    """The valid transitions of one environment in order, with what an algorithm makes of them."""
    chosen = {"baseline": True} if algo == "reinforce" else {"gae_lambda": 0.9}
    settings = SETTINGS[algo](**chosen)
    policy = make_policy(settings, seed=7)
    algorithm = ALGORITHMS[algo](policy, settings, np.random.default_rng(0))
    transitions = []
    for rollout in rollouts:
        batch = algorithm.batch(rollout)
        advantages = np.full(rollout.valid.shape, np.nan)
        advantages[rollout.valid] = batch.advantages
        transitions += [
            {
                "obs": rollout.obs[t, lane],
                "action": rollout.actions[t, lane],
                "reward": rollout.rewards[t, lane],
                "terminated": rollout.terminated[t, lane],
                "truncated": rollout.truncated[t, lane],
                "advantage": advantages[t, lane],
            }
            for t in rollout.valid[:, lane].nonzero()[0]
        ]
    return transitions


def whole_episodes(transitions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What precedes the last end."""
    ends = [
        index
        for index, transition in enumerate(transitions)
        if transition["terminated"] or transition["truncated"]
    ]
    return transitions[: ends[-1] + 1]


def assert_same_story(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        for name in ("action", "reward", "terminated", "truncated"):
            assert mine[name] == theirs[name]
        np.testing.assert_allclose(mine["obs"], theirs["obs"], atol=1e-5)
        np.testing.assert_allclose(mine["advantage"], theirs["advantage"], atol=1e-4)


@pytest.mark.parametrize("algo", ["actor-critic", "ppo"])
def test_both_reset_modes_give_the_same_transitions_and_advantages(algo: str) -> None:
    (vector,), (sync,) = (collect(envs, num_steps=120) for envs in both_ways().values())
    for lane in range(LANES):
        one = whole_episodes(story([vector], lane, algo))
        other = whole_episodes(story([sync], lane, algo))
        common = min(len(one), len(other))
        assert_same_story(one[:common], other[:common])
        ends = {(bool(row["terminated"]), bool(row["truncated"])) for row in one[:common]}
        assert ((False, True) if lane == 0 else (True, False)) in ends
        assert sum(row["terminated"] or row["truncated"] for row in one[:common]) >= 3


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_both_reset_modes_give_the_same_whole_episodes(algo: str) -> None:
    (vector,), (sync,) = (
        collect(envs, num_steps=0, episodes_per_env=3) for envs in both_ways().values()
    )
    for lane in range(LANES):
        assert_same_story(story([vector], lane, algo), story([sync], lane, algo))
    assert vector.timesteps == sync.timesteps

    def by_lane(rollout: Rollout) -> list[list[tuple[float, int]]]:
        return [
            [(e.episode_return, e.length) for e in rollout.episodes if e.env_index == lane]
            for lane in range(LANES)
        ]

    assert by_lane(vector) == by_lane(sync)
    assert [len(episodes) for episodes in by_lane(sync)] == [3, 3, 3]
    assert by_lane(sync)[0] == [(LIMIT, LIMIT)] * 3


def test_episodes_that_span_rollouts_are_the_same_both_ways_and_counted_once() -> None:
    found = {}
    for name, envs in both_ways().items():
        rollouts = collect(envs, num_steps=7, rollouts=30)
        episodes = [episode for rollout in rollouts for episode in rollout.episodes]
        for lane in range(LANES):
            transitions = whole_episodes(story(rollouts, lane))
            lengths = [episode.length for episode in episodes if episode.env_index == lane]
            assert sum(lengths) == len(transitions)
        found[name] = [
            [(e.episode_return, e.length) for e in episodes if e.env_index == lane]
            for lane in range(LANES)
        ]
    for vector, sync in zip(found["next step"], found["sync"], strict=True):
        common = min(len(vector), len(sync))
        assert common >= 5
        assert vector[:common] == sync[:common]
        assert all(episode_return == length for episode_return, length in sync)


def test_splitting_a_collection_into_rollouts_changes_no_transition() -> None:
    for kind in ("next step", "sync"):
        whole = collect(both_ways()[kind], num_steps=60)
        parts = collect(both_ways()[kind], num_steps=6, rollouts=10)
        for lane in range(LANES):
            one, other = story(whole, lane), story(parts, lane)
            for mine, theirs in zip(one, other, strict=True):
                np.testing.assert_array_equal(mine["obs"], theirs["obs"])
                assert mine["truncated"] == theirs["truncated"]
        assert whole[0].episodes == tuple(e for part in parts for e in part.episodes)


def test_masked_rows_are_no_timesteps() -> None:
    (rollout,) = collect(both_ways()["next step"], num_steps=120)
    ends = rollout.terminated | rollout.truncated
    resets_within = int(ends[:-1].sum())
    assert resets_within > 0
    assert rollout.timesteps == 120 * LANES - resets_within
    np.testing.assert_array_equal(~rollout.valid[1:], ends[:-1])
    assert (rollout.rewards[~rollout.valid] == 0.0).all()


def test_a_sync_rollout_has_no_dead_row_and_keeps_the_final_obs_of_truncations_aside() -> None:
    (rollout,) = collect(both_ways()["sync"], num_steps=60)
    assert rollout.valid.all()
    cut = np.argwhere(rollout.truncated & ~rollout.terminated)
    assert len(cut) >= 2
    np.testing.assert_array_equal(rollout.final_index, cut)
    for (t, n), final in zip(rollout.final_index, rollout.final_obs, strict=True):
        env = CartPoleEnv()
        env.reset()
        env.state = rollout.obs[t, n].astype(np.float64)
        reached, *_ = env.step(int(rollout.actions[t, n]))
        np.testing.assert_allclose(final, reached, atol=1e-6)
        assert (rollout.obs[t + 1, n] == STARTS[n].astype(np.float32)).all(axis=1).any()


def test_arrays_have_time_first_and_one_observation_more() -> None:
    (rollout,) = collect(both_ways()["sync"], num_steps=10)
    assert rollout.obs.shape == (11, LANES, 4)
    assert rollout.obs.dtype == np.float32
    for field in (rollout.actions, rollout.rewards, rollout.terminated, rollout.truncated):
        assert field.shape == (10, LANES)


class Countdown(Probe):
    """Episodes of a fixed length; the reward is the number of the step, counted from 1."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length, self.resets = length, 0

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        self.resets += 1
        return super().reset(**options)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.now += 1
        return np.zeros(2, np.float32), float(self.now), self.now == self.length, False, {}


def countdowns(*lengths: int, share: int) -> tuple[list[Countdown], Collector]:
    envs = [Countdown(length) for length in lengths]
    policy = make_policy(SETTINGS["reinforce"](), envs[0].observation_space)
    sync = SyncEnvs(list(envs), 0)
    return envs, LocalCollector(sync, policy, np.random.default_rng(0), 0, share)


def test_whole_episodes_keep_their_last_transition() -> None:
    _, collector = countdowns(3, share=2)
    rollout = collector.collect()
    assert rollout.rewards[:, 0].tolist() == [1, 2, 3, 1, 2, 3]
    assert rollout.terminated[:, 0].tolist() == [False, False, True] * 2
    assert rollout.valid.all()


def test_every_environment_has_its_share_however_long_its_episodes_are() -> None:
    _, collector = countdowns(1, 2, 5, share=2)
    for _ in range(3):
        rollout = collector.collect()
        assert rollout.timesteps == 2 * (1 + 2 + 5)
        assert rollout.valid.sum(axis=0).tolist() == [2, 4, 10]
        assert sorted((e.env_index, e.length) for e in rollout.episodes) == [
            (0, 1),
            (0, 1),
            (1, 2),
            (1, 2),
            (2, 5),
            (2, 5),
        ]


def test_whole_episodes_longer_than_the_noise_that_is_drawn_at_once_go_on() -> None:
    _, collector = countdowns(200, share=1)
    rollout = collector.collect()
    assert rollout.timesteps == 200
    assert rollout.episodes[0].episode_return == 200 * 201 / 2
    assert 0 < rollout.actions.sum() < 200
    rows = rollout.actions[:, 0].tolist()
    assert rows[:NOISE_ROWS] != rows[NOISE_ROWS : 2 * NOISE_ROWS]


def test_an_environment_is_reset_once_for_each_episode_that_is_played() -> None:
    (env,), collector = countdowns(3, share=1)
    played = sum(len(collector.collect().episodes) for _ in range(4))
    assert played == 4
    assert env.resets <= played + 1


def test_the_first_rollout_begins_where_the_environments_do_and_the_next_goes_on() -> None:
    envs = [Countdown(10)]
    policy = make_policy(SETTINGS["ppo"](), envs[0].observation_space)
    collector = LocalCollector(SyncEnvs(list(envs), 0), policy, np.random.default_rng(0), 4)
    rewards = [collector.collect().rewards[:, 0].tolist() for _ in range(3)]
    assert rewards == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 1, 2]]


def test_actions_are_drawn_anew_in_every_rollout_from_the_current_weights() -> None:
    envs = SyncEnvs([EndlessReward() for _ in range(8)], 0)
    policy = make_policy(SETTINGS["ppo"](), EndlessReward().observation_space)
    collector = LocalCollector(envs, policy, np.random.default_rng(0), 50)
    first, second = collector.collect().actions, collector.collect().actions
    assert (first != second).any()
    policy.network.actor.layers[-1].bias[:] = [-50.0, 50.0]
    assert collector.collect().actions.all()


def test_a_rollout_beyond_the_machines_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, envs = {"num_envs": 4, "num_steps": 64, "backend": "sync"}, "CartPole-v1"
    settings["frame_stack"], size = 4, 65 * 4 * 4 * 4 * 4
    monkeypatch.setattr("upright.rollout.collector.memory_bytes", lambda: size)
    upright.Trainer(envs, "ppo", **settings).close()
    monkeypatch.setattr("upright.rollout.collector.memory_bytes", lambda: size - 1)
    with pytest.raises(UprightError, match=r"one rollout are 0\.0 GiB, and this machine has"):
        upright.Trainer(envs, "ppo", **settings)
    monkeypatch.setattr("upright.rollout.collector.memory_bytes", lambda: None)
    upright.Trainer(envs, "ppo", **settings).close()


class Typing(gym.Env[Any, Any]):
    """Ten thousand actions of which one is right."""

    observation_space, action_space = gym.spaces.Discrete(2), gym.spaces.Discrete(10_000)


def test_actions_beyond_the_machines_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"num_envs": 4, "num_steps": 128, "backend": "sync", "hidden_sizes": ()}
    size = 64 * 4 * 10_000 * 12
    monkeypatch.setattr("upright.rollout.collector.memory_bytes", lambda: size)
    upright.Trainer(Typing, "ppo", **settings).close()
    monkeypatch.setattr("upright.rollout.collector.memory_bytes", lambda: size - 1)
    with pytest.raises(UprightError, match=r"each out of 10,000 numbers, takes 0\.0 GiB"):
        upright.Trainer(Typing, "ppo", **settings)
