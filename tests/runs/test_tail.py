"""A log that grows is followed: what was read is not read again, and of a long one only places."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from upright.runs.logs import ROW_BYTES, Metric
from upright.runs.tail import CURVE_POINTS, WHOLE_BYTES, LogTail


def row(n: int, **more: Any) -> dict[str, Any]:
    """The n-th iteration, of 100 steps each, in which the mean return is n."""
    counts = {Metric.ITERATION: n, Metric.TIMESTEPS: 100 * n, Metric.SECONDS: n / 10}
    return {**counts, Metric.EPISODE_RETURN: float(n), **more}


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows)


def added(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def test_rows_are_points_of_a_curve(log: Path) -> None:
    evaluated = {Metric.EVALUATION: 7.5}
    log.write_bytes(lines([row(1), row(2, **evaluated), row(3)]))
    tail = LogTail(log)
    assert tail.look()
    assert tail.returns == [(100, 1.0), (200, 2.0), (300, 3.0)]
    assert tail.evaluations == [(200, 7.5)]
    assert (tail.last[Metric.TIMESTEPS], tail.last[Metric.SECONDS]) == (300, 0.3)
    assert tail.problem == ""


def test_what_was_read_is_not_read_again(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Any] = []
    loads = json.loads

    def counted(line: bytes) -> Any:
        parsed.append(line)
        return loads(line)

    monkeypatch.setattr("upright.runs.tail.json.loads", counted)
    log.write_bytes(lines(row(n) for n in range(1, 51)))
    tail = LogTail(log)
    assert (tail.look(), len(parsed)) == (True, 50)
    assert (tail.look(), len(parsed)) == (False, 50)
    added(log, lines([row(51)]))
    assert (tail.look(), len(parsed)) == (True, 51)
    assert tail.returns[-1] == (5100, 51.0)


def test_a_row_that_is_being_written_waits_until_it_is_whole(log: Path) -> None:
    whole = lines([row(1), row(2)])
    log.write_bytes(whole[:-20])
    tail = LogTail(log)
    tail.look()
    assert (len(tail.returns), tail.problem) == (1, "")
    added(log, whole[-20:])
    assert tail.look()
    assert (len(tail.returns), tail.problem) == (2, "")


def test_a_log_that_was_cut_or_replaced_is_read_anew(log: Path) -> None:
    log.write_bytes(lines(row(n) for n in range(1, 11)))
    tail = LogTail(log)
    tail.look()
    log.write_bytes(lines(row(n) for n in range(1, 4)))
    assert tail.look()
    assert [point.timesteps for point in tail.returns] == [100, 200, 300]
    # Cut by a resume and longer than before by the next look: no length tells.
    changed = {Metric.EPISODE_RETURN: -1.5}
    log.write_bytes(lines(row(n, **changed) for n in range(1, 9)))
    assert tail.look()
    assert [point.value for point in tail.returns] == [-1.5] * 8
    log.unlink()
    assert tail.look()
    assert (tail.returns, tail.last, tail.problem) == ([], {}, "")


def test_a_curve_stays_small_however_long_it_grows(log: Path) -> None:
    tail = LogTail(log)
    log.touch()
    for begin in range(1, 3000, 150):
        added(log, lines(row(n) for n in range(begin, begin + 150)))
        tail.look()
        assert len(tail.returns) <= CURVE_POINTS
    steps = [point.timesteps for point in tail.returns]
    assert steps == sorted(set(steps))
    assert steps[-1] == 300_000
    gaps = [after - before for before, after in pairwise(steps)]
    assert max(gaps) < 300_000 / 50


def test_every_evaluation_of_a_log_of_usual_length_is_found(log: Path) -> None:
    every = [row(n, **({Metric.EVALUATION: n / 2} if n % 97 == 0 else {})) for n in range(1, 2001)]
    log.write_bytes(lines(every))
    tail = LogTail(log)
    tail.look()
    assert [point.timesteps for point in tail.evaluations] == [9700 * n for n in range(1, 21)]
    assert tail.last[Metric.TIMESTEPS] == 200_000


def test_of_a_long_log_only_places_are_read(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    padding = {"train/" + "x" * 400: 1.0}
    log.write_bytes(lines(row(n, **padding) for n in range(1, 40_001)))
    assert log.stat().st_size > 10 * WHOLE_BYTES
    read: list[int] = []

    class Counting:
        """A file that counts what is read of it."""

        def __init__(self, file: Any) -> None:
            self._file = file
            self.seek = file.seek

        def read(self, size: int) -> bytes:
            data: bytes = self._file.read(size)
            read.append(len(data))
            return data

    follow = LogTail._follow
    monkeypatch.setattr(
        LogTail, "_follow", lambda self, file, size: follow(self, Counting(file), size)
    )
    tail = LogTail(log)
    tail.look()
    assert sum(read) < WHOLE_BYTES
    assert tail.last[Metric.TIMESTEPS] == 4_000_000
    steps = [point.timesteps for point in tail.returns]
    assert len(steps) > 100
    assert (steps[0], steps[-1]) == (100, 4_000_000)
    assert all(point.value == point.timesteps / 100 for point in tail.returns)
    read.clear()
    added(log, lines([row(40_001)]))
    tail.look()
    assert sum(read) < 1000
    assert tail.returns[-1] == (4_000_100, 40_001.0)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"",
        b"[1]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"time/total_timesteps": NaN}',
        b'{"time/total_timesteps": -1}',
        b'{"time/total_timesteps": 1.5}',
        b'{"time/total_timesteps": true}',
        b'{"time/total_timesteps": 9223372036854775808}',
        b'{"time/total_timesteps": 5, "rollout/ep_rew_mean": Infinity}',
        b'{"time/total_timesteps": 5, "rollout/ep_rew_mean": 1e999}',
        b'{"time/total_timesteps": 5, "rollout/ep_rew_mean": "<b>"}',
        b'{"rollout/ep_rew_mean": 5}',
        b'{"time/total_timesteps": ' + b"9" * 5000 + b"}",
        b'{"' + b"x" * ROW_BYTES + b'": 1}',
    ],
)
def test_a_line_that_is_no_row_is_passed_over_and_said(log: Path, line: bytes) -> None:
    log.write_bytes(lines([row(1)]) + line + b"\n" + lines([row(2)]))
    tail = LogTail(log)
    assert tail.look()
    assert tail.returns == [(100, 1.0), (200, 2.0)]
    assert "has a line that is no row" in tail.problem


def test_steps_that_go_back_are_no_points(log: Path) -> None:
    log.write_bytes(lines([row(5), row(3), row(5), row(6)]))
    tail = LogTail(log)
    tail.look()
    assert [point.timesteps for point in tail.returns] == [500, 600]


def test_a_huge_log_without_an_end_of_line_is_survived(log: Path) -> None:
    log.write_bytes(b"x" * (2 * WHOLE_BYTES))
    tail = LogTail(log)
    assert tail.look()
    assert tail.returns == []
    added(log, b"\n" + lines([row(1)]))
    assert tail.look()
    assert tail.returns == [(100, 1.0)]


def test_a_link_is_not_followed(log: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(lines([row(1)]))
    log.symlink_to(tmp_path / "elsewhere")
    tail = LogTail(log)
    assert tail.look()
    assert tail.returns == []
    assert "is a link" in tail.problem
    assert not tail.look()
