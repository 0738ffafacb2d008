"""The logs of a run, read."""

import json
from pathlib import Path
from typing import Any

import pytest

from upright.ground.errors import UprightError
from upright.runs.logs import EpisodeRow, MetricsRow, read_rows

EPISODE = {"timesteps": 10, "iteration": 1, "env": 0, "return": 3.5, "length": 4}
METRICS = {"iteration": 1, "time/total_timesteps": 10, "time/time_elapsed": 0.5, "a": -1}


def read_episodes(path: Path, may_be_torn: bool) -> list[dict[str, Any]]:
    return read_rows(path, EpisodeRow, may_be_torn)


def read_metrics(path: Path, may_be_torn: bool) -> list[dict[str, Any]]:
    return read_rows(path, MetricsRow, may_be_torn)


def written(path: Path, *rows: Any, tail: str = "\n") -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + tail)
    return path


def test_the_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = written(tmp_path / "log", EPISODE, EPISODE | {"return": -1})
    assert read_episodes(path, False) == [EPISODE, EPISODE | {"return": -1}]
    assert read_metrics(written(tmp_path / "m", METRICS), False) == [METRICS]


def test_a_row_that_nobody_finished_is_passed_over_only_where_that_can_be(tmp_path: Path) -> None:
    path = written(tmp_path / "log", EPISODE, tail='\n{"timesteps": 1')
    assert read_episodes(path, True) == [EPISODE]
    with pytest.raises(UprightError, match="line 2"):
        read_episodes(path, False)


@pytest.mark.parametrize(
    "change",
    [
        {"timesteps": -1},
        {"timesteps": 2**63},
        {"timesteps": 1.5},
        {"env": True},
        {"length": "4"},
        {"return": "3"},
        {"return": 1e301},
        {"return": None},
    ],
)
def test_what_is_no_episode_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = written(tmp_path / "log", EPISODE, EPISODE | change)
    with pytest.raises(UprightError, match="line 2 is not an episode"):
        read_episodes(path, False)


def test_a_row_of_metrics_without_its_time_is_refused(tmp_path: Path) -> None:
    for missing in ("iteration", "time/total_timesteps", "time/time_elapsed"):
        row = {name: value for name, value in METRICS.items() if name != missing}
        with pytest.raises(UprightError, match="line 1 is not a row of metrics"):
            read_metrics(written(tmp_path / "m", row), False)


def test_a_line_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "log", EPISODE, EPISODE | {"x": "y" * (1 << 16)})
    with pytest.raises(UprightError, match="line 2 is too long for an episode"):
        read_episodes(path, False)
