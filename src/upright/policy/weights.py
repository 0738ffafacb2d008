"""A policy's weights as a safetensors file: written, and read into a policy of the same shapes."""

from pathlib import Path

import numpy
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from upright.ground import DTYPES, HEADER_BYTES, Header, UprightError, read_tensors, sha256
from upright.policy.policy import Policy, Weights

_NEVER_NEGATIVE = ("normalizer.variance", "normalizer.count")
_TYPE_NAMES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.bool: "BOOL"}


def weights_bytes(weights: Weights) -> bytes:
    """A policy's weights as the bytes of a safetensors file."""
    return save_tensors({name: tensor.cpu().contiguous() for name, tensor in weights.items()})


def header_of(policy: Policy) -> Header:
    """Dtype and shape of each of a policy's weights, as a safetensors file names them."""
    return {
        name: (_TYPE_NAMES[tensor.dtype], tuple(tensor.shape))
        for name, tensor in policy.state_dict().items()
    }


def most_bytes(header: Header) -> int:
    """The most bytes that a safetensors file with these tensors has."""
    sizes = (int(numpy.prod(shape, dtype=object)) * DTYPES[kind] for kind, shape in header.values())
    return sum(sizes) + HEADER_BYTES + 8


def load_weights(path: Path, policy: Policy) -> str:
    """Read weights into a policy of the same shapes, or into its outline; their SHA-256.

    Raises:
        UprightError: The file is missing, torn, foreign, or holds other tensors than the policy
            has, or numbers that are not finite.
    """
    expected = header_of(policy)
    data = read_tensors(path, most_bytes(expected), expected)
    policy.load_state_dict(parse_weights(data, path), assign=policy.device.type == "meta")
    return sha256(data)


def parse_weights(data: bytes, path: Path) -> Weights:
    """The weights in the bytes of a file whose header is in order.

    Raises:
        UprightError: It is torn, or holds numbers that no weights can be.
    """
    try:
        weights: Weights = load_tensors(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UprightError(f"{path} is not a safetensors file: {error}.") from error
    for name, tensor in weights.items():
        if not bool(tensor.isfinite().all()):
            raise UprightError(
                f"{path} holds numbers that are not finite, in {name}.",
                "A policy with such weights cannot act; use an earlier checkpoint.",
            )
        if name in _NEVER_NEGATIVE and bool((tensor < 0).any()):
            raise UprightError(f"{path} holds negative numbers in {name}, which has none.")
    return weights
