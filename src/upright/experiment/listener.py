"""What may look on while a run goes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from upright.judging import Evaluation, Verdict
from upright.learning import Iteration, Trainer


class Listener:
    """What may look on while a run goes; every method may be overridden.

    Example:
        >>> class Telling(upright.experiment.Listener):
        ...     def concluded(self, verdict, summary):
        ...         print("solved" if verdict.solved else "not solved")
        >>> run = upright.train("CartPole-v1", seed=0, listener=Telling())
        solved
    """

    def started(self, trainer: Trainer, folder: Path) -> None:
        """The run folder is there, the first collect comes next."""

    def resumed(self, trainer: Trainer, folder: Path, notes: Sequence[str]) -> None:
        """A run goes on; `notes` are sentences that a person should read."""

    def masked(self, size: int) -> None:
        """The first rollout has action masks [T, N, P]; `size` is P."""

    def noted(self, notes: Sequence[str]) -> None:
        """What happened in an iteration that a person should read, such as a lost worker."""

    def iterated(self, iteration: Iteration, row: dict[str, Any]) -> None:
        """An iteration ended; `row` is what went to metrics.jsonl."""

    def evaluated(self, evaluation: Evaluation, timesteps: int) -> None:
        """The greedy policy was evaluated."""

    def proven(self, evaluation: Evaluation, timesteps: int) -> None:
        """A selected policy was tried again on other seeds, and passed or failed."""

    def stopping(self, signum: int) -> None:
        """A signal asked to stop; the iteration is finished first. Called in a signal handler."""

    def concluded(self, verdict: Verdict, summary: dict[str, Any]) -> None:
        """The verdict is there and safe on the disk."""

    def illustrated(self, files: Sequence[Path], notes: Sequence[str]) -> None:
        """Pictures of the finished run were made; `notes` say which could not be."""

    def already_finished(self, folder: Path, summary: dict[str, Any]) -> None:
        """A run that was to be resumed has nothing left to do."""
