"""The composition root: train a policy, judge it, write the run; repeat a verdict."""

import math
import shlex
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from upright.checkpoint import versions
from upright.envs import EnvSource
from upright.errors import UprightError
from upright.evaluation import Evaluation, Evaluator
from upright.recipe import Recipe, resolve
from upright.run import Run, RunWriter
from upright.spaces import space_to_json
from upright.trainer import Iteration, Trainer
from upright.verdict import Judge, Verdict


class Listener:
    """What may look on while a run goes; every method may be overridden."""

    def started(self, trainer: Trainer, folder: Path) -> None:
        """The run folder is there, the first collect comes next."""

    def iterated(self, iteration: Iteration, row: dict[str, Any]) -> None:
        """An iteration ended; `row` is what went to metrics.jsonl."""

    def evaluated(self, evaluation: Evaluation, timesteps: int) -> None:
        """The greedy policy was evaluated."""

    def concluded(self, verdict: Verdict, summary: dict[str, Any]) -> None:
        """The verdict is there and safe on the disk."""


def train(
    env: EnvSource | None = None,
    algo: str | None = None,
    *,
    preset: str | None = None,
    config: str | Path | None = None,
    out: str | Path = "runs",
    listener: Listener | None = None,
    **settings: Any,
) -> Run:
    """Train until a policy is solved and verified, or the budget is spent.

    Args:
        env: A Gymnasium id, or a function that returns a new environment.
        algo: "reinforce", "actor-critic" or "ppo"; the environment's preset names the default.
        preset: "tuned", "lesson" or "default"; tuned where there is one.
        config: A TOML file of settings, such as another run's settings.toml.
        out: The folder that the run folder goes into.
        listener: Is told how it goes.
        **settings: Any setting, and seed, until ("solved" or "budget"), device, threads.

    Returns:
        The run, finished.

    Raises:
        UprightError: Something about the input will not do; nothing was written then.
    """
    trainer = Trainer(env, algo, preset=preset, config=config, **settings)
    recipe = trainer.recipe
    judge = Judge(trainer.env, recipe.seed, recipe.settings.timesteps_between_evaluations)
    writer = RunWriter(out, recipe, command_line(recipe), _facts(trainer))
    listener = listener or Listener()
    status = "failed"
    try:
        listener.started(trainer, writer.path)
        summary = _learn(trainer, judge, writer, listener)
        status = "finished"
        writer.update(**summary)
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        _end(trainer, judge, writer, status)
    return Run(writer.path, None if isinstance(trainer.env, str) else trainer.env)


def _facts(trainer: Trainer) -> dict[str, Any]:
    return {
        "env_is_factory": not isinstance(trainer.env, str),
        "observation_space": space_to_json(trainer.policy.observation_space),
        "action_space": space_to_json(trainer.policy.action_space),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "threads": trainer.recipe.threads,
        "backend": trainer.backend,
        "device": str(trainer.device),
        "versions": versions(),
    }


def _learn(trainer: Trainer, judge: Judge, writer: RunWriter, listener: Listener) -> dict[str, Any]:
    """Iterate until the verdict; what is to be said of the run."""
    stops_when_solved = trainer.recipe.until == "solved"
    recent: deque[Any] = deque(maxlen=100)
    began = time.perf_counter()
    for iteration in trainer:
        recent.extend(iteration.episodes)
        evaluation = None
        if judge.is_due(iteration.timesteps) or trainer.progress >= 1.0:
            evaluation = judge.consider(trainer.policy, iteration.timesteps)
            listener.evaluated(evaluation, iteration.timesteps)
        row = _row(iteration, recent, evaluation, time.perf_counter() - began - judge.seconds)
        writer.row(row)
        listener.iterated(iteration, row)
        if stops_when_solved and judge.verdict is not None:
            break
    train_seconds = time.perf_counter() - began - judge.seconds
    verdict = judge.conclude(trainer.policy)
    writer.verdict(verdict, versions())
    summary = {
        "run": str(writer.path),
        "env": trainer.recipe.env,
        "algo": trainer.recipe.algo,
        "seed": trainer.recipe.seed,
        "timesteps": trainer.timesteps,
        "iterations": trainer.iterations,
        "train_seconds": round(train_seconds, 4),
        "eval_seconds": round(judge.seconds, 4),
        "solved": verdict.solved,
        "mean_return": verdict.proof.mean,
        "threshold": verdict.proof.threshold,
    }
    listener.concluded(verdict, summary)
    return summary


