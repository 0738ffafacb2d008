"""A run's folder looked at again and again: what it says, and what is not read twice."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import renamed, write_json
from upright.ground.lock import RunLock
from upright.ground.reading import read_json
from upright.runs.glance import Glance
from upright.runs.listing import find_runs
from upright.runs.logs import Metric

Opened = Callable[[], list[str]]


@pytest.fixture
def opened(run_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The names of the run's files that were opened since it was asked last."""
    names: list[str] = []
    open_file = os.open

    def noted(path: Any, *args: Any, **options: Any) -> int:
        if Path(path).is_relative_to(run_copy):
            names.append(Path(path).name)
        return open_file(path, *args, **options)

    monkeypatch.setattr(os, "open", noted)

    def asked() -> list[str]:
        said = names.copy()
        names.clear()
        return said

    return asked


def test_a_glance_says_what_runs_lists(run_copy: Path) -> None:
    ((_, listed),) = find_runs(run_copy)
    glance = Glance(run_copy)
    assert glance.look()
    assert glance.is_run
    assert glance.status == listed["status"] == "finished"
    assert glance.judged is not None
    assert (glance.judged.mean, glance.judged.solved) == (listed["mean_return"], listed["solved"])
    assert glance.judged.interval is not None
    assert glance.sheet.bar == glance.judged.threshold == 475.0
    assert glance.log.last[Metric.TIMESTEPS] == listed["timesteps"]
    assert glance.sheet.recipe is not None
    assert glance.sheet.recipe.env == "CartPole-v1"
    assert glance.changed > 0


def test_an_unchanged_run_is_not_opened_again(run_copy: Path, opened: Opened) -> None:
    glance = Glance(run_copy)
    glance.look()
    assert set(opened()) == {"run.json", "settings.toml", "evaluation.json", "metrics.jsonl"}
    for _ in range(3):
        assert not glance.look()
    assert opened() == []


def test_only_the_file_that_changed_is_opened(run_copy: Path, opened: Opened) -> None:
    glance = Glance(run_copy)
    glance.look()
    opened()
    with (run_copy / "metrics.jsonl").open("a") as file:
        file.write('{"time/total_timesteps": 99999, "rollout/ep_rew_mean": 5.0}\n')
    opened()
    assert glance.look()
    assert opened() == ["metrics.jsonl"]
    assert glance.log.returns[-1] == (99_999, 5.0)
    (run_copy / "evaluation.json").unlink()
    assert glance.look()
    assert (glance.judged, opened()) == (None, ["evaluation.json"])


def test_a_run_that_says_running_has_died_where_nothing_runs(run_copy: Path) -> None:
    write_json(run_copy / "run.json", read_json(run_copy / "run.json") | {"status": "running"})
    glance = Glance(run_copy)
    glance.look()
    assert glance.status == "died"
    lock = RunLock(run_copy)
    try:
        assert glance.look()
        assert glance.status == "running"
    finally:
        lock.release()
    assert glance.look()
    assert glance.status == "died"


def test_a_garbled_record_is_said_and_mended_when_it_is(run_copy: Path) -> None:
    record = (run_copy / "run.json").read_bytes()
    (run_copy / "run.json").write_bytes(record[:100])
    glance = Glance(run_copy)
    glance.look()
    assert glance.is_run
    assert "not valid JSON" in glance.problem
    (run_copy / "run.json").write_bytes(record)
    assert glance.look()
    assert (glance.problem, glance.record["algo"]) == ("", "ppo")


def test_what_is_of_something_else_is_no_run(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"name": "another project's"})
    glance = Glance(tmp_path)
    glance.look()
    assert not glance.is_run


def test_the_bar_of_somebodys_own_environment_is_not_asked_for(run_copy: Path) -> None:
    (run_copy.parent / "evil.py").write_text("raise SystemExit('imported')")
    renamed(run_copy, f"{run_copy.parent / 'evil.py'}:Env")
    glance = Glance(run_copy)
    glance.look()
    assert (glance.sheet.is_told, glance.sheet.bar) == (False, None)
    assert glance.judged is not None
    assert glance.judged.threshold == 475.0


def test_settings_that_are_none_are_said(run_copy: Path) -> None:
    (run_copy / "settings.toml").write_text("env = 3\nalgo = [")
    glance = Glance(run_copy)
    glance.look()
    assert glance.sheet.recipe is None
    assert "settings.toml is not valid TOML" in glance.sheet.problem
    assert glance.judged is not None


def test_seeds_of_the_same_settings_are_of_one_sheet(run_copy: Path, tmp_path: Path) -> None:
    first = Glance(run_copy)
    first.look()
    text = (run_copy / "settings.toml").read_text()
    assert "seed = 0\n" in text
    other = tmp_path / "other"
    other.mkdir()
    (other / "settings.toml").write_text(text.replace("seed = 0\n", "seed = 7\n"))
    second = Glance(other)
    second.look()
    assert second.sheet is first.sheet
