"""The logs of a run: one strict JSON object a line, of a class each, and how they are read."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import ConfigDict, Field, RootModel, ValidationError, model_validator

from upright.ground import UprightError, parse_json, read_bytes
from upright.learning import Metric
from upright.runs.records import Count, Number, Record

if TYPE_CHECKING:
    from upright.rollout import Episode

LOG_BYTES, ROW_BYTES, MOST_ROWS = 2 << 30, 1 << 16, 10_000_000


class MetricsRow(RootModel[dict[str, Number]]):
    """A line of metrics.jsonl: an iteration's numbers by their names."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, defer_build=True)
    CALLED: ClassVar = "a row of metrics"

    @model_validator(mode="after")
    def _counted(self) -> Self:
        counts = (self.root.get(name) for name in (Metric.ITERATION, Metric.TIMESTEPS))
        if not all(type(count) is int and 0 <= count < 2**63 for count in counts):
            raise ValueError("has no counts")
        if Metric.SECONDS not in self.root or not all(name.isprintable() for name in self.root):
            raise ValueError("lacks or garbles a name")
        return self


class EpisodeRow(Record):
    """A line of episodes.jsonl: a finished training episode.

    Attributes:
        timesteps: The transitions behind the run at the end of the iteration that it ended in.
        iteration: That iteration.
        env: The environment's number.
        episode_return: The sum of its rewards.
        length: Its transitions.
    """

    model_config = ConfigDict(extra="ignore")
    CALLED: ClassVar = "an episode"

    timesteps: Count
    iteration: Count
    env: Count
    episode_return: Number = Field(alias="return")
    length: Count

    @staticmethod
    def written(episode: "Episode", timesteps: int, iteration: int) -> dict[str, float]:
        """The line of an episode that ended in this iteration."""
        return {
            "timesteps": timesteps,
            "iteration": iteration,
            "env": episode.env_index,
            "return": episode.episode_return,
            "length": episode.length,
        }


def read_rows(
    path: Path, kind: type[MetricsRow | EpisodeRow], may_be_torn: bool, length: int | None = None
) -> list[dict[str, Any]]:
    """The rows of a log, each of which is of this kind.

    Args:
        path: The file.
        kind: What its lines say.
        may_be_torn: Whether its process died or writes just now, so that the last row may be one
            that nobody finished; it is passed over then.
        length: Only what stands in so many bytes from the start.

    Raises:
        UprightError: A line is no row.
    """
    data = read_bytes(path, LOG_BYTES)[:length]
    if data.count(b"\n") > MOST_ROWS:
        raise UprightError(f"{path} has more than {MOST_ROWS:,} rows.")
    *lines, tail = data.split(b"\n")
    if tail and not (may_be_torn or (length is not None and len(data) < length)):
        lines.append(tail)
    rows = []
    for n, line in enumerate(lines, start=1):
        if len(line) > ROW_BYTES:
            raise UprightError(f"{path}, line {n} is too long for {kind.CALLED}.")
        rows.append(parse_json(line, f"{path}, line {n}"))
        try:
            kind.model_validate(rows[-1])
        except ValidationError as error:
            raise UprightError(f"{path}, line {n} is not {kind.CALLED}.") from error
    return rows
