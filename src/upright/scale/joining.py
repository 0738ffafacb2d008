"""The rollouts of shards as one rollout, in the order of the shards."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from upright.ground import Array, UprightError
from upright.rollout import Episode, Rollout


def joined(rollouts: Sequence[Rollout]) -> Rollout:
    """[T, N] of shards [T, N / K] each, side by side; the environments are numbered through.

    Where whole episodes were collected, a shard that ended before the others repeats its last
    observation in rows that are not valid.

    Raises:
        UprightError: Some of them have action masks and others have none.
    """
    length = max(len(rollout.rewards) for rollout in rollouts)
    parts = [_lengthened(rollout, length) for rollout in rollouts]
    first = np.cumsum([0, *(part.rewards.shape[1] for part in parts)])
    _refuse_some_masks(parts, first)

    names = ["obs", "actions", "rewards", "terminated", "truncated", "valid"]
    names += [name for name in ("masks", "log_probs") if getattr(parts[0], name) is not None]
    rows: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in names
    }
    done = (rows["terminated"] | rows["truncated"]) & rows["valid"]
    index, finals = _finals(parts, first)
    episodes = _in_time(parts, first, done)
    return Rollout(**rows, final_index=index, final_obs=finals, episodes=episodes)


def _finals(parts: Sequence[Rollout], first: Array) -> tuple[Array, Array]:
    """The places of final observations, and those, in order of time."""
    numbered = zip(parts, first.tolist(), strict=False)
    index = np.concatenate([part.final_index + np.array([0, n]) for part, n in numbered])
    order = np.lexsort((index[:, 1], index[:, 0]))
    return index[order], np.concatenate([part.final_obs for part in parts])[order]


def _in_time(parts: Sequence[Rollout], first: Array, done: Array) -> tuple[Episode, ...]:
    """The episodes in order of time; each shard's are, and `done` [T, N] says which end when."""
    of_shards = [iter(part.episodes) for part in parts]
    ends = done.nonzero()[1]
    shards = np.searchsorted(first, ends, "right") - 1
    return tuple(
        next(of_shards[shard])._replace(env_index=n)
        for shard, n in zip(shards.tolist(), ends.tolist(), strict=True)
    )


def _lengthened(rollout: Rollout, length: int) -> Rollout:
    """The rollout with rows that are not valid at its end."""
    more = length - len(rollout.rewards)
    if not more:
        return rollout

    def padded(rows: Array, mode: Literal["constant", "edge"] = "constant") -> Array:
        return np.pad(rows, [(0, more), *[(0, 0)] * (rows.ndim - 1)], mode)

    names = ("rewards", "terminated", "truncated", "valid")
    rows: dict[str, Any] = {name: padded(getattr(rollout, name)) for name in names}
    rows |= {name: padded(getattr(rollout, name), "edge") for name in ("obs", "actions")}
    if rollout.masks is not None:
        rows["masks"] = padded(rollout.masks, "edge")
    if rollout.log_probs is not None:
        rows["log_probs"] = padded(rollout.log_probs)
    return replace(rollout, **rows)


def _refuse_some_masks(parts: Sequence[Rollout], first: Array) -> None:
    without = [n for n, part in zip(first.tolist(), parts, strict=False) if part.masks is None]
    if 0 < len(without) < len(parts):
        raise UprightError(
            f"Environment {without[0]} gives no action mask, and others do.",
            "Give one everywhere, or train without: --mask off.",
        )
