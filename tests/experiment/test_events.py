"""TensorBoard events say what metrics.jsonl says."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

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


@pytest.mark.parametrize("grace", [-1.0, 1e9])
def test_rows_are_kept_whether_they_waited_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grace: float
) -> None:
    monkeypatch.setattr("upright.experiment.events.GRACE_SECONDS", grace)
    log = EventLog(tmp_path)
    log.add({"iteration": 1, "time/total_timesteps": 10, "a/b": 1.0})
    assert bool(list(tmp_path.iterdir())) is (grace < 0)
    log.add({"iteration": 2, "time/total_timesteps": 20, "a/b": 2.0, "c/d": 3.0})
    log.close()
    assert read(tmp_path) == {
        "time/total_timesteps": [(10, 10.0), (20, 20.0)],
        "a/b": [(10, 1.0), (20, 2.0)],
        "c/d": [(20, 3.0)],
    }


def test_a_log_without_rows_writes_no_file(tmp_path: Path) -> None:
    EventLog(tmp_path).close()
    assert list(tmp_path.iterdir()) == []
