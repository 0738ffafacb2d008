"""Forbidden actions: their logits give way to a number so low that their probability is 0.

Huang & Ontañón, "A Closer Look at Invalid Action Masking in Policy Gradient Algorithms" (2022).
"""

import numpy as np

from upright.ground import Array, Bools

# Finite, so that p log p is 0; half, so that no sum or difference with a logit is infinite.
FORBIDDEN = float(np.finfo(np.float32).min) / 2


def masked(params: Array, masks: Bools | None) -> Array:
    """z'_a = z_a where action a is allowed, else M = `FORBIDDEN`; pi(a|s) = softmax(z')_a.

    exp(M - max z') is 0 in floating point, so pi(a|s), its share of the entropy, and with them the
    derivatives of log pi and of H with respect to z'_a are exactly 0 where a is forbidden: what
    goes back to the network is what comes from z'.

    Args:
        params: Logits, of a Discrete's actions or of a MultiDiscrete's numbers, [B, P].
        masks: What is allowed, [B, P]; None for everything.
    """
    return params if masks is None else np.where(masks, params, params.dtype.type(FORBIDDEN))
