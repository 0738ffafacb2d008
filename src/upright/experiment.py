"""The composition root: train a policy or go on with it, judge it, write the run."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from upright.checkpoint import versions
from upright.envs import EnvSource, is_code
from upright.errors import UprightError
from upright.folders import first_files, new_run_folder
from upright.listener import Listener
from upright.lock import RunLock
from upright.metrics import Metrics
from upright.policy import Weights
from upright.recipe import command_line
from upright.run import Run
from upright.signals import Interrupted, Interruption
from upright.spaces import space_to_json
from upright.state import State
from upright.trainer import PoisonedError, Trainer
from upright.verdict import Judge, Verdict
from upright.writer import RunWriter


def train(
    env: EnvSource | None = None,
    algo: str | None = None,
    *,
    preset: str | None = None,
    config: str | Path | None = None,
    out: str | Path = "runs",
    listener: Listener | None = None,
    trust_code: bool = False,
    media: bool | None = None,
    **settings: Any,
) -> Run:
    """Train until a policy is solved and verified, or the budget is spent.

    Args:
        env: A Gymnasium id, "module:Name", "file.py:Name", or a function that returns a new
            environment.
        algo: "reinforce", "actor-critic" or "ppo"; the environment's preset names the default.
        preset: "tuned", "lesson" or "default"; tuned where there is one.
        config: A TOML file of settings, such as another run's settings.toml.
        out: The folder that the run folder goes into.
        listener: Is told how it goes.
        trust_code: Whether an environment that only the config file names may be imported code.
        media: Whether curve.png and replay.mp4 are left in the run folder, after the verdict;
            None for yes, unless the environment variable UPRIGHT_NO_MEDIA is set.
        **settings: Any setting, and any other field of `Recipe` (seed, until, device, ...).

    Returns:
        The run, finished.

    Raises:
        UprightError: Something about the input will not do; nothing was written then. Or the
            environment, a number or the disk failed on the way.
        Interrupted: Ctrl-C or SIGTERM; the run folder holds a checkpoint to resume from.
    """
    trainer = Trainer(env, algo, preset=preset, config=config, trust_code=trust_code, **settings)
    recipe = trainer.recipe
    listener = listener or Listener()
    with closing_on_error(trainer):
        judge = Judge(trainer.env, recipe.seed, recipe.settings.timesteps_between_evaluations)
    with closing_on_error(trainer, judge):
        files = first_files(recipe, command_line(recipe), _facts(trainer))
        path = new_run_folder(out, recipe, files)
        writer = RunWriter(path, RunLock(path), Run(path).info, recipe.keep)
    experiment = Experiment(trainer, judge, listener)
    return experiment.go(writer, lambda: listener.started(trainer, path), media)


@contextmanager
def closing_on_error(*opened: Trainer | Judge) -> Iterator[None]:
    """Release environments if what follows their making fails."""
    try:
        yield
    except BaseException:
        for each in opened:
            each.close()
        raise


def _facts(trainer: Trainer) -> dict[str, Any]:
    return {
        "env_is_factory": not isinstance(trainer.env, str),
        "observation_space": space_to_json(trainer.policy.observation_space),
        "action_space": space_to_json(trainer.policy.action_space),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **conditions(trainer),
    }


def conditions(trainer: Trainer) -> dict[str, Any]:
    """What the last bit of a run depends on besides its settings."""
    return {
        "threads": trainer.recipe.threads,
        "backend": trainer.backend,
        "device": str(trainer.device),
        "exact": trainer.exact,
        "versions": versions(),
    }


class Experiment:
    """One training under judgement.

    Args:
        trainer: Yields the iterations.
        judge: Evaluates and proves.
        listener: Is told how it goes.
    """

    writer: RunWriter

    def __init__(self, trainer: Trainer, judge: Judge, listener: Listener) -> None:
        self.trainer, self.judge, self.listener = trainer, judge, listener
        self._metrics = Metrics(judge)
        self._due = trainer.recipe.checkpoint_after(0)
        self._mean: float | None = None

    def state(self) -> State:
        """All that `restore` needs besides the weights."""
        return State.joined(
            {
                "experiment": self._metrics.state(),
                "trainer": self.trainer.state(),
                "judge": self.judge.state(),
            }
        )

    def restore(self, weights: Weights, state: State) -> list[int]:
        """Go on where `state` was taken; the environments whose episodes had to begin anew.

        Raises:
            UprightError: The state is not one of this run.
        """
        self._metrics.restore(state.part("experiment"))
        lost = self.trainer.restore(weights, state.part("trainer"))
        self.judge.restore(state.part("judge"), self.trainer.policy.state_dict())
        self._due = self.trainer.recipe.checkpoint_after(self.trainer.timesteps)
        return lost

    def go(self, writer: RunWriter, announce: Callable[[], None], media: bool | None = None) -> Run:
        """Iterate until the verdict, a signal or a fault; the run is closed then in any case.

        Args:
            writer: Keeps the run folder.
            announce: Called before the first iteration.
            media: As in `train`.
        """
        self.writer, status = writer, "failed"
        try:
            with Interruption(self.listener.stopping) as interruption:
                announce()
                self._metrics.start()
                self._learn(interruption)
                verdict, summary = self._conclude()
            status = "finished"
        except PoisonedError as error:
            error.hint = f"The rollout is in {self.writer.failure(error)}. {error.hint}"
            raise
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            self._end(status)
        self.listener.concluded(verdict, summary)
        env = self.trainer.env
        run = Run(self.writer.path, None if isinstance(env, str) and not is_code(env) else env)
        if not os.environ.get("UPRIGHT_NO_MEDIA") if media is None else media:
            self._illustrate(run)
        return run

    def _illustrate(self, run: Run) -> None:
        """Leave what can be looked at; the run is finished and whole with or without it."""
        from upright.show.media import leave_media

        try:
            self.listener.illustrated(*leave_media(run))
        except KeyboardInterrupt:
            self.listener.illustrated([], ["Interrupted in its pictures; the run is finished."])
            raise

    def _learn(self, interruption: Interruption) -> None:
        if self._is_settled():
            return
        for iteration in self.trainer:
            self._mean = None
            if self.judge.is_due(iteration.timesteps) or self.trainer.progress >= 1.0:
                evaluation = self.judge.consider(self.trainer.policy, iteration.timesteps)
                self._mean = evaluation.mean
                self.listener.evaluated(evaluation, iteration.timesteps)
                if self.judge.latest_proof is not None:
                    self.listener.proven(self.judge.latest_proof, iteration.timesteps)
            row = self._metrics.row(iteration, self._mean)
            self.writer.row(row, iteration.episodes)
            self.listener.iterated(iteration, row)
            if self._is_settled():
                break
            if interruption.signum is not None:
                self._stop(interruption.signum)
            if iteration.timesteps >= self._due:
                self._due = self.trainer.recipe.checkpoint_after(iteration.timesteps)
                self._checkpoint()

    def _is_settled(self) -> bool:
        """Whether the run was to end with a proof, and has one."""
        return self.trainer.recipe.until == "solved" and self.judge.verdict is not None

    def _checkpoint(self) -> None:
        weights = self.trainer.policy.state_dict()
        self.writer.checkpoint(self.trainer.timesteps, weights, self.state(), self._mean)

    def _stop(self, signum: int) -> NoReturn:
        """Keep everything, then leave as the signal asked."""
        self._checkpoint()
        self.writer.settle()
        if self.judge.best is None:
            self.writer.unjudged(self.trainer.policy.state_dict())
        raise Interrupted(signum, str(self.writer.path))

    def _conclude(self) -> tuple[Verdict, dict[str, Any]]:
        """The verdict, and what is to be said of the run; both are on the disk then."""
        seconds = self._metrics.seconds
        self._checkpoint()
        verdict = self.judge.conclude(self.trainer.policy)
        self.writer.settle()
        self.writer.verdict(verdict)
        recipe = self.trainer.recipe
        summary = {
            "run": str(self.writer.path),
            "env": recipe.env,
            "algo": recipe.algo,
            "seed": recipe.seed,
            "timesteps": self.trainer.timesteps,
            "iterations": self.trainer.iterations,
            "train_seconds": round(seconds, 4),
            "eval_seconds": round(self.judge.seconds, 4),
            "solved": verdict.solved,
            "mean_return": verdict.proof.mean,
            "threshold": verdict.proof.threshold,
        }
        self.writer.end_events()
        self.writer.update(status="finished", **summary)
        return verdict, summary

    def _end(self, status: str) -> None:
        """Close everything; what an earlier fault broke does not hide that fault."""
        with contextlib.ExitStack() as closing:
            closing.callback(self.judge.close)
            closing.callback(self.trainer.close)
            if status == "finished":
                self.writer.close()
                return
            with suppress(UprightError):
                judged = self.judge.verdict.candidate if self.judge.verdict else self.judge.best
                if judged is not None:
                    self.writer.unjudged(judged.weights)
                self.writer.update(status=status, timesteps=self.trainer.timesteps)
            with suppress(UprightError):
                self.writer.close()
