"""Losses as pure functions of [B] tensors; every one is a mean to be minimised."""

import torch
from torch import Tensor


def policy_gradient(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """L = -E[ log pi(a|s) * A ].

    Williams, "Simple Statistical Gradient-Following Algorithms" (1992). With returns in the place
    of advantages it is REINFORCE.

    Args:
        log_probs: log pi(a|s) under the current policy, shape [B].
        advantages: A, without gradient, shape [B].
    """
    return -(log_probs * advantages).mean()


def clipped_surrogate(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip_range: float
) -> Tensor:
    """L = -E[ min(rho * A, clip(rho, 1 - eps, 1 + eps) * A) ], rho = pi(a|s) / pi_old(a|s).

    Schulman et al., "Proximal Policy Optimization Algorithms" (2017), equation 7.

    Args:
        log_probs: log pi(a|s) under the current policy, shape [B].
        old_log_probs: log pi_old(a|s) under the policy that acted, shape [B].
        advantages: A, without gradient, shape [B].
        clip_range: eps > 0.
    """
    ratio = torch.exp(log_probs - old_log_probs)
    clipped = ratio.clamp(1.0 - clip_range, 1.0 + clip_range)
    return -torch.minimum(ratio * advantages, clipped * advantages).mean()


def value_loss(values: Tensor, returns: Tensor) -> Tensor:
    """L = E[ (V(s) - G)^2 ], both of shape [B]."""
    return (values - returns).square().mean()


def clipped_value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, clip_range: float
) -> Tensor:
    """L = E[ max((V - G)^2, (V_old + clip(V - V_old, -eps, eps) - G)^2) ].

    The value clipping of the first PPO implementation (Dhariwal et al., "OpenAI Baselines", 2017).

    Args:
        values: V(s) of the current critic, shape [B].
        old_values: V(s) when the rollout was collected, shape [B].
        returns: G, shape [B].
        clip_range: eps > 0, in units of the return.
    """
    clipped = old_values + (values - old_values).clamp(-clip_range, clip_range)
    return torch.maximum((values - returns).square(), (clipped - returns).square()).mean()


def approx_kl(log_probs: Tensor, old_log_probs: Tensor) -> Tensor:
    """KL(pi_old || pi), estimated as E[ (rho - 1) - log rho ], rho = pi / pi_old.

    Schulman, "Approximating KL Divergence" (2020), estimator k3.
    """
    log_ratio = log_probs - old_log_probs
    return (torch.exp(log_ratio) - 1.0 - log_ratio).mean()
