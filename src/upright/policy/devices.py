"""Where a policy is computed; and the files that need PyTorch, loaded when they are asked for."""

import importlib
from types import ModuleType

from upright.ground import UprightError


def torch_part(file: str, what: str, otherwise: str = "") -> ModuleType:
    """A file of this room that needs PyTorch, loaded now; `what` says who needs it.

    Raises:
        UprightError: PyTorch is not installed.
    """
    try:
        return importlib.import_module(f"upright.policy.{file}")
    except ImportError as error:
        raise UprightError(
            f"{what} needs PyTorch, which is not installed.",
            f"`pip install 'upright[torch]'` adds it{otherwise}.",
        ) from error


def choose_device(requested: str) -> tuple[str, str]:
    """Where to train, and why, in one line.

    Raises:
        UprightError: CUDA was asked for and is not there.
    """
    if requested == "cuda" and not torch_part("torch_network", "The device cuda").has_cuda():
        raise UprightError("CUDA was asked for, but PyTorch sees no GPU.", "Use --device cpu.")
    if requested == "auto":
        return "cpu", "cpu: small networks are faster there; --device cuda takes a GPU"
    return requested, f"{requested}: as asked"
