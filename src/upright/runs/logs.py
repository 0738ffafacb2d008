"""The logs of a run, read: one strict JSON object a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from upright.ground import UprightError, parse_json, read_bytes
from upright.runs.rows import EpisodeRow, MetricsRow

LOG_BYTES, ROW_BYTES, MOST_ROWS = 2 << 30, 1 << 16, 10_000_000


def read_metrics(path: Path, may_be_torn: bool, length: int | None = None) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl, one object per iteration.

    Args:
        path: The file.
        may_be_torn: Whether its process died or writes just now, so that the last row may be one
            that nobody finished; it is passed over then.
        length: Only what stands in so many bytes from the start.

    Raises:
        UprightError: A line is no row.
    """
    return list(_rows(path, may_be_torn, length, MetricsRow, "a row of metrics"))


def read_episodes(path: Path, may_be_torn: bool) -> list[dict[str, Any]]:
    """The rows of episodes.jsonl, one object per finished training episode.

    Raises:
        UprightError: A line is no row.
    """
    return list(_rows(path, may_be_torn, None, EpisodeRow, "an episode"))


def _rows(
    path: Path,
    may_be_torn: bool,
    length: int | None,
    kind: type[MetricsRow | EpisodeRow],
    name: str,
) -> Iterator[dict[str, Any]]:
    data = read_bytes(path, LOG_BYTES)[:length]
    if data.count(b"\n") > MOST_ROWS:
        raise UprightError(f"{path} has more than {MOST_ROWS:,} rows.")
    *lines, tail = data.split(b"\n")
    if tail and not (may_be_torn or (length is not None and len(data) < length)):
        lines.append(tail)
    for n, line in enumerate(lines, start=1):
        if len(line) > ROW_BYTES:
            raise UprightError(f"{path}, line {n} is too long for {name}.")
        row = parse_json(line, f"{path}, line {n}")
        try:
            kind.model_validate(row)
        except ValidationError as error:
            raise UprightError(f"{path}, line {n} is not {name}.") from error
        yield row
