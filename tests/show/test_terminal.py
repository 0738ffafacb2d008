"""What a person sees while it trains."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import upright
from upright.show import terminal
from upright.show.terminal import LessonScores, Lines, LiveLine

SMALL: dict[str, Any] = {
    "preset": "default",
    "algo": "ppo",
    "num_envs": 8,
    "num_steps": 32,
    "total_timesteps": 512,
    "eval_every": 256,
}


def shown(kind: type[Lines], out: Path, **settings: Any) -> tuple[str, str]:
    """What goes to the screen, and what is a result."""
    stream, results = StringIO(), StringIO()
    upright.train("CartPole-v1", out=out, listener=kind(stream, results), **settings)
    return stream.getvalue(), results.getvalue()


def test_lines_say_what_trains_how_it_goes_and_what_to_type_next(tmp_path: Path) -> None:
    stream, results = shown(Lines, tmp_path, **SMALL)
    folder = str(tmp_path / "CartPole-v1" / "ppo-s0")
    first, device, *evaluations = stream.splitlines()
    assert "ppo" in first
    assert "seed 0" in first
    assert folder in first
    assert device.startswith("device cpu: ")
    assert len(evaluations) >= 2
    assert all("steps   greedy policy: " in line for line in evaluations)
    verdict, *rest = results.splitlines()
    assert verdict.startswith("Not solved: mean return ")
    assert "threshold 475" in verdict
    assert rest == [
        f"Run:  {folder}",
        f"Next: {terminal.program()} evaluate {folder}",
        f"      {terminal.program()} verify {folder}",
    ]


def test_what_to_type_next_works_in_an_activated_environment_and_outside_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.shutil, "which", lambda name: f"/bin/{name}")
    assert terminal.program() == "upright"
    monkeypatch.setattr(terminal.shutil, "which", lambda name: None)
    monkeypatch.setattr(terminal.sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert terminal.program() == "python -m upright"
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "upright").touch()
    monkeypatch.chdir(tmp_path)
    assert terminal.program() == str(Path(".venv") / "bin" / "upright")


def test_the_verdict_in_words_depends_on_the_threshold(tmp_path: Path, easy: str) -> None:
    results = StringIO()
    upright.train(
        easy,
        out=tmp_path,
        listener=Lines(StringIO(), results),
        **(SMALL | {"learning_rate": 0.02, "total_timesteps": 50_000}),
    )
    assert results.getvalue().startswith("Solved and verified: mean return 1.0 over 100 fresh")


def test_without_a_threshold_it_is_done(tmp_path: Path, unjudged: str) -> None:
    results = StringIO()
    upright.train(unjudged, out=tmp_path, listener=Lines(StringIO(), results), **SMALL)
    assert results.getvalue().startswith("Done: ")
    assert "no threshold" in results.getvalue()


def test_the_live_line_moves_and_is_gone_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "REFRESH_SECONDS", 0.0)
    stream, results = shown(LiveLine, tmp_path, **SMALL)
    moving = [part for part in stream.split("\r\x1b[K") if "steps/s" in part]
    assert len(moving) >= 2
    assert moving[0].count("━") < moving[-1].count("━")
    assert "return" in moving[-1]
    assert stream.endswith("\r\x1b[K")
    assert results.startswith("Not solved: ")


def test_the_lessons_reinforce_prints_every_hundredth_score(tmp_path: Path) -> None:
    stream, _ = shown(LessonScores, tmp_path, algo="reinforce", preset="lesson", total_episodes=102)
    scores = [line for line in stream.splitlines() if " -> " in line and "steps" not in line]
    assert [line.split(" -> ")[0] for line in scores] == ["0", "100"]
    assert all(float(line.split(" -> ")[1]) >= 8 for line in scores)


def test_the_lessons_actor_critic_prints_every_score(tmp_path: Path) -> None:
    stream, _ = shown(
        LessonScores, tmp_path, algo="actor-critic", preset="lesson", total_episodes=3
    )
    scores = [line for line in stream.splitlines() if line.startswith("Iteration: ")]
    assert [line.split(",")[0] for line in scores] == [f"Iteration: {k}" for k in range(3)]
    assert all(float(line.split("Score: ")[1]) >= 8 for line in scores)
