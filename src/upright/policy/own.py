"""What only Python can say of a run, since no file can hold it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from upright.policy.torch_network import ModuleFactory


@dataclass(frozen=True)
class Own:
    """A network and a loss of the user's own.

    Attributes:
        policy: Makes the policy's module of PyTorch from the observation space and P, the number
            of the action distribution's parameters; None for the dense network.
        loss: A tensor of one number from log-probs [B], entropy [B], values [B] and the batch;
            None for the algorithm's.
    """

    policy: "ModuleFactory | None" = None
    loss: Callable[[Any, Any, Any, Any], Any] | None = None


def called(function: Callable[..., Any] | None) -> str | None:
    """What a function is called, as run.json records it; None for none."""
    return None if function is None else getattr(function, "__name__", type(function).__name__)
