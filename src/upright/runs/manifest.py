"""What the text files of a checkpoint say: a strict class each, and what cannot be gone on from."""

from typing import Any, Literal, Self

from pydantic import Field

from upright.ground import UprightError
from upright.runs.records import REPEAT, SCHEMA, Count, Record


class LogMarks(Record):
    """What the logs were when a checkpoint was taken.

    Attributes:
        metrics_bytes: The length of metrics.jsonl.
        episodes_bytes: The length of episodes.jsonl.
        mean: The mean return, where the policy of that moment was evaluated.
    """

    metrics_bytes: Count = Field(alias="metrics.jsonl_bytes")
    episodes_bytes: Count = Field(alias="episodes.jsonl_bytes")
    mean: float | None

    @classmethod
    def at(cls, metrics_bytes: int, episodes_bytes: int, mean: float | None) -> Self:
        """The marks of this moment."""
        lengths = {"metrics.jsonl_bytes": metrics_bytes, "episodes.jsonl_bytes": episodes_bytes}
        return cls(mean=mean, **lengths)

    @classmethod
    def none(cls) -> Self:
        """The marks before anything was logged."""
        return cls.at(0, 0, None)


class States(Record):
    """The JSON values of what goes on: the experiment's own, the trainer's, the judge's."""

    experiment: dict[str, Any]
    trainer: dict[str, Any]
    judge: dict[str, Any]


class _Whole(Record):
    run: States
    log: LogMarks


class StateRecord(Record):
    """state.json of a checkpoint."""

    version: Literal[2] = Field(alias="schema")
    state: _Whole

    @classmethod
    def upgrade(cls, table: dict[str, Any], owner: str) -> dict[str, Any]:
        """Before schema 2 a checkpoint held too little to go on from.

        Raises:
            UprightError: It is of another version.
        """
        if table.get("schema") != SCHEMA:
            raise UprightError(
                f"{owner} has schema {table.get('schema')!r}; schema {SCHEMA} can be resumed.",
                REPEAT,
            )
        return table


class FileRecord(Record):
    """A file that a manifest vouches for."""

    size: Count = Field(alias="bytes")
    sha256: str


class Manifest(Record):
    """manifest.json of a checkpoint: its other files, by name; written last."""

    version: Literal[1, 2] = Field(alias="schema")
    files: dict[str, FileRecord]
