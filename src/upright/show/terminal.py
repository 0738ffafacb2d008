"""A training run as it goes, on a terminal, in a log file, or as the lesson prints it."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from upright.evaluation import Evaluation
from upright.listener import Listener
from upright.trainer import Iteration, Trainer
from upright.verdict import Verdict

BAR = 24
REFRESH_SECONDS = 0.1


def sentence(verdict: Verdict, summary: dict[str, Any]) -> str:
    """The verdict in words."""
    proof = verdict.proof
    low, high = proof.interval
    head = {True: "Solved and verified", False: "Not solved", None: "Done"}[verdict.solved]
    goal = "no threshold" if proof.threshold is None else f"threshold {proof.threshold:g}"
    return (
        f"{head}: mean return {proof.mean:.1f} over {len(proof.returns)} fresh episodes "
        f"(95% interval {low:.1f} to {high:.1f}, {goal}) after {summary['timesteps']:,} steps; "
        f"{summary['train_seconds']:.2f} s of training, "
        f"{summary['eval_seconds']:.2f} s of evaluations"
    )


def listener_for(stream: TextIO, results: TextIO, lesson: bool = False) -> "Lines":
    """What shows a run on `stream`: it moves on a terminal, and is made of lines elsewhere."""
    if lesson:
        return LessonScores(stream, results)
    return LiveLine(stream, results) if stream.isatty() else Lines(stream, results)


def program() -> str:
    """What a person types to run this command line again, in an activated environment or not."""
    if shutil.which("upright"):
        return "upright"
    beside = Path(sys.executable).with_name("upright")
    if not beside.exists():
        return "python -m upright"
    inside = beside.is_relative_to(Path.cwd())
    return str(beside.relative_to(Path.cwd()) if inside else beside)


class Lines(Listener):
    """One line for each evaluation; for logs and for where nothing can move."""

    def __init__(self, stream: TextIO, results: TextIO) -> None:
        self._stream, self._results = stream, results
        self.summary: dict[str, Any] = {}

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Say what trains, and where it goes."""
        settings = trainer.settings
        self.say(
            f"{trainer.recipe.algo} (preset {trainer.recipe.preset}, seed {trainer.recipe.seed}), "
            f"{settings.num_envs} environment{'s'[: settings.num_envs > 1]} ({trainer.backend}), "
            f"up to {settings.total_timesteps:,} steps -> {folder}"
        )
        self.say(f"device {trainer.device_reason}")
        if not trainer.exact:
            self.say("not exact: this vector form cannot be restored, so a resume will differ")

    def resumed(self, trainer: Trainer, folder: Path, notes: Sequence[str]) -> None:
        """Say where it goes on, and what should be known about that."""
        self.started(trainer, folder)
        for note in notes:
            self.say(note)

    def stopping(self, signum: int) -> None:
        """Say that the signal was heard; past the stream's own lock, from a signal handler."""
        text = b"\nFinishing the iteration, then a checkpoint; a second signal leaves at once.\n"
        with contextlib.suppress(OSError, ValueError):
            os.write(self._stream.fileno(), text)

    def already_finished(self, folder: Path, summary: dict[str, Any]) -> None:
        """Say that there is nothing to do."""
        self.summary = summary
        print(
            f"{folder} is finished after {summary['timesteps']} steps; nothing is left to do. "
            "--total-timesteps goes on past its end.",
            file=self._results,
            flush=True,
        )

    def evaluated(self, evaluation: Evaluation, timesteps: int) -> None:
        """The greedy policy's mean return."""
        goal = "" if evaluation.threshold is None else f" of {evaluation.threshold:g}"
        self.say(
            f"{timesteps:>10,} steps   greedy policy: {evaluation.mean:.1f}{goal} "
            f"(mean of {len(evaluation.returns)} episodes)"
        )

    def concluded(self, verdict: Verdict, summary: dict[str, Any]) -> None:
        """The verdict, where the run is, and what to type next."""
        self.summary = summary
        print(sentence(verdict, summary), file=self._results)
        print(f"Run:  {summary['run']}", file=self._results)
        print(f"Next: {program()} evaluate {summary['run']}", file=self._results)
        print(f"      {program()} verify {summary['run']}", file=self._results, flush=True)

    def say(self, text: str) -> None:
        """One line."""
        print(text, file=self._stream, flush=True)


class LiveLine(Lines):
    """The same, with a line at the bottom that moves while it trains."""

    def __init__(self, stream: TextIO, results: TextIO) -> None:
        super().__init__(stream, results)
        self._budget, self._shown = 1, 0.0

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Say what trains, and where it goes."""
        self._budget = trainer.settings.total_timesteps
        super().started(trainer, folder)

    def iterated(self, iteration: Iteration, row: dict[str, Any]) -> None:
        """Move the line, now and then."""
        now = time.monotonic()
        if now - self._shown < REFRESH_SECONDS:
            return
        self._shown = now
        filled = min(BAR, BAR * iteration.timesteps // self._budget)
        returned = row.get("rollout/ep_rew_mean")
        mean = "" if returned is None else f"   return {returned:.1f}"
        self._stream.write(
            f"\r\x1b[K  {'━' * filled}{'─' * (BAR - filled)} {iteration.timesteps:,} steps{mean}"
            f"   {row['time/fps']:,} steps/s"
        )
        self._stream.flush()

    def concluded(self, verdict: Verdict, summary: dict[str, Any]) -> None:
        """The verdict, with no half line left behind."""
        self.clear()
        super().concluded(verdict, summary)

    def say(self, text: str) -> None:
        """One line, above the moving one."""
        self.clear()
        super().say(text)

    def clear(self) -> None:
        """Take the moving line away."""
        self._stream.write("\r\x1b[K")
        self._stream.flush()


class LessonScores(Lines):
    """The score as the lesson prints it: every hundredth episode, or every one with a critic."""

    def iterated(self, iteration: Iteration, row: dict[str, Any]) -> None:
        """One line for the iteration's episode, if it is its turn."""
        number = iteration.number - 1
        for episode in iteration.episodes:
            if self._every_episode:
                self.say(f"Iteration: {number}, Score: {episode.episode_return:g}")
            elif number % 100 == 0:
                self.say(f"{number} -> {episode.episode_return:g}")

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Say what trains, and where it goes."""
        self._every_episode = trainer.settings.has_critic
        super().started(trainer, folder)
