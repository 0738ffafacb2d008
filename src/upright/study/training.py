"""Whole trainings of several seeds: what is there is read or gone on with, the rest begins."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from upright.experiment import Experiment, Listener
from upright.ground import Interrupted, Interruption, UprightError, how_many
from upright.policy import Own
from upright.runs import RUN_FILE, Run, folder_of, held
from upright.settings import Recipe
from upright.study.children import Child, Children, Onlooker, SeedProgress
from upright.study.claims import claimed
from upright.study.local_process import LocalProcess, usual_jobs
from upright.study.process import Beginning

LOOKING_SECONDS, LISTENING_SECONDS = 0.05, 3.0
Begun = tuple[SeedProgress, dict[str, Any]]


def train_seeds(
    recipe: Recipe,
    seeds: Sequence[int],
    *,
    out: str | Path,
    jobs: int | None,
    media: bool,
    onlooker: Onlooker,
    engine: str = "process",
    ray_address: str | None = None,
) -> list[SeedProgress]:
    """Train a recipe with several seeds, each in a process of its own.

    A seed that has a run of the same settings below `out` gets no second one: a finished run
    stays as it is, another goes on from its newest checkpoint.

    Args:
        recipe: Complete; its own seed plays no part.
        seeds: As `refuse_seeds` lets them pass.
        out: The folder that the run folders go into.
        jobs: How many trainings go on at a time; None for as many as there are cores for.
        media: Whether curve.png and replay.mp4 are left in the run folders.
        onlooker: Is told how it goes.
        engine: "process" for processes of this machine, "ray" for wherever Ray has room.
        ray_address: Ray's cluster; None for this machine alone.

    Returns:
        What became of each, in the order of the seeds.

    Raises:
        UprightError: The recipe cannot be trained, another process trains one of the seeds, or Ray
            cannot be had; nothing was written then.
        Interrupted: Ctrl-C or SIGTERM; every run that had begun holds a checkpoint.
    """
    recipe = _on(engine, ray_address, recipe)
    every, notes = _found(recipe, seeds, out)
    left = [one.seed for one in every if one.state == "waiting"]
    if not left:
        onlooker.began(recipe, every, notes)
        return every
    refuse_untrainable(recipe)
    with claimed(recipe, left, out):
        every, notes = _found(recipe, seeds, out)  # another one may have trained until now
        tasks = [(one, task_of(recipe, one, out, media)) for one in every if one.state == "waiting"]
        most = min(jobs or usual_jobs(recipe), len(left))
        with _place(engine, ray_address, recipe, out, most) as (begin, room):
            onlooker.began(recipe, every, notes)
            with Interruption(onlooker.stopping) as interruption, Children(begin) as children:
                work_off(Work(tasks), children, jobs or room, interruption, onlooker)
    if interruption.signum is not None:
        raise Interrupted(interruption.signum)
    return every


def _found(
    recipe: Recipe, seeds: Sequence[int], out: str | Path
) -> tuple[list[SeedProgress], list[str]]:
    """How far each seed is: finished, or waiting; and what `runs_there` has to say.

    Raises:
        UprightError: Another process trains one of them.
    """
    there, notes = runs_there(recipe, set(seeds), Path(out))
    refuse_busy(there)
    every = [SeedProgress(seed, folder=there.get(seed)) for seed in seeds]
    for one in every:
        if one.folder is not None and Run(one.folder).status == "finished":
            conclude(one)
    return every, notes


def _on(engine: str, ray_address: str | None, recipe: Recipe) -> Recipe:
    """The recipe as it is trained there: what is Ray's is whole trainings, and not their workers.

    Raises:
        UprightError: There is no such engine, or an address without Ray; as `train` says it.
    """
    chosen = {"engine": engine, "ray_address": ray_address, "workers": max(1, recipe.workers)}
    recipe.changed(chosen)
    return recipe.changed({"engine": "process"}) if engine == "ray" else recipe


@contextmanager
def _place(
    engine: str, ray_address: str | None, recipe: Recipe, out: str | Path, most: int
) -> Iterator[tuple[Beginning, int]]:
    """What begins the trainings' processes, and for how many at a time there is room.

    On this machine that is for `most`.
    """
    if engine != "ray":
        yield LocalProcess, most
        return
    from upright.study.ray_place import on_ray

    with on_ray(out, recipe.threads, most, ray_address or "") as place:
        yield place


class Work:
    """Trainings that are to be done, in their order; each with its task, as `Child` takes it."""

    def __init__(self, tasks: Iterable[Begun] = ()) -> None:
        self.waiting = deque(tasks)

    def next(self) -> Begun | None:
        """The training to begin now that there is room for one; None where there is none."""
        return self.waiting.popleft() if self.waiting else None

    def stop(self) -> None:
        """Begin no more."""
        self.waiting.clear()


def work_off(
    work: Work,
    children: Children,
    jobs: int,
    interruption: Interruption,
    onlooker: Onlooker,
) -> None:
    """Start, listen and bury until nothing is left; after a signal nothing more is started."""
    while True:
        while len(children) < jobs and (begun := work.next()) is not None:
            one, task = begun
            one.state = "training"
            children.start(one, task)
            onlooker.changed(one)
        if not children:
            break
        for one, note in children.listen():
            onlooker.noted(one, note)
        for child in children.bury():
            _bury(child, onlooker)
        if interruption.signum is not None:
            work.stop()
            children.stop()
        onlooker.moved()
        time.sleep(LOOKING_SECONDS)


def refuse_untrainable(recipe: Recipe) -> None:
    """Refuse once what every process would refuse.

    Raises:
        UprightError: The recipe cannot be trained.
    """
    Experiment(recipe, recipe.env, Listener(), Own()).close()


def task_of(recipe: Recipe, one: SeedProgress, out: str | Path, media: bool) -> dict[str, Any]:
    """What `Child` takes to train a recipe with a seed."""
    table = recipe.model_copy(update={"seed": one.seed}).flat()
    run = None if one.folder is None else str(one.folder)
    return {"recipe": table, "out": str(out), "run": run, "media": media}


def _bury(child: Child, onlooker: Onlooker) -> None:
    """Say of a training that has ended what became of it."""
    one = child.progress
    for note in child.listen():
        onlooker.noted(one, note)
    if child.was_stopped:
        one.state = "stopped"
    elif failure := child.failure:
        one.state, one.error, one.is_lost = "failed", failure, child.was_lost
    else:
        conclude(one)
    onlooker.changed(one)


def conclude(one: SeedProgress) -> None:
    """Read what a finished run says of itself."""
    assert one.folder is not None
    try:
        run = Run(one.folder, trust_code=True)
        one.verdict = verdict = held(run)
    except UprightError as error:
        one.state, one.error = "failed", error.message
        return
    one.state, one.solved, one.evaluation = "finished", verdict.solved, verdict.proof.mean
    one.timesteps = run.record.timesteps or 0


def runs_there(recipe: Recipe, seeds: set[int], out: Path) -> tuple[dict[int, Path], list[str]]:
    """The runs of these seeds that are there already, and a sentence about those that differ."""
    found: dict[int, Run] = {}
    others: set[int] = set()
    notes = []
    folder = folder_of(recipe.env, out)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or not (path / RUN_FILE).is_file():
            continue
        try:
            run = Run(path)
            if (run.recipe.env, run.recipe.algo) != (recipe.env, recipe.algo):
                continue
            seed = run.recipe.seed
            if seed in seeds and _is_of(run, recipe):
                found[seed] = max(found.get(seed, run), run, key=_rank)
            elif seed in seeds:
                others.add(seed)
        except UprightError as error:
            notes.append(f"{path} is taken for nobody's run, and stays: {error.message}")
    others -= found.keys()
    if others:
        few = how_many(len(others), "seed")
        notes.append(
            f"{folder} has runs of {few} with other settings; they stay, beside the new ones."
        )
    return {seed: run.path for seed, run in found.items()}, notes


def refuse_busy(there: dict[int, Path]) -> None:
    """Refuse what another process trains; one whose parent was killed has a moment to end."""
    until = time.monotonic() + LISTENING_SECONDS
    for seed, path in there.items():
        while Run(path).status == "running":
            if time.monotonic() > until:
                raise UprightError(
                    f"Seed {seed} is being trained by another process, in {path}.",
                    "Wait for it or end it; the same command goes on then.",
                )
            time.sleep(LOOKING_SECONDS)


def _is_of(run: Run, recipe: Recipe) -> bool:
    """Whether this run is what training the recipe with its seed would give."""
    record = run.record
    if record.env_is_factory or record.own_policy or record.own_loss:
        return False
    return run.recipe.of_any_seed() == recipe.of_any_seed()


def _rank(run: Run) -> tuple[bool, int]:
    """Of two runs of a seed the finished one counts, else the one that is further."""
    checkpoints = run.checkpoints() if run.status != "finished" else [0]
    return run.status == "finished", max(checkpoints, default=-1)
