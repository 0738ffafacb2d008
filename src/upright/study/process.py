"""What a training's process is to whoever waits for it, wherever it runs."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol


class Ending(NamedTuple):
    """How a training's process ended.

    Attributes:
        code: Its exit code, -N if signal N ended it; None where it was lost, and nobody knows.
        said: Its last words; of a lost one how that came, to be read after "its process".
    """

    code: int | None
    said: str


class TrainingProcess(Protocol):
    """A training in a process of its own, which no Ctrl-C reaches but through `hang_up`."""

    def heard(self) -> list[bytes]:
        """The lines that it told since, each an event of `study.child`."""

    def ended(self) -> Ending | None:
        """How it ended, and what it told until then is there to be heard; None while it goes on."""

    def hang_up(self) -> None:
        """Ask it to write a checkpoint and end; to ask again changes nothing."""

    def kill(self) -> None:
        """End it now, and wait until it has."""


# Begins the process of a training, with the task that `study.child` takes.
Beginning = Callable[[dict[str, Any]], TrainingProcess]
