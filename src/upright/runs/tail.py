"""A log of metrics that grows, followed: of what was read nothing is read again."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from upright.ground import UprightError, regular_file
from upright.runs.logs import ROW_BYTES, Metric

# So many points a curve has at most, and so many are left where there were more.
CURVE_POINTS, KEPT_POINTS = 200, 150
# What is longer is read at so many places, a block each, and at its end.
WHOLE_BYTES, PLACES, BLOCK_BYTES, END_BYTES = 1 << 20, 200, 1 << 12, 1 << 16
# As much of what was read before must still stand there.
OVERLAP_BYTES = 64
TOLD = (Metric.TIMESTEPS, Metric.EPISODE_RETURN, Metric.EVALUATION, Metric.SECONDS)
EVALUATION_KEY = f'"{Metric.EVALUATION}"'.encode()


class Point(NamedTuple):
    """A value after so many transitions."""

    timesteps: int
    value: float


def file_signature(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does: number, size and time; None where there is none."""
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class LogTail:
    """The curve that metrics.jsonl holds, as far as it was read.

    A log that is cut, or replaced, as resuming does, is read anew; of one that only grew, what was
    added. Rows are believed as little as anything in a stranger's folder: what is none is passed
    over, and said.

    Args:
        path: The log.

    Attributes:
        last: The numbers of the newest row, by the names in `TOLD`; empty before the first.
        returns: The mean return of recent training episodes, at most `CURVE_POINTS`.
        evaluations: The mean return of the greedy policy, likewise.
        signature: What the file was at the last look; None where there was none.
        problem: What is wrong with it, in a sentence; empty where nothing is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.signature: tuple[int, int, int] | None = None
        self._is_looked_at = False
        self._begin_again()

    def _begin_again(self) -> None:
        self.last: dict[str, float] = {}
        self.returns: list[Point] = []
        self.evaluations: list[Point] = []
        self.problem = ""
        self._offset, self._before = 0, b""

    def look(self) -> bool:
        """Read what was added since the last look; whether the file is another than then."""
        signature = file_signature(self._path)
        if self._is_looked_at and signature == self.signature:
            return False
        self._is_looked_at, self.signature = True, signature
        try:
            with regular_file(self._path) as (file, size):
                self._follow(file, size)
        except UprightError as error:
            self._begin_again()
            self.problem = error.message if signature else ""
        return True

    def _follow(self, file: BinaryIO, size: int) -> None:
        if size < self._offset or not self._still_stands(file):
            self._begin_again()
        few = size - self._offset <= WHOLE_BYTES
        lines = self._added(file, size) if few else self._at_places(file, size)
        for line in lines:
            self._take(line)
        for points in (self.returns, self.evaluations):
            if len(points) > CURVE_POINTS:
                points[:] = _thinned(points)
        start = max(0, self._offset - OVERLAP_BYTES)
        file.seek(start)
        self._before = file.read(self._offset - start)

    def _still_stands(self, file: BinaryIO) -> bool:
        file.seek(self._offset - len(self._before))
        return file.read(len(self._before)) == self._before

    def _added(self, file: BinaryIO, size: int) -> list[bytes]:
        """Some of the whole lines that were added, all evaluations among them."""
        file.seek(self._offset)
        *lines, _ = file.read(size - self._offset).split(b"\n")
        self._offset += sum(map(len, lines)) + len(lines)
        rows = set(_evenly(range(len(lines))))
        rows |= set(_evenly([n for n, line in enumerate(lines) if EVALUATION_KEY in line]))
        return [lines[n] for n in sorted(rows)]

    def _at_places(self, file: BinaryIO, size: int) -> list[bytes]:
        """A line at each of a few places of a long stretch, and those of its end."""
        lines = []
        for place in np.linspace(self._offset, size - END_BYTES, PLACES).astype(int).tolist():
            file.seek(place)
            lines += file.read(BLOCK_BYTES).split(b"\n")[place > self._offset : -1][:1]
        file.seek(size - END_BYTES)
        *ends, torn = file.read(END_BYTES).split(b"\n")
        self._offset = size - len(torn) if ends else size
        return lines + ends[1:]

    def _take(self, line: bytes) -> None:
        row = _numbers(line)
        if row is None:
            self.problem = f"{self._path} has a line that is no row of metrics."
            return
        at = row[Metric.TIMESTEPS]
        if self.last and at <= self.last[Metric.TIMESTEPS]:
            return
        self.last = row
        for name, points in (
            (Metric.EPISODE_RETURN, self.returns),
            (Metric.EVALUATION, self.evaluations),
        ):
            if name in row:
                points.append(Point(int(at), row[name]))


def _numbers(line: bytes) -> dict[str, float] | None:
    """What a row says of `TOLD`; None where it is no row."""
    if len(line) > ROW_BYTES:
        return None
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    found = {name: row[name] for name in TOLD if name in row}
    if not all(type(each) in (int, float) and abs(each) < 1e300 for each in found.values()):
        return None
    at = found.get(Metric.TIMESTEPS)
    return found if type(at) is int and 0 <= at < 2**63 else None


def _evenly(numbers: Sequence[int]) -> list[int]:
    """At most `CURVE_POINTS` of them, evenly, the last one among them."""
    if len(numbers) <= CURVE_POINTS:
        return list(numbers)
    return [numbers[n] for n in np.linspace(0, len(numbers) - 1, CURVE_POINTS).astype(int)]


def _thinned(points: list[Point]) -> list[Point]:
    """At most `KEPT_POINTS` of them, evenly along the timesteps, the last one among them."""
    at = np.array([point.timesteps for point in points], np.float64)
    kept = np.searchsorted(at, np.linspace(at[0], at[-1], KEPT_POINTS))
    return [points[n] for n in np.unique(kept)]
