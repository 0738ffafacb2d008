"""What must not reach the weights: numbers not finite, observations outside their space."""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

from upright.ground import LARGEST_FLOAT32, NonFiniteError, UprightError
from upright.policy import Policy
from upright.rollout.rollout import Rollout

TOLERANCE = 1e-5
# The square of a larger one, or a sum of such squares, may be more than 32 bits hold.
SUSPECT = 1e15


def refuse_nonfinite(rollout: Rollout) -> None:
    """Raise on the first observation or reward of a rollout that is no finite 32-bit number.

    Raises:
        NonFiniteError: With the environment's index and the step.
    """
    for name, rows in (("observation", rollout.obs), ("reward", rollout.rewards)):
        if not _is_fine(rows).all():
            t, n, *_ = np.argwhere(~_is_fine(rows))[0].tolist()
            raise _nonfinite(name, rows[t, n], n, t)
    if not _is_fine(rollout.final_obs).all():
        row = int(np.argwhere(~_is_fine(rollout.final_obs))[0][0])
        t, n = rollout.final_index[row].tolist()
        raise _nonfinite("final observation", rollout.final_obs[row], n, t)


def _is_fine(rows: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(rows) <= LARGEST_FLOAT32)


def _nonfinite(name: str, values: Any, n: int, t: int) -> NonFiniteError:
    flat = np.ravel(values)
    found = float(flat[~_is_fine(flat)][0])
    return NonFiniteError(f"The {name}", found, f" in environment {n} at step {t} of the rollout")


def refuse_outside(rollout: Rollout, space: gym.Space[Any]) -> None:
    """Raise on the first observation of a rollout outside the bounds of its Box.

    Raises:
        UprightError: With the environment's index, the observation and the bound.
    """
    if not isinstance(space, gym.spaces.Box):
        return
    low, high = _widened(space.low, -1.0), _widened(space.high, 1.0)
    for rows in (rollout.obs, rollout.final_obs):
        outside = (rows < low) | (rows > high)
        if outside.any():
            where = np.argwhere(outside)[0].tolist()
            if rows is rollout.obs:
                n, obs, index = where[1], rows[where[0], where[1]], tuple(where[2:])
            else:
                n, obs, index = rollout.final_index[where[0], 1], rows[where[0]], tuple(where[1:])
            raise _outside(n, obs, index, space)


def _outside(n: int, obs: Any, index: tuple[int, ...], space: gym.spaces.Box) -> UprightError:
    return UprightError(
        f"Environment {n} returned the observation {obs.tolist()}, outside its space: element "
        f"{index[0] if len(index) == 1 else index} should be between {space.low[index]:g} and "
        f"{space.high[index]:g}.",
        "Mend the environment or its observation_space, or accept it with --outside-space accept.",
    )


def _widened(bound: NDArray[Any], direction: float) -> NDArray[np.float64]:
    """The bound with room for rounding to float32."""
    wide = bound.astype(np.float64)
    return wide + direction * TOLERANCE * np.where(np.isfinite(wide), 1.0 + np.abs(wide), 0.0)


@torch.no_grad()
def blame(policy: Policy, rollout: Rollout) -> str:
    """Which environment a loss or a gradient that is not finite comes from, in words."""
    obs = torch.as_tensor(rollout.obs[:-1], device=policy.device)
    params, values = policy(obs)
    fine = params.isfinite().all(dim=-1) & values.isfinite()
    guilty = (~fine).any(dim=0).nonzero().flatten().tolist()
    if guilty and len(guilty) < rollout.obs.shape[1]:
        return f"first in environment {guilty[0]}"
    t, n = np.unravel_index(np.abs(rollout.rewards).argmax(), rollout.rewards.shape)
    if abs(rollout.rewards[t, n]) > SUSPECT:
        return f"the largest reward is {rollout.rewards[t, n]:g}, of environment {n} at step {t}"
    return "no single environment is to blame"
