"""Whether an environment's episodes repeat and stand alone, which exact resuming rests on."""

import numpy as np

from upright.envs.masks import sample_allowed
from upright.envs.step import Envs
from upright.ground import derive_seed

STEPS = 32


def episodes_repeat(envs: Envs, seed: int, steps: int = STEPS) -> bool:
    """Whether the same seed and the same actions give the same episode twice in a row.

    Args:
        envs: Environments to play two episodes in.
        seed: Where the episodes' seed derives from.
        steps: How far into an episode is looked.

    Raises:
        UprightError: An environment is at fault.
    """
    first, again = (_play(envs, derive_seed(seed, 0), steps) for _ in range(2))
    return first == again


def episodes_stand_alone(used: Envs, new: Envs, seed: int, steps: int = STEPS) -> bool:
    """Whether an episode is the same in a new environment and after another episode.

    Plays one episode of a used and of a new environment, the same seed and actions in both.

    Args:
        used: Environments to play two episodes in.
        new: The same, untouched; one episode is played there.
        seed: Where the episodes' seeds derive from.
        steps: How far into an episode is looked.

    Raises:
        UprightError: An environment is at fault.
    """
    _play(used, derive_seed(seed, 0), steps)
    again = derive_seed(seed, 1)
    return _play(used, again, steps) == _play(new, again, steps)


def _play(envs: Envs, seed: int, steps: int) -> list[bytes]:
    """The first observations and rewards of episodes of random actions, as bytes."""
    space, row = envs.actions.space, envs.actions.row
    space.seed(seed % 2**31)
    seen = [envs.reset(seed).tobytes()]
    for _ in range(steps):
        masks = [None] * envs.num_envs if envs.masks is None else envs.masks
        actions = np.array([row(sample_allowed(space, mask)) for mask in masks])
        step = envs.step(actions)
        seen += [step.obs.tobytes(), step.rewards.tobytes()]
        if step.any_done:
            break
    return seen
