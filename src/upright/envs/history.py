"""Whether an environment's episodes repeat and stand alone, which exact resuming rests on."""

from typing import Literal, NamedTuple

import numpy as np

from upright.envs.masks import sample_allowed
from upright.envs.step import Envs
from upright.ground import derive_seed

STEPS = 32
Remembered = Literal["", "observations", "rewards"]


def episodes_repeat(one: Envs, other: Envs, seed: int, steps: int = STEPS) -> bool:
    """Whether the same seed and the same actions give the same episode in two new environments.

    Args:
        one: Environments that were not played yet.
        other: The same.
        seed: Where the episode's seed derives from.
        steps: How far into the episode is looked.

    Raises:
        UprightError: An environment is at fault.
    """
    first, again = (_play(envs, derive_seed(seed, 0), steps) for envs in (one, other))
    return first == again


def episodes_stand_alone(used: Envs, new: Envs, seed: int, steps: int = STEPS) -> bool:
    """Whether an episode is the same in a new environment and after other episodes.

    Args and errors as of `remembered`.
    """
    return remembered(used, new, seed, steps) == ""


def remembered(used: Envs, new: Envs, seed: int, steps: int = STEPS) -> Remembered:
    """What of an episode is another in a new environment than after other episodes.

    Plays one episode of a used and of a new environment, the same seed and actions in both.

    Args:
        used: Environments to play several episodes in.
        new: The same, untouched; one episode is played there.
        seed: Where the episodes' seeds derive from.
        steps: How many are played before, and how far into the episode is looked.

    Raises:
        UprightError: An environment is at fault.
    """
    left, before = steps, 1
    while left > 0:
        left -= len(_play(used, derive_seed(seed, before), left).rewards)
        before += 1
    again = derive_seed(seed, 0)
    one, other = _play(used, again, steps), _play(new, again, steps)
    if one.observations != other.observations:
        return "observations"
    return "rewards" if one.rewards != other.rewards else ""


class _Seen(NamedTuple):
    """An episode as bytes: what was shown and allowed, from the reset on, and what was earned."""

    observations: list[bytes]
    rewards: list[bytes]


def _play(envs: Envs, seed: int, steps: int) -> _Seen:
    """The beginning of an episode of random actions."""
    space, row = envs.actions.space, envs.actions.row
    space.seed(seed % 2**31)
    seen = _Seen([envs.reset(seed).tobytes()], [])
    for _ in range(steps):
        masks = [None] * envs.num_envs if envs.masks is None else envs.masks
        seen.observations.append(np.asarray(masks, np.bool_).tobytes())
        actions = np.array([row(sample_allowed(space, mask)) for mask in masks])
        step = envs.step(actions)
        seen.observations.append(step.obs.tobytes())
        seen.rewards.append(step.rewards.tobytes())
        if step.any_done:
            break
    return seen
