"""One training under judgement, written down."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NoReturn

from upright.envs import EnvSource, evaluation_env
from upright.experiment.listener import Listener
from upright.experiment.metrics import RunningMetrics
from upright.experiment.writer import RunWriter
from upright.ground import Interrupted, Interruption, UprightError, versions
from upright.judging import Judge, Verdict
from upright.learning import PoisonedError, Trainer
from upright.policy import Own
from upright.runs import Checkpoint, Conditions, judged
from upright.settings import Recipe


class Experiment:
    """One training under judgement; it owns the trainer, the judge and then the writer.

    Args:
        recipe: What is to be trained, complete.
        env: What makes the environment.
        listener: Is told how it goes.
        own: The user's own network and loss.

    Raises:
        UprightError: The environment or one of its spaces will not do.
    """

    writer: RunWriter

    def __init__(self, recipe: Recipe, env: EnvSource, listener: Listener, own: Own) -> None:
        self.listener = listener
        with ExitStack() as opened:
            self.trainer = Trainer(recipe, env, own)
            opened.callback(self.trainer.close)
            every = recipe.settings.timesteps_between_evaluations
            chosen = (recipe.reward_threshold, recipe.settings.mask, recipe.eval_episodes)
            self.judge = Judge(evaluation_env(recipe, env), recipe.seed, every, *chosen)
            opened.callback(self.judge.close)
            self.judge.evaluator.refuse_misfit(self.trainer.policy)
            self._metrics = RunningMetrics(self.judge)
            self._opened = opened.pop_all()
        self._due = recipe.checkpoint_after(0)
        self._mean: float | None = None
        self._noted_masks = False

    def close(self) -> None:
        """Release what is open: the judge, then the trainer."""
        self._opened.close()

    def conditions(self) -> Conditions:
        """What the last bit of the run depends on besides its settings."""
        trainer = self.trainer
        return Conditions(
            threads=trainer.recipe.threads,
            backend=trainer.backend,
            device=str(trainer.device),
            exact=trainer.exact,
            versions=versions(trainer.policy.network.torch_version),
        )

    def checkpoint(self) -> Checkpoint:
        """All that `restore` needs, shared with nothing that goes on but for the weights."""
        return Checkpoint(
            timesteps=self.trainer.timesteps,
            weights=self.trainer.policy.weights,
            experiment=self._metrics.state(),
            trainer=self.trainer.state(),
            judge=self.judge.state(),
        )

    def restore(self, checkpoint: Checkpoint) -> list[int]:
        """Go on where `checkpoint` was taken; the environments whose episodes began anew.

        Raises:
            UprightError: It is not one of this run.
        """
        self._metrics.restore(checkpoint.experiment)
        lost = self.trainer.restore(checkpoint.weights, checkpoint.trainer)
        self.judge.restore(checkpoint.judge, self.trainer.policy.weights)
        if self.trainer.timesteps != checkpoint.timesteps:
            raise UprightError(
                f"The checkpoint {checkpoint.name} was taken at {self.trainer.timesteps:,} "
                "timesteps, and is called otherwise."
            )
        self._due = self.trainer.recipe.checkpoint_after(self.trainer.timesteps)
        return lost

    def go(self, writer: RunWriter, announce: Callable[[], None]) -> Path:
        """Iterate until the verdict, a signal or a fault; everything is closed then in any case.

        Args:
            writer: Keeps the run folder.
            announce: Called before the first iteration.

        Returns:
            The run folder.
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
        return self.writer.path

    def _learn(self, interruption: Interruption) -> None:
        if self._is_settled():
            return
        for iteration in self.trainer:
            self._mean = None
            self._note_masks()
            self.listener.noted(iteration.notes)
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
                self._save()

    def _note_masks(self) -> None:
        """Say and write down, once a rollout shows it, that the environment masks actions."""
        size = self.trainer.mask_size
        if size is not None and not self._noted_masks:
            self._noted_masks = True
            self.writer.update(masks=size)
            self.listener.masked(size)

    def _save(self) -> None:
        self.writer.checkpoint(self.checkpoint(), self._mean)

    def _is_settled(self) -> bool:
        """Whether the run was to end with a proof, and has one."""
        return self.trainer.recipe.until == "solved" and self.judge.verdict is not None

    def _stop(self, signum: int) -> NoReturn:
        """Keep everything, then leave as the signal asked."""
        self._save()
        self.writer.settle()
        if self.judge.best is None:
            self.writer.unjudged(self.trainer.policy.weights)
        raise Interrupted(signum, str(self.writer.path))

    def _conclude(self) -> tuple[Verdict, dict[str, Any]]:
        """The verdict, and what is to be said of the run; both are on the disk then."""
        seconds = self._metrics.seconds
        self._save()
        verdict = self.judge.conclude(self.trainer.policy)
        self.writer.settle()
        self.writer.verdict(verdict, self.trainer.recipe.judged_in, self.conditions().versions)
        record = self.writer.update(
            status="finished",
            run=str(self.writer.path),
            timesteps=self.trainer.timesteps,
            iterations=self.trainer.iterations,
            train_seconds=round(seconds, 4),
            eval_seconds=round(self.judge.seconds, 4),
            **judged(verdict),
        )
        return verdict, record.summary()

    def _end(self, status: str) -> None:
        """Close everything; what an earlier fault broke does not hide that fault."""
        with self._opened:
            if status == "finished":
                self.writer.close()
                return
            with suppress(UprightError):
                kept = self.judge.verdict.candidate if self.judge.verdict else self.judge.best
                if kept is not None:
                    self.writer.unjudged(kept.weights)
                self.writer.update(status=status, timesteps=self.trainer.timesteps)
            with suppress(UprightError):
                self.writer.close()
