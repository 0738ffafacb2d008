"""Go on with a run that stopped, exactly where a checkpoint left it, and check that it is there."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from upright.envs import BACKENDS, episodes_stand_alone, make_envs
from upright.experiment.experiment import Experiment
from upright.experiment.listener import Listener
from upright.experiment.writer import RunWriter
from upright.ground import RunLock, UprightError
from upright.judging import is_proven
from upright.learning import Trainer
from upright.runs import (
    EPISODES_LOG,
    METRICS_LOG,
    Checkpoint,
    Conditions,
    LogMarks,
    Resumption,
    Run,
    copy_of_run,
    judged,
    recipe_files,
    refuse_links,
)
from upright.settings import Recipe, successor, with_budget


def resume(
    run: Run,
    *,
    total_timesteps: int | None,
    out: str | Path,
    listener: Listener,
    operation: Mapping[str, Any],
) -> Path | None:
    """Go on from the newest whole checkpoint, as if the run had never stopped.

    Args:
        run: The run; a bundle goes on in a fresh folder.
        total_timesteps: Another budget; what it means for schedules is said to the listener.
        out: Where the fresh folder of a bundle goes.
        listener: Is told how it goes.
        operation: Fields of the recipe that change nothing of what is learned.

    Returns:
        The folder in which it went on; None where there was nothing left to do.

    Raises:
        UprightError: The run cannot go on; nothing of it was changed then.
        Interrupted: As in `train`.
    """
    with ExitStack() as opened:
        run, lock = _claimed(run, opened)
        if _is_over(run, total_timesteps):
            judgement = judged(run.verdict())
            record = run.record.changed(run=str(run.source), **judgement)
            listener.already_finished(run.source, record.summary())
            return None
        checkpoint, passed_over = run.newest_checkpoint()
        recipe, notes = _recipe(run, checkpoint, total_timesteps, operation)
        experiment = Experiment(recipe, run.env, listener, run.own)
        opened.callback(experiment.close)
        lost = [] if checkpoint is None else experiment.restore(checkpoint)
        marks = LogMarks.none() if checkpoint is None else checkpoint.log
        said = [
            f"Going on from step {experiment.trainer.timesteps:,}.",
            *passed_over,
            *_missing_rows(run, marks),
            *notes,
            *_exactness(run.record, experiment, lost),
        ]
        has_rows = (run.path / METRICS_LOG).exists()
        rows = run.metrics(marks.metrics_bytes) if has_rows else []
        changed = recipe_files(recipe) if recipe != run.recipe else {}
        folder = copy_of_run(run.path, out, recipe) if run.is_bundle else run.path
        lock = lock or RunLock(folder)
        opened.callback(lock.release)
        writer = RunWriter(folder, lock, run.record, recipe.keep)
        opened.callback(writer.close)
        # From the first change on the run says that it is not at its end.
        writer.update(status="running", **_resumptions(run, experiment, said))
        writer.continue_from(checkpoint, rows)
        writer.replace(changed)
        opened.pop_all()
    return experiment.go(writer, lambda: listener.resumed(experiment.trainer, folder, said))


def _claimed(run: Run, opened: ExitStack) -> tuple[Run, RunLock | None]:
    """The run as it is once nobody else writes into it; a bundle is nobody's, and has no lock."""
    _ = run.env  # it is refused before anything is touched
    _refuse_other_loss(run)
    if run.is_bundle:
        return run, None
    refuse_links(run.path)
    lock = RunLock(run.path)
    opened.callback(lock.release)
    return run.again(), lock


def _refuse_other_loss(run: Run) -> None:
    """Refuse a loss of the user's own that is missing, or is one too many."""
    if (run.record.own_loss is None) != (run.own.loss is None):
        was = run.record.own_loss or "the algorithm's own loss"
        raise UprightError(
            f"This run was trained with {was}.",
            "Go on in Python with upright.resume(path, loss=...)."
            if run.record.own_loss
            else "Leave out loss=, or train anew with it.",
        )


