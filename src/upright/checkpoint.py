"""Weights and training state on disk: safetensors and JSON, atomic, hashed; never pickle."""

import hashlib
import os
import platform
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

import upright
from upright.errors import UprightError
from upright.files import sync_folder, write_atomically, write_json
from upright.policy import Policy, Weights

SCHEMA = 1


def weights_bytes(weights: Weights) -> bytes:
    """A policy's weights as the bytes of a safetensors file."""
    return save_tensors({name: tensor.cpu().contiguous() for name, tensor in weights.items()})


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def load_weights(path: Path, policy: Policy) -> str:
    """Read weights into a policy of the same shape; their SHA-256.

    Raises:
        UprightError: The file is missing, torn, or holds other tensors than the policy has.
    """
    try:
        data = path.read_bytes()
        tensors = load_tensors(data)
    except OSError as error:
        raise UprightError(f"Cannot read the weights {path}: {error.strerror}.") from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise UprightError(f"{path} is not a safetensors file: {error}.") from error
    expected = policy.state_dict()
    found = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
    wanted = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in expected.items()}
    if found != wanted:
        raise UprightError(f"{path} does not hold the tensors that its settings describe.")
    policy.load_state_dict(tensors)
    return sha256(data)


def save_checkpoint(
    folder: Path, weights: bytes, trainer: dict[str, Tensor], state: dict[str, Any]
) -> None:
    """Write a checkpoint folder; it is whole once its manifest is there, and it appears at once.

    Args:
        folder: Where it goes; must not exist.
        weights: `weights_bytes` of the policy.
        trainer: The optimisers' tensors.
        state: Counters, as JSON values.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    write_atomically(temporary / "policy.safetensors", weights)
    moments = {name: tensor.detach().cpu() for name, tensor in trainer.items()}
    write_atomically(temporary / "trainer.safetensors", save_tensors(moments))
    write_json(temporary / "state.json", {"schema": SCHEMA, **state})
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256(path.read_bytes())}
        for path in sorted(temporary.iterdir())
    }
    write_json(temporary / "manifest.json", {"schema": SCHEMA, "files": files})
    temporary.rename(folder)
    sync_folder(folder.parent)


def versions() -> dict[str, str]:
    """What the last bit of a run's numbers depends on besides its settings."""
    return {
        "upright": upright.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "gymnasium": gymnasium.__version__,
        "cpu": f"{_cpu_model()}, {torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores",
    }


def _cpu_model() -> str:
    """The processor's name; matrix libraries choose their kernels by it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
