"""Go on with a run that stopped, exactly where a checkpoint left it, and check that it is there."""

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

from upright.budget import with_budget
from upright.bundle import refuse_links
from upright.checkpoint import recorded_mean
from upright.envs import EnvSource, episodes_stand_alone, make_envs
from upright.errors import UprightError
from upright.experiment import Experiment, closing_on_error, conditions
from upright.files import checkpoints
from upright.folders import EPISODES, METRICS, PICTURES, copy_of_run
from upright.listener import Listener
from upright.lock import RunLock
from upright.policy import Weights
from upright.recipe import Recipe, checked, command_line
from upright.run import Run
from upright.state import State
from upright.trainer import Trainer
from upright.verdict import Judge
from upright.writer import RunWriter

SUMMARY = (
    "run",
    "env",
    "algo",
    "seed",
    "timesteps",
    "iterations",
    "train_seconds",
    "eval_seconds",
    "solved",
    "mean_return",
    "threshold",
)


def resume(
    path: str | Path,
    env: EnvSource | None = None,
    *,
    total_timesteps: int | None = None,
    out: str | Path = "runs",
    listener: Listener | None = None,
    trust_code: bool = False,
    checkpoint_every: int | None = None,
    keep: int | None = None,
    outside_space: str | None = None,
    env_timeout: float | None = None,
    media: bool | None = None,
) -> Run:
    """Go on from the newest whole checkpoint, as if the run had never stopped.

    Args:
        path: A run folder, or a bundle, which goes on in a fresh folder.
        env: What makes the environment, where the recorded name is no registered id.
        total_timesteps: Another budget; what it means for schedules is said to the listener.
        out: Where the fresh folder of a bundle goes.
        listener: Is told how it goes.
        trust_code: Whether a recorded name such as "module:Name" may be imported and run.
        checkpoint_every: As in `Recipe`, in the place of what is recorded; so are the next ones,
            none of which changes what is learned.
        keep: Likewise.
        outside_space: Likewise.
        env_timeout: Likewise.
        media: As in `train`.

    Returns:
        The run, finished; at once where there is nothing left to do.

    Raises:
        UprightError: The run cannot go on; nothing of it was changed then.
        Interrupted: As in `train`.
    """
    listener = listener or Listener()
    operation = {
        "checkpoint_every": checkpoint_every,
        "keep": keep,
        "outside_space": outside_space,
        "env_timeout": env_timeout,
    }
    run = Run(path, env, trust_code)
    source, lock = run.env, None
    try:
        if not run.is_bundle:
            refuse_links(run.path)
            lock = RunLock(run.path)
            run = Run(path, env, trust_code)
        if run.status == "finished" and _is_over(run, total_timesteps):
            verdict = run.verdict()
            summary = {name: run.info.get(name) for name in SUMMARY} | {
                "run": str(run.source),
                "solved": verdict.solved,
                "mean_return": verdict.proof.mean,
                "threshold": verdict.proof.threshold,
            }
            listener.already_finished(run.source, summary)
            return run
        found = _newest(run)
        recipe, notes = _recipe(run, found, total_timesteps, operation)
        experiment, lost = _restored(source, recipe, found, listener)
        with closing_on_error(experiment.trainer, experiment.judge):
            folder = run.path
            if run.is_bundle:
                folder = copy_of_run(run.path, out, recipe)
                lock = RunLock(folder)
            assert lock is not None
            trainer = experiment.trainer
            said = [
                f"Going on from step {trainer.timesteps:,}.",
                *found.passed_over,
                *_missing_rows(run, found),
                *notes,
                *_exactness(run.info, trainer, lost),
            ]
            writer = _reopened(run, folder, lock, recipe, found, said, trainer)
            lock = None
    finally:
        if lock is not None:
            lock.release()
    return experiment.go(writer, lambda: listener.resumed(trainer, folder, said), media)


class Found(NamedTuple):
    """The newest whole checkpoint; without weights where the run stopped before its first."""

    name: str
    weights: Weights | None
    state: State
    passed_over: list[str]

    @property
    def timesteps(self) -> int:
        """The transitions that are behind the run."""
        if self.weights is None:
            return 0
        return self.state.part("run").part("trainer").part("counters").count("timesteps")

    @property
    def is_proven(self) -> bool:
        """Whether a policy of the run is verified."""
        return self.weights is not None and "proven" in self.state.part("run").part("judge").values


def _is_over(run: Run, total_timesteps: int | None) -> bool:
    """Whether a finished run has nothing left to do, with this budget or with its own."""
    if total_timesteps is None:
        return True
    same, spent = total_timesteps == run.recipe.settings.total_timesteps, run.info.get("timesteps")
    return same and type(spent) is int and spent >= total_timesteps


def _newest(run: Run) -> Found:
    """The newest whole checkpoint.

    Raises:
        UprightError: There are checkpoints, and none of them is whole.
    """
    passed_over: list[str] = []
    for folder in checkpoints(run.path / "checkpoints"):
        try:
            return Found(folder.name, *run.checkpoint(folder), passed_over)
        except UprightError as error:
            passed_over.append(f"Passed over the checkpoint {folder.name}: {error.message}")
    if passed_over:
        raise UprightError(
            f"{run.source} has no whole checkpoint. {passed_over[0]}",
            "`upright train --config` repeats the run from its settings.toml.",
        )
    logs = State({f"{name}_bytes": 0 for name in (METRICS, EPISODES)})
    return Found("", None, State.joined({"log": logs}), passed_over)


