"""Returns and advantages: one backward recursion, two masks.

    delta_t = r_t + gamma * (1 - terminated_t) * V(s_{t+1}) - V(s_t)
    A_t     = delta_t + gamma * lambda * (1 - done_t) * A_{t+1}

Terminated cuts the bootstrap; done (terminated or truncated) cuts the recursion. `next_values`
holds V(s_{t+1}) of the *true* next observation, which for a truncated step is the episode's final
one and not the first of the next episode. Source: Schulman et al., "High-Dimensional Continuous
Control Using Generalized Advantage Estimation" (2016), equations 11 and 16.
"""

import numpy as np
from numpy.typing import NDArray

from upright.ground import Bools, Floats, variance


def gae(
    rewards: Floats,
    values: Floats,
    next_values: Floats,
    terminated: Bools,
    truncated: Bools,
    gamma: float,
    gae_lambda: float,
) -> NDArray[np.float64]:
    """Generalised advantage estimates.

    Args:
        rewards: r_t, shape [T, N].
        values: V(s_t), shape [T, N].
        next_values: V(s_{t+1}) of the true next observation, shape [T, N].
        terminated: Whether the step ended the task, shape [T, N].
        truncated: Whether the step met a limit outside the task, shape [T, N].
        gamma: Discount per step, in [0, 1].
        gae_lambda: Weight of longer estimates, in [0, 1]; 1 is the Monte Carlo advantage.

    Returns:
        A_t, shape [T, N].

    Example:
        >>> rewards, no_critic = np.ones((3, 1)), np.zeros((3, 1))
        >>> end, never = np.array([[False], [False], [True]]), np.zeros((3, 1), bool)
        >>> gae(rewards, no_critic, no_critic, end, never, 0.5, 1.0).ravel().tolist()
        [1.75, 1.5, 1.0]
    """
    deltas = rewards + gamma * ~terminated * next_values - values
    decay = gamma * gae_lambda * ~(terminated | truncated)
    one = rewards.shape[1] == 1  # plain numbers are ten times as fast as arrays of one
    rows = (deltas[:, 0].tolist(), decay[:, 0].tolist()) if one else (deltas, decay)
    later, advantages = 0.0, []
    for delta, kept in zip(*map(reversed, rows), strict=True):
        later = delta + kept * later
        advantages.append(later)
    return np.array(advantages[::-1], np.float64).reshape(rewards.shape)


def explained_variance(predictions: Floats, targets: Floats) -> float:
    """1 - Var[targets - predictions] / Var[targets], of [n]; 0 for constant targets.

    Example:
        >>> explained_variance(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
        1.0
    """
    spread = variance(targets)
    return 1.0 - variance(targets - predictions) / spread if spread > 0.0 else 0.0
