"""What must not reach the weights: numbers not finite, observations outside their space."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from upright.envs import Codec
from upright.ground import LARGEST_FLOAT32, Array, Bools, NonFiniteError, UprightError
from upright.policy import Policy
from upright.rollout.rollout import Rollout

TOLERANCE = 1e-5
# The square of a larger one, or a sum of such squares, may be more than 32 bits hold.
SUSPECT = 1e15


def refuse_nonfinite(rollout: Rollout, observations: Codec) -> None:
    """Raise on the first observation or reward of a rollout that is no finite 32-bit number.

    Pixels are bytes, and always are.

    Raises:
        NonFiniteError: With the environment's index and the step.
    """
    for name, rows, places in (
        ("observation", observations.numbers(rollout.obs), None),
        ("reward", rollout.rewards, None),
        ("final observation", observations.numbers(rollout.final_obs), rollout.final_index),
    ):
        fine = np.abs(rows) <= LARGEST_FLOAT32
        if not fine.all():
            row, (t, n), element = _first(~fine, places)
            place = f" in environment {n} at step {t} of the rollout"
            raise NonFiniteError(f"The {name}", float(rows[row + element]), place)


def refuse_outside(rollout: Rollout, observations: Codec) -> None:
    """Raise on the first observation of a rollout outside the bounds of a Box.

    Raises:
        UprightError: With the environment's index, the observation and the bound.
    """
    least, greatest = observations.bounds()
    low, high = _widened(least, -1.0), _widened(greatest, 1.0)
    for all_rows, places in ((rollout.obs, None), (rollout.final_obs, rollout.final_index)):
        rows = observations.numbers(all_rows)
        outside = (rows < low) | (rows > high)
        if outside.any():
            row, (_, n), index = _first(outside, places)
            raise UprightError(
                f"Environment {n} returned the observation {rows[row].tolist()}, outside its "
                f"space: element {index[0] if len(index) == 1 else index} should be between "
                f"{least[index]:g} and {greatest[index]:g}.",
                "Mend the environment or its observation_space, or accept it with "
                "--outside-space accept.",
            )


def _first(bad: Bools, places: Array | None) -> tuple[tuple[int, ...], ...]:
    """Of the first flag that is set: its row's index, its step and environment, its element.

    Args:
        bad: [T, N, ...], or [K, ...] where `places` has the step and environment of each row.
        places: [K, 2].
    """
    where = tuple(np.argwhere(bad)[0].tolist())
    if places is None:
        return where[:2], where[:2], where[2:]
    return where[:1], tuple(places[where[0]].tolist()), where[1:]


def _widened(bound: NDArray[Any], direction: float) -> NDArray[np.float64]:
    """The bound with room for rounding to float32."""
    wide = bound.astype(np.float64)
    return wide + direction * TOLERANCE * np.where(np.isfinite(wide), 1.0 + np.abs(wide), 0.0)


@np.errstate(all="ignore")  # it is looked for
def blame(policy: Policy, rollout: Rollout) -> str:
    """Which environment a loss or a gradient that is not finite comes from, in words."""
    obs = rollout.obs[:-1]
    rows = obs.reshape(-1, *obs.shape[2:])
    params, values = policy.params(rows), policy.values(rows)
    fine = np.isfinite(params).all(axis=-1) & np.isfinite(values)
    guilty = np.flatnonzero(~fine.reshape(obs.shape[:2]).all(axis=0)).tolist()
    if guilty and len(guilty) < rollout.obs.shape[1]:
        return f"first in environment {guilty[0]}"
    t, n = np.unravel_index(np.abs(rollout.rewards).argmax(), rollout.rewards.shape)
    if abs(rollout.rewards[t, n]) > SUSPECT:
        return f"the largest reward is {rollout.rewards[t, n]:g}, of environment {n} at step {t}"
    return "no single environment is to blame"
