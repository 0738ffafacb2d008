"""TensorBoard events say what metrics.jsonl says."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from upright.experiment.events import EventLog
from upright.runs.run import Run


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def test_the_events_of_a_run_are_its_metrics_over_timesteps(run: Run) -> None:
    events, rows = read(run.path), run.metrics()
    assert events.keys() == {name for row in rows for name in row if "/" in name}
    for name, points in events.items():
        expected = [(row["time/total_timesteps"], row[name]) for row in rows if name in row]
        assert [step for step, _ in points] == [step for step, _ in expected]
        assert [value for _, value in points] == pytest.approx([value for _, value in expected])


def test_rows_are_there_at_once(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.add({"iteration": 1, "time/total_timesteps": 10, "a/b": 1.0})
    assert read(tmp_path) == {"time/total_timesteps": [(10, 10.0)], "a/b": [(10, 1.0)]}
    log.add({"iteration": 2, "time/total_timesteps": 2**40, "a/b": 2.0, "c/d": 1e300})
    log.close()
    assert read(tmp_path) == {
        "time/total_timesteps": [(10, 10.0), (2**40, float(2**40))],
        "a/b": [(10, 1.0), (2**40, 2.0)],
        "c/d": [(2**40, float("inf"))],
    }


def test_a_run_that_goes_on_has_each_row_once_and_in_time(tmp_path: Path) -> None:
    rows = [
        {"time/total_timesteps": n * 300, "time/time_elapsed": float(n), "a/b": n / 7}
        for n in range(1, 4)
    ]
    first = EventLog(tmp_path, rows[:1])
    first.add(rows[1])
    first.close()
    again = EventLog(tmp_path, rows[:2])
    again.add(rows[2])
    again.close()
    (file,) = tmp_path.iterdir()
    assert read(tmp_path)["a/b"] == [(n * 300, pytest.approx(n / 7)) for n in range(1, 4)]
    events = [event for event in EventFileLoader(str(file)).Load() if event.step]
    times = [event.wall_time for event in events]
    assert times == sorted(times)
    assert times[1] - times[0] == pytest.approx(1.0, abs=0.1)


def test_a_log_without_rows_writes_no_file(tmp_path: Path) -> None:
    EventLog(tmp_path).close()
    assert list(tmp_path.iterdir()) == []
