"""Losses and their derivatives, as pure functions of [B] arrays; every one is a mean.

Each returns its value and `d_x`, the derivative of the mean with respect to its first argument,
shape [B]. There is no autograd: the derivative stands beside the loss.
"""

import numpy as np

from upright.ground import Array, mean

Derived = tuple[float, Array]


def policy_gradient(log_probs: Array, advantages: Array) -> Derived:
    """L = -E[ log pi(a|s) * A ],  dL/dlog pi = -A / B.

    Williams, "Simple Statistical Gradient-Following Algorithms" (1992). With returns in the place
    of advantages it is REINFORCE.

    Args:
        log_probs: log pi(a|s) under the current policy, shape [B].
        advantages: A, shape [B].

    Example:
        >>> loss, d_log_probs = policy_gradient(np.array([-1.0, -2.0]), np.array([1.0, -1.0]))
        >>> loss, d_log_probs.tolist()
        (-0.5, [-0.5, 0.5])
    """
    return -mean(log_probs * advantages), advantages / -len(advantages)


def clipped_surrogate(
    log_probs: Array, old_log_probs: Array, advantages: Array, clip_range: float
) -> Derived:
    """L = -E[ min(rho * A, clip(rho, 1 - eps, 1 + eps) * A) ], rho = pi(a|s) / pi_old(a|s).

    dL/dlog pi = -rho * A / B where rho * A is the smaller, else 0. Schulman et al., "Proximal
    Policy Optimization Algorithms" (2017), equation 7.

    Args:
        log_probs: log pi(a|s) under the current policy, shape [B].
        old_log_probs: log pi_old(a|s) under the policy that acted, shape [B].
        advantages: A, shape [B].
        clip_range: eps > 0.

    Example:
        >>> old, now = np.log([0.5, 0.5]), np.log([0.5, 0.9])  # the second ratio is 1.8
        >>> loss, d_log_probs = clipped_surrogate(now, old, np.array([1.0, 1.0]), 0.2)
        >>> round(loss, 3), d_log_probs.tolist()
        (-1.1, [-0.5, -0.0])
    """
    ratio = np.exp(log_probs - old_log_probs)
    free = ratio * advantages
    clipped = ratio.clip(1.0 - clip_range, 1.0 + clip_range) * advantages
    return -mean(np.minimum(free, clipped)), np.where(free <= clipped, free, 0.0) / -len(free)


def value_loss(values: Array, returns: Array) -> Derived:
    """L = E[ (V(s) - G)^2 ],  dL/dV = 2 (V - G) / B, both of shape [B].

    Example:
        >>> loss, d_values = value_loss(np.array([1.0, 0.0]), np.array([0.0, 0.0]))
        >>> loss, d_values.tolist()
        (0.5, [1.0, 0.0])
    """
    error = values - returns
    return mean(error * error), error * (2.0 / len(error))


def clipped_value_loss(
    values: Array, old_values: Array, returns: Array, clip_range: float
) -> Derived:
    """L = E[ max((V - G)^2, (V_old + clip(V - V_old, -eps, eps) - G)^2) ].

    dL/dV = 2 (V - G) / B where the first is the larger or V is within the clip, else 0. The value
    clipping of the first PPO implementation (Dhariwal et al., "OpenAI Baselines", 2017).

    Args:
        values: V(s) of the current critic, shape [B].
        old_values: V(s) when the rollout was collected, shape [B].
        returns: G, shape [B].
        clip_range: eps > 0, in units of the return.

    Example:
        >>> values, old, returns = np.array([3.0]), np.array([0.0]), np.array([2.5])
        >>> loss, d_values = clipped_value_loss(values, old, returns, 1.0)
        >>> loss, d_values.tolist()  # the held one is the worse, and does not move
        (2.25, [0.0])
    """
    error, moved = values - returns, values - old_values
    clipped = old_values + moved.clip(-clip_range, clip_range) - returns
    free, held = error * error, clipped * clipped
    follows = (free >= held) | (np.abs(moved) <= clip_range)
    return mean(np.maximum(free, held)), np.where(follows, error, 0.0) * (2.0 / len(error))


def approx_kl(log_probs: Array, old_log_probs: Array) -> float:
    """KL(pi_old || pi), estimated as E[ (rho - 1) - log rho ], rho = pi / pi_old.

    Schulman, "Approximating KL Divergence" (2020), estimator k3.

    Example:
        >>> approx_kl(np.log([0.5, 0.5]), np.log([0.5, 0.5]))
        0.0
    """
    log_ratio = log_probs - old_log_probs
    return mean(np.expm1(log_ratio) - log_ratio)


def clip_fraction(log_probs: Array, old_log_probs: Array, clip_range: float) -> float:
    """How much of the batch the clip holds: where `|rho - 1| > eps`, rho = pi / pi_old.

    Example:
        >>> float(clip_fraction(np.log([0.5, 0.9]), np.log([0.5, 0.5]), 0.2))
        0.5
    """
    outside = np.abs(np.exp(log_probs - old_log_probs) - 1.0) > clip_range
    return np.count_nonzero(outside) / len(log_probs)
