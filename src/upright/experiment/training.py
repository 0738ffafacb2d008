"""A training from its start: a trainer, a judge, a new run folder, and off it goes."""

import time
from contextlib import ExitStack
from pathlib import Path

from upright.envs import EnvSource
from upright.experiment.experiment import Experiment
from upright.experiment.listener import Listener
from upright.experiment.writer import RunWriter
from upright.ground import RunLock
from upright.policy import space_to_json
from upright.runs import (
    EPISODES_LOG,
    METRICS_LOG,
    RUN_FILE,
    SCHEMA,
    RunRecord,
    new_run_folder,
    recipe_files,
)
from upright.settings import Recipe


def train(
    recipe: Recipe, env: EnvSource, out: str | Path = "runs", listener: Listener | None = None
) -> Path:
    """Train until a policy is solved and verified, or the budget is spent; the run's folder.

    Args:
        recipe: What is to be trained, complete.
        env: What makes the environment: the recipe's name for it, or a function.
        out: The folder that the run folder goes into.
        listener: Is told how it goes.

    Raises:
        UprightError: The environment will not do; nothing was written then. Or it, a number or the
            disk failed on the way.
        Interrupted: Ctrl-C or SIGTERM; the run folder holds a checkpoint to resume from.
    """
    listener = listener or Listener()
    with ExitStack() as opened:
        experiment = Experiment(recipe, env, listener)
        opened.callback(experiment.close)
        policy = experiment.trainer.policy
        record = RunRecord(
            schema=SCHEMA,
            env=recipe.env,
            algo=recipe.algo,
            seed=recipe.seed,
            preset=recipe.preset,
            status="running",
            env_is_factory=not isinstance(env, str),
            observation_space=space_to_json(policy.observation_space),
            action_space=space_to_json(policy.action_space),
            started=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            **dict(experiment.conditions()),
        )
        logs = {METRICS_LOG: b"", EPISODES_LOG: b""}
        files = recipe_files(recipe) | logs | {RUN_FILE: record.data()}
        folder = new_run_folder(out, recipe, files)
        lock = RunLock(folder)
        opened.callback(lock.release)
        writer = RunWriter(folder, lock, record, recipe.keep)
        opened.pop_all()
    return experiment.go(writer, lambda: listener.started(experiment.trainer, folder))
