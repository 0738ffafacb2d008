"""A training from its start: a trainer, a judge, a new run folder, and off it goes."""

import time
from contextlib import ExitStack
from pathlib import Path

from upright.envs import EnvSource
from upright.experiment.experiment import Experiment
from upright.experiment.listener import Listener
from upright.experiment.writer import RunWriter
from upright.ground import RunLock
from upright.policy import Own, called, space_to_json
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


def train(recipe: Recipe, env: EnvSource, out: str | Path, listener: Listener, own: Own) -> Path:
    """`api.train`, of what is resolved and without its pictures; the run's folder."""
    with ExitStack() as opened:
        experiment = Experiment(recipe, env, listener, own)
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
            own_policy=called(own.policy),
            own_loss=called(own.loss),
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
