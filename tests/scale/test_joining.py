"""Rollouts of shards, side by side in the order of the shards, and in the order of time."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import upright
from probes.masked import Forbidding
from support import make_rollout
from upright.ground.errors import UprightError
from upright.ground.seeding import Stream, derive_seed
from upright.rollout.collector import LocalCollector
from upright.rollout.rollout import Episode, Rollout
from upright.scale.joining import joined


def rollout_of(rows: int, ends: dict[tuple[int, int], str], base: float) -> Rollout:
    """A shard of two environments whose numbers begin at `base`; `ends` says where and how."""
    shape = (rows, 2)
    obs = base + np.arange(2.0 * (rows + 1)).reshape(rows + 1, 2, 1)
    flags = {how: np.zeros(shape, np.bool_) for how in ("terminated", "truncated")}
    for place, how in ends.items():
        flags[how][place] = True
    cut = sorted(place for place, how in ends.items() if how == "truncated")
    made = make_rollout(
        obs,
        np.arange(rows * 2).reshape(shape),
        base + np.ones(shape),
        **flags,
        finals=[(place, [base + 0.5 + place[0]]) for place in cut],
    )
    found = tuple(Episode(base, t + 1, n) for t, n in sorted(ends))
    return replace(made, episodes=found)


def test_environments_stand_in_the_order_of_the_shards() -> None:
    parts = [rollout_of(3, {}, base) for base in (0.0, 100.0, 200.0)]
    whole = joined(parts)
    assert whole.obs.shape == (4, 6, 1)
    np.testing.assert_array_equal(whole.obs[:, 2:4], parts[1].obs)
    assert whole.rewards[0].tolist() == [1, 1, 101, 101, 201, 201]
    assert whole.obs.flags.c_contiguous
    assert whole.masks is None


def test_final_observations_and_episodes_are_numbered_through_and_in_order_of_time() -> None:
    one = rollout_of(4, {(3, 0): "truncated", (1, 1): "truncated", (2, 1): "terminated"}, 0.0)
    two = rollout_of(4, {(0, 1): "truncated", (3, 0): "terminated"}, 100.0)
    whole = joined([one, two])
    assert whole.final_index.tolist() == [[0, 3], [1, 1], [3, 0]]
    assert whole.final_obs.ravel().tolist() == [100.5, 1.5, 3.5]
    assert [(each.length, each.env_index) for each in whole.episodes] == [
        (1, 3),
        (2, 1),
        (3, 1),
        (4, 0),
        (4, 2),
    ]


def test_a_shard_that_ended_before_the_others_has_rows_that_do_not_count() -> None:
    short = rollout_of(2, {(1, 0): "truncated", (0, 1): "terminated"}, 0.0)
    long = rollout_of(5, {(4, 0): "terminated", (3, 1): "terminated"}, 100.0)
    whole = joined([short, long])
    assert whole.valid.sum(axis=0).tolist() == [2, 2, 5, 5]
    assert not (whole.terminated | whole.truncated)[2:, :2].any()
    assert not whole.rewards[2:, :2].any()
    np.testing.assert_array_equal(whole.obs[3:, :2], np.stack([short.obs[-1]] * 3))
    assert whole.timesteps == short.timesteps + long.timesteps


def test_masks_are_all_there_or_not_at_all() -> None:
    plain = rollout_of(2, {}, 0.0)
    masked = replace(plain, masks=np.ones((2, 2, 3), np.bool_))
    masks = joined([masked, masked]).masks
    assert masks is not None
    assert masks.shape == (2, 4, 3)
    with pytest.raises(UprightError, match=r"Environment 2 gives no action mask, and others do\."):
        joined([masked, plain])


@pytest.mark.parametrize("env", ["CartPole-v1", Forbidding])
def test_a_shard_is_what_a_collector_of_its_environments_alone_collects(env: Any) -> None:
    chosen = {"preset": "default", "num_envs": 4, "num_steps": 16, "shards": 2, "backend": "sync"}
    trainer = upright.Trainer(env, "ppo", seed=5, **chosen)
    rollout = trainer.collector.collect()
    for shard in range(2):
        seed = derive_seed(5, Stream.ACTIONS, 0, shard)
        envs = upright.envs.make_envs(env, 2, derive_seed(5, Stream.TRAINING, shard), "sync")
        alone = LocalCollector(envs, trainer.policy, np.random.default_rng(seed), 16)
        expected = alone.collect()
        columns = slice(2 * shard, 2 * shard + 2)
        for name in ("obs", "actions", "rewards", "terminated", "truncated"):
            np.testing.assert_array_equal(
                getattr(rollout, name)[:, columns], getattr(expected, name)
            )
        alone.close()
    trainer.close()
