"""The logs of a run, read: one strict JSON object a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from upright.errors import UprightError
from upright.reading import parse_json, read_bytes

LOG_BYTES, ROW_BYTES, MOST_ROWS = 2 << 30, 1 << 16, 10_000_000
Row = dict[str, Any]


def read_metrics(path: Path, may_be_torn: bool, length: int | None = None) -> list[Row]:
    """The rows of metrics.jsonl, one object per iteration.

    Args:
        path: The file.
        may_be_torn: Whether its process died or writes just now, so that the last row may be one
            that nobody finished; it is passed over then.
        length: Only what stands in so many bytes from the start.

    Raises:
        UprightError: A line is no row.
    """
    return _rows(path, may_be_torn, length, _is_metrics, "a row of metrics")


def read_episodes(path: Path, may_be_torn: bool) -> list[Row]:
    """The rows of episodes.jsonl, one object per finished training episode.

    Raises:
        UprightError: A line is no row.
    """
    return _rows(path, may_be_torn, None, _is_episode, "an episode")


def _rows(
    path: Path, may_be_torn: bool, length: int | None, is_row: Callable[[Row], bool], name: str
) -> list[Row]:
    data = read_bytes(path, LOG_BYTES)[:length]
    if data.count(b"\n") > MOST_ROWS:
        raise UprightError(f"{path} has more than {MOST_ROWS:,} rows.")
    *lines, tail = data.split(b"\n")
    if tail and not (may_be_torn or (length is not None and len(data) < length)):
        lines.append(tail)
    if max(map(len, lines), default=0) > ROW_BYTES:
        n = next(n for n, line in enumerate(lines, start=1) if len(line) > ROW_BYTES)
        raise UprightError(f"{path}, line {n} is too long for {name}.")
    rows = []
    for n, line in enumerate(lines, start=1):
        row = parse_json(line, f"{path}, line {n}")
        if not is_row(row):
            raise UprightError(f"{path}, line {n} is not {name}.")
        rows.append(row)
    return rows


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_metrics(row: Row) -> bool:
    counted = _is_count(row.get("iteration")) and _is_count(row.get("time/total_timesteps"))
    named = "time/time_elapsed" in row and all(name.isprintable() for name in row)
    return counted and named and all(map(_is_number, row.values()))


def _is_episode(row: Row) -> bool:
    counts = all(_is_count(row.get(name)) for name in ("timesteps", "iteration", "env", "length"))
    return counts and _is_number(row.get("return"))
