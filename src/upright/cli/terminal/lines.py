"""A training run as it goes: lines in a log file, the lesson's scores, or nothing."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from upright.cli.arguments import plain, program
from upright.envs import BACKENDS
from upright.experiment import Listener
from upright.ground import UprightError, how_many
from upright.judging import HEADLINES, Evaluation, Verdict, verdict_sentence
from upright.learning import Iteration, Trainer
from upright.runs import Run, Watch, findings_of
from upright.settings import FAMILIES, Recipe


class Silent(Listener, contextlib.AbstractContextManager["Silent"]):
    """Says nothing; keeps the summary for whoever prints it."""

    def __init__(self) -> None:
        self.summary: dict[str, Any] = {}

    def __exit__(self, *raised: object) -> None:
        """Take away what moves, whatever ended the training; here nothing does."""

    def already_finished(self, folder: Path, summary: dict[str, Any]) -> None:
        """Keep the summary."""
        self.summary = summary

    def concluded(self, verdict: Verdict, summary: dict[str, Any]) -> None:
        """Keep the summary."""
        self.summary = summary


class Lines(Silent):
    """One line for each evaluation; for logs and for where nothing can move."""

    before_notice = "\n"

    def __init__(self, stream: TextIO, results: TextIO) -> None:
        super().__init__()
        self._stream, self._results = stream, results
        self._watch: Watch | None = None

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Say what trains, and where it goes."""
        recipe, settings = trainer.recipe, trainer.settings
        self._watch = Watch(recipe, folder)
        self.say(
            f"{recipe.algo} (preset {recipe.preset}, seed {recipe.seed}), "
            f"{how_many(settings.num_envs, 'environment')} ({trainer.backend}"
            f"{_places(recipe)}), "
            f"up to {settings.total_timesteps:,} steps -> {folder}"
        )
        if recipe.preset in FAMILIES:
            self.say(
                f"preset {recipe.preset}: settings for a kind of environment "
                f"({FAMILIES[recipe.preset]}), not tuned for {recipe.env}"
            )
        self.say(f"device {trainer.device_reason}")
        if settings.backend == "auto":
            what = BACKENDS[trainer.backend].what
            among = "measured to be the fastest of those that resume exactly"
            self.say(f"backend auto: {trainer.backend}, {what}; {among}")
        if not trainer.exact:
            self.say(
                f"not exact: the backend {trainer.backend} cannot restore these episodes, so a "
                "resume will differ"
            )

    def masked(self, size: int) -> None:
        """Say that the environment says which actions are allowed."""
        self.say(f"masks: of {size} actions the environment says which are allowed")

    def noted(self, notes: Sequence[str]) -> None:
        """Say what happened."""
        for note in notes:
            self.say(note)

    def resumed(self, trainer: Trainer, folder: Path, notes: Sequence[str]) -> None:
        """Say where it goes on, and what should be known about that."""
        self.started(trainer, folder)
        for note in notes:
            self.say(note)

    def stopping(self, signum: int) -> None:
        """Say that the signal was heard; past the stream's own lock, from a signal handler."""
        notice = "Finishing the iteration, then a checkpoint; a second signal leaves at once."
        with contextlib.suppress(OSError, ValueError):
            os.write(self._stream.fileno(), f"{self.before_notice}{notice}\n".encode())

    def already_finished(self, folder: Path, summary: dict[str, Any]) -> None:
        """Say that there is nothing to do."""
        super().already_finished(folder, summary)
        self._result(
            f"{folder} is finished after {summary['timesteps']} steps; nothing is left to do. "
            "--total-timesteps goes on past its end."
        )

    def evaluated(self, evaluation: Evaluation, timesteps: int) -> None:
        """The greedy policy's mean return, and what has become unusual."""
        self.say(
            f"{timesteps:>10,} steps   greedy policy: {of_threshold(evaluation)} "
            f"(mean of {len(evaluation.returns)} episodes)"
        )
        for found in self._watch.news() if self._watch else ():
            self.say(f"{timesteps:>10,} steps   note: {found.sentence} {found.hint}")

    def proven(self, evaluation: Evaluation, timesteps: int) -> None:
        """A policy that reached the threshold was tried again on other seeds."""
        what = "verified" if evaluation.solved else "not verified, training goes on"
        self.say(
            f"{timesteps:>10,} steps   {what}: {of_threshold(evaluation)} "
            f"on {len(evaluation.returns):,} other episodes"
        )

    def concluded(self, verdict: Verdict, summary: dict[str, Any]) -> None:
        """The verdict, what is unusual if it is not solved, where the run is, and what to type."""
        super().concluded(verdict, summary)
        steps, run = summary["timesteps"], summary["run"]
        longer = "" if steps == verdict.candidate.timesteps else f"{steps:,} steps in all, "
        self._result(
            f"{HEADLINES[verdict.solved]}: {verdict_sentence(verdict)}; {longer}"
            f"{summary['train_seconds']:.2f} s of training, "
            f"{summary['eval_seconds']:.2f} s of evaluations"
        )
        if not verdict.solved:
            with contextlib.suppress(UprightError):  # the verdict is told whatever became of a log
                for found in findings_of(Run(run), verdict):
                    self._result(f"Note: {found.sentence} {found.hint}")
        self._result(f"Run:  {run}")
        self._result(f"Next: {program()} watch {run}")
        self._result(f"      {program()} verify {run}")

    def illustrated(self, files: Sequence[Path], notes: Sequence[str]) -> None:
        """What can be looked at, and what could not be drawn."""
        if files:
            self.say(f"Left in the run: {', '.join(path.name for path in files)}")
        for note in notes:
            self.say(note)

    def say(self, text: str) -> None:
        """One line, in which nothing is a command to a terminal."""
        print(plain(text), file=self._stream, flush=True)

    def _result(self, text: str) -> None:
        print(plain(text), file=self._results, flush=True)


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


def _places(recipe: Recipe) -> str:
    """Where the environments are collected, to be read after their backend."""
    shards, workers = recipe.settings.shards, recipe.workers
    if not shards:
        return ""
    of_ray = " of Ray" if recipe.engine == "ray" else ""
    here = f"{how_many(workers, 'worker')}{of_ray}" if workers else "this process"
    ahead = ", one update behind" * recipe.settings.collects_ahead
    return f", {how_many(shards, 'shard')} in {here}{ahead}"


def of_threshold(evaluation: Evaluation) -> str:
    """The mean return, and what it should reach."""
    goal = "" if evaluation.threshold is None else f" of {evaluation.threshold:g}"
    return f"{evaluation.mean:z.1f}{goal}"
