"""Whether an environment's episodes stand alone, which exact resuming rests on."""

import numpy as np
from numpy.typing import NDArray

from upright.envs.guard import Guard
from upright.envs.sources import EnvSource, make_env
from upright.seeding import derive_seed

STEPS = 32


def episodes_stand_alone(env: EnvSource, seed: int) -> bool:
    """Whether an episode is the same in a new environment and after another episode.

    Plays one episode of a used and of a new environment, the same seed and actions in both.

    Args:
        env: What makes the environment.
        seed: Where the episodes' seeds derive from.

    Raises:
        UprightError: The environment cannot be made, or is at fault.
    """
    used, new = Guard(make_env(env), 0), Guard(make_env(env), 0)
    try:
        _play(used, derive_seed(seed, 0))
        after_another = _play(used, derive_seed(seed, 1))
        return after_another == _play(new, derive_seed(seed, 1))
    finally:
        used.close()
        new.close()


def _play(env: Guard, seed: int) -> list[bytes]:
    """The first observations and rewards of an episode of random actions, as bytes."""
    env.action_space.seed(seed % 2**31)
    obs, _ = env.reset(seed=seed)
    seen: list[NDArray[np.generic]] = [np.asarray(obs)]
    for _ in range(STEPS):
        obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        seen += [np.array(obs), np.float64(reward).reshape(1)]
        if terminated or truncated:
            break
    return [each.tobytes() for each in seen]
