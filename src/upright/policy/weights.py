"""A policy's weights as a safetensors file: written, and read into a policy of the same shapes."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save as save_arrays

from upright.ground import (
    Layout,
    UprightError,
    layout_of,
    most_bytes,
    parse_tensors,
    read_bytes,
    sha256,
)
from upright.policy.networks import Weights
from upright.policy.policy import Policy

_NEVER_NEGATIVE = ("normalizer.variance", "normalizer.count")


def weights_bytes(weights: Weights) -> bytes:
    """A policy's weights as the bytes of a safetensors file."""
    return save_arrays(weights)


def load_weights(path: Path, policy: Policy) -> str:
    """Read weights into a policy of the same shapes; their SHA-256.

    Raises:
        UprightError: The file is missing, torn, foreign, or holds other tensors than the policy
            has, or numbers that are not finite.
    """
    expected = layout_of(policy.weights)
    data = read_bytes(path, most_bytes(expected))
    policy.load(parse_weights(data, path, expected))
    return sha256(data)


def parse_weights(data: bytes, path: Path, expected: Layout) -> Weights:
    """The weights in the bytes of a file.

    Raises:
        UprightError: It is torn, or holds other tensors, or numbers that no weights can be.
    """
    weights = parse_tensors(data, str(path), expected)
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise UprightError(
                f"{path} holds numbers that are not finite, in {name}.",
                "A policy with such weights cannot act; use an earlier checkpoint.",
            )
        if name in _NEVER_NEGATIVE and (array < 0).any():
            raise UprightError(f"{path} holds negative numbers in {name}, which has none.")
    return weights