def _is_over(run: Run, total_timesteps: int | None) -> bool:
    """Whether a finished run has nothing left to do, with this budget or with its own."""
    if run.status != "finished":
        return False
    if total_timesteps is None:
        return True
    same = total_timesteps == run.recipe.settings.total_timesteps
    return same and (run.record.timesteps or 0) >= total_timesteps


def _recipe(
    run: Run,
    checkpoint: Checkpoint | None,
    total_timesteps: int | None,
    operation: Mapping[str, Any],
) -> tuple[Recipe, list[str]]:
    """What the run goes on with, and what to say of it."""
    recipe = run.recipe
    notes: list[str] = []
    if total_timesteps is not None:
        if total_timesteps != recipe.settings.total_timesteps:
            spent = 0 if checkpoint is None else checkpoint.timesteps
            recipe, notes = with_budget(recipe, total_timesteps, spent)
        if checkpoint is not None and is_proven(checkpoint.judge) and recipe.until == "solved":
            recipe = recipe.model_copy(update={"until": "budget"})
            notes.append("The policy is verified already; until = budget from here on.")
    return recipe.changed(operation), notes


def _resumptions(run: Run, experiment: Experiment, said: list[str]) -> dict[str, Any]:
    """What run.json says of every moment at which the run went on, this one included."""
    timesteps = experiment.trainer.timesteps
    now = Resumption(timesteps=timesteps, notes=said, **dict(experiment.conditions()))
    every = [each.table() for each in (*run.record.resumptions, now)]
    return {"timesteps": timesteps, "resumptions": every}


def _missing_rows(run: Run, marks: LogMarks) -> list[str]:
    """What the logs lack of what the checkpoint saw of them, in sentences."""
    lengths = {METRICS_LOG: marks.metrics_bytes, EPISODES_LOG: marks.episodes_bytes}
    return [
        f"{name} lacks rows from before the checkpoint; the new ones follow."
        for name, length in lengths.items()
        if not (run.path / name).is_file() or (run.path / name).stat().st_size < length
    ]


def _exactness(recorded: Conditions, experiment: Experiment, lost: list[int]) -> list[str]:
    """What keeps the resumed run from being bit-identical, in sentences."""
    trainer = experiment.trainer
    before, now = _named(recorded), _named(experiment.conditions())
    differing = [
        f"{name} {before.get(name)} there, {value} here"
        for name, value in now.items()
        if before.get(name) != value
    ]
    said = []
    if differing:
        said.append(f"This will not be bit-identical: {'; '.join(differing)}.")
    if recorded.backend != before["backend"]:
        said.append(
            f"The backend {recorded.backend} is no more; {before['backend']} goes on with the same "
            "episodes, byte for byte."
        )
    kind = BACKENDS[trainer.backend].kind
    there = next((each.kind for name, each in BACKENDS.items() if name == before["backend"]), "")
    if lost and there != kind:
        said.append("The backend is of another kind: every environment begins a new episode.")
    elif lost and not trainer.exact:
        said.append(
            f"The backend {trainer.backend} cannot restore these episodes: every environment "
            "begins a new one."
        )
    elif lost:
        numbers = ", ".join(map(str, lost))
        said.append(
            f"Not bit-identical: environment{'s'[: len(lost) > 1]} {numbers} could not be "
            "restored. Played again, the episode arrived at another observation; it was cut as "
            "truncated, and a new one begins."
        )
    if kind == "episodes" and not _stands_alone(trainer):
        said.append(
            "Not bit-identical: an episode of this environment differs after another one came "
            "before it, and those were not played again."
        )
    return said


def _named(conditions: Conditions) -> dict[str, Any]:
    """What may differ from one machine to another, by name."""
    backend = successor(conditions.backend)
    named = {"threads": conditions.threads, "backend": backend, "device": conditions.device}
    return named | conditions.versions


def _stands_alone(trainer: Trainer) -> bool:
    recipe = trainer.recipe
    chosen = (trainer.env, 1, 0, trainer.backend, recipe.settings.mask)
    with closing(make_envs(*chosen)) as one, closing(make_envs(*chosen)) as other:
        return episodes_stand_alone(one, other, recipe.seed)