def _row(
    iteration: Iteration, recent: deque[Any], evaluation: Evaluation | None, seconds: float
) -> dict[str, Any]:
    """One line of metrics.jsonl, under Stable-Baselines3's names; "time/" holds what differs."""
    row: dict[str, Any] = {"iteration": iteration.number}
    if recent:
        row["rollout/ep_rew_mean"] = float(np.mean([episode.episode_return for episode in recent]))
        row["rollout/ep_len_mean"] = float(np.mean([episode.length for episode in recent]))
    row |= iteration.metrics
    if evaluation is not None:
        row["eval/mean_reward"] = evaluation.mean
    row["time/total_timesteps"] = iteration.timesteps
    row["time/total_episodes"] = iteration.total_episodes
    row["time/fps"] = round(iteration.timesteps / max(seconds, 1e-9))
    row["time/time_elapsed"] = round(seconds, 4)
    for name, value in row.items():
        if not math.isfinite(value):
            raise UprightError(
                f"{name} became {value} in iteration {iteration.number}; training stopped.",
                "Try a smaller learning_rate or max_grad_norm.",
            )
    return row


def _end(trainer: Trainer, judge: Judge, writer: RunWriter, status: str) -> None:
    if status == "interrupted":
        best = judge.best if judge.verdict is None else judge.verdict.candidate
        writer.weights(trainer.policy.state_dict() if best is None else best.weights)
    if status != "failed":
        writer.checkpoint(trainer)
    writer.update(status=status, timesteps=trainer.timesteps)
    writer.close()
    trainer.close()
    judge.close()


def command_line(recipe: Recipe) -> str:
    """The line that a person would type to repeat the run."""
    flat = recipe.flat()
    named = {name: flat[name] for name in ("algo", "preset", "seed")}
    usual = resolve(recipe.env, recipe.algo, preset=recipe.preset, seed=recipe.seed).flat()
    changed = {name: value for name, value in flat.items() if value != usual[name]}
    words = ["upright", "train", recipe.env]
    for name, value in (named | changed).items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            words += [f"--{flag}", text]
    return shlex.join(words)


@dataclass(frozen=True)
class Verification:
    """A verdict repeated.

    Attributes:
        holds: Whether everything that was recorded was found again.
        reason: In one sentence, why or why not.
        identical: Whether every single episode return was the same.
        selection: The first evaluation, repeated; None where it did not come to that.
        proof: The second one, likewise.
    """

    holds: bool
    reason: str
    identical: bool = False
    selection: Evaluation | None = None
    proof: Evaluation | None = None


def verify(run: Run) -> Verification:
    """Repeat the recorded verdict: the same weights, the same seeds, the same episodes.

    On the versions that made it every episode must have the same return. On others rounding may
    differ, and the verdict and the mean's interval must agree.

    Raises:
        UprightError: The run cannot be opened, or has no verdict.
    """
    record = run.verdict_record()
    try:
        verdict = run.verdict()
    except UprightError as error:
        return Verification(False, error.message)
    recorded = (verdict.candidate.selection, verdict.proof)
    selection, proof = (_repeat(run, evaluation) for evaluation in recorded)
    identical = recorded == (selection, proof)
    solved = Verdict(replace(verdict.candidate, selection=selection), proof).solved
    low, high = verdict.proof.interval
    if identical:
        holds, reason = True, "Every episode has the recorded return."
    elif record.get("versions") == versions():
        holds, reason = False, "Some episodes have another return than was recorded."
    else:
        holds = solved == verdict.solved and low <= proof.mean <= high
        outcome = "agrees" if holds else "does not agree"
        reason = f"Versions or machine differ from the recorded ones; the verdict {outcome}."
    return Verification(holds, reason, identical, selection, proof)


def _repeat(run: Run, recorded: Evaluation) -> Evaluation:
    evaluator = Evaluator(
        run.env, len(recorded.returns), recorded.backend, num_envs=recorded.num_envs
    )
    try:
        return evaluator.evaluate(run.policy, recorded.seed, recorded.deterministic)
    finally:
        evaluator.close()