def _recipe(
    run: Run, found: Found, total_timesteps: int | None, operation: dict[str, Any]
) -> tuple[Recipe, list[str]]:
    """What the run goes on with, and what to say of it."""
    recipe = run.recipe
    notes: list[str] = []
    if recipe.env != run.info.get("env"):
        raise UprightError(f"{run.source}: run.json and settings.toml name other environments.")
    if total_timesteps is not None:
        if total_timesteps != recipe.settings.total_timesteps:
            recipe, notes = with_budget(recipe, total_timesteps, found.timesteps)
        if found.is_proven and recipe.until == "solved":
            recipe = recipe.model_copy(update={"until": "budget"})
            notes.append("The policy is verified already; until = budget from here on.")
    return checked(recipe, operation), notes


def _restored(
    source: EnvSource, recipe: Recipe, found: Found, listener: Listener
) -> tuple[Experiment, list[int]]:
    """The experiment as the checkpoint knows it, and the environments that arrived elsewhere."""
    trainer = Trainer.of(recipe, source)
    with closing_on_error(trainer):
        judge = Judge(source, recipe.seed, recipe.settings.timesteps_between_evaluations)
    with closing_on_error(trainer, judge):
        experiment = Experiment(trainer, judge, listener)
        lost: list[int] = []
        if found.weights is not None:
            lost = experiment.restore(found.weights, found.state.part("run"))
    return experiment, lost


def _reopened(
    run: Run,
    folder: Path,
    lock: RunLock,
    recipe: Recipe,
    found: Found,
    said: list[str],
    trainer: Trainer,
) -> RunWriter:
    """The run's writer, with the logs cut back to the checkpoint."""
    log = found.state.part("log")
    logged = (run.path / METRICS).exists()
    rows = run.metrics(log.count(f"{METRICS}_bytes")) if logged else []
    means = {each.name: recorded_mean(each) for each in checkpoints(folder / "checkpoints")}
    resumptions = run.info.get("resumptions")
    earlier = resumptions if isinstance(resumptions, list) else []
    record = {"timesteps": trainer.timesteps, "notes": said, **conditions(trainer)}
    command = command_line(recipe) if recipe != run.recipe else ""
    writer = RunWriter(folder, lock, run.info, recipe.keep)
    try:
        known = {name: mean for name, mean in means.items() if mean is not None}
        # From the first change on the run says that it is not at its end.
        writer.update(status="running", timesteps=trainer.timesteps, resumptions=[*earlier, record])
        writer.continue_from(found.name, log, rows, known)
        if command:
            writer.recipe(recipe, command)
        for name in PICTURES:  # they are of the run as it was
            (folder / name).unlink(missing_ok=True)
    except BaseException:
        writer.close()
        raise
    return writer


def _missing_rows(run: Run, found: Found) -> list[str]:
    """What the logs lack of what the checkpoint saw of them, in sentences."""
    said = []
    for name in (METRICS, EPISODES):
        path, length = run.path / name, found.state.part("log").count(f"{name}_bytes")
        if not path.is_file() or path.stat().st_size < length:
            said.append(f"{name} lacks rows from before the checkpoint; the new ones follow.")
    return said


def _exactness(recorded: dict[str, Any], trainer: Trainer, lost: list[int]) -> list[str]:
    """What keeps the resumed run from being bit-identical, in sentences."""
    before, now = _flat(recorded), _flat(conditions(trainer))
    differing = [
        f"{name} {before.get(name)} there, {value} here"
        for name, value in now.items()
        if before.get(name) != value
    ]
    said = []
    if differing:
        said.append(f"This will not be bit-identical: {'; '.join(differing)}.")
    backends = (before.get("backend"), trainer.backend)
    if lost and backends[0] != backends[1] and "vector" in backends:
        said.append("The backend is of another kind: every environment begins a new episode.")
    elif lost and not trainer.exact:
        said.append("This vector form cannot be restored: every environment begins a new episode.")
    elif lost:
        numbers = ", ".join(map(str, lost))
        said.append(
            f"Not bit-identical: environment{'s'[: len(lost) > 1]} {numbers} could not be "
            "restored. Played again, the episode arrived at another observation; it was cut as "
            "truncated, and a new one begins."
        )
    if trainer.backend != "vector" and not _stands_alone(trainer):
        said.append(
            "Not bit-identical: an episode of this environment differs after another one came "
            "before it, and those were not played again."
        )
    return said


def _stands_alone(trainer: Trainer) -> bool:
    timeout = trainer.recipe.env_timeout
    with contextlib.ExitStack() as opened:
        pair = []
        for _ in range(2):
            pair.append(make_envs(trainer.env, 1, 0, trainer.backend, timeout))
            opened.callback(pair[-1].close)
        return episodes_stand_alone(pair[0], pair[1], trainer.recipe.seed)


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    versions = record.get("versions")
    named = {name: record.get(name) for name in ("threads", "backend", "device")}
    return named | (versions if isinstance(versions, dict) else {})
