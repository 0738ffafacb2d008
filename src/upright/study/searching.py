"""A search for settings: trials as trainings, the best of them as a file, and its confirmation."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upright.ground import Interrupted, Interruption, UprightError
from upright.settings import Recipe, SearchSpace, read_space
from upright.study.children import Children, Onlooker, SeedProgress
from upright.study.found import Search, TrialRow, counted_trials, row_of_trial
from upright.study.local_process import LocalProcess, usual_jobs
from upright.study.outcome import SeedRuns
from upright.study.plan import Plan
from upright.study.search_folder import (
    description_of,
    folder_of_search,
    opened_study,
    refuse_without_optuna,
    trial_folder,
    write_best,
)
from upright.study.spec import MOST_SEEDS
from upright.study.training import refuse_untrainable, train_seeds, work_off
from upright.study.trials import Trials

if TYPE_CHECKING:
    from optuna import Study


def space_for(
    recipe: Recipe, path: str | Path | None, given: Mapping[str, Any] | Collection[str]
) -> SearchSpace:
    """What is drawn: the space of a file or of the algorithm, without the settings that are given.

    Raises:
        UprightError: It is no space, or holds what cannot be.
    """
    space = read_space(path, recipe.algo)
    space.hold(given)
    space.refuse_unfit(recipe)
    return space


def search_settings(
    recipe: Recipe,
    space: SearchSpace,
    plan: Plan,
    *,
    confirm: int,
    out: str | Path,
    jobs: int | None,
    media: bool,
    onlooker: Onlooker,
    gathered: Callable[[Sequence[SeedProgress]], SeedRuns],
) -> Search:
    """Try settings, leave the best as a file, and train fresh seeds with them.

    The same search goes on in its folder: trials that are over are read, others go on from their
    newest checkpoints.

    Args:
        recipe: Has all that is not drawn; its own seed plays no part.
        space: As `space_for` gives it.
        plan: How far to go.
        confirm: How many fresh seeds, from 0 on; 0 for none.
        out: The folder that searches go into.
        jobs: As in `train_seeds`.
        media: Whether pictures are left in the run folders of the confirmation.
        onlooker: Is told how it goes.
        gathered: Makes one object of the fresh seeds.

    Raises:
        UprightError: There is no Optuna, the recipe cannot be trained, another process searches
            there, and nothing was written then; or no trial came to an end.
        Interrupted: Ctrl-C or SIGTERM; every run that had begun holds a checkpoint.
    """
    refuse_without_optuna()
    if not (type(confirm) is int and 0 <= confirm <= MOST_SEEDS):
        raise UprightError(f"confirm = {confirm!r} is out of range: should be 0 to {MOST_SEEDS}.")
    refuse_untrainable(recipe)
    described = description_of(recipe, space, plan.seeds_per_trial, plan.seed)
    folder, notes = folder_of_search(out, recipe, described, space.text)
    with opened_study(folder) as study:
        trials = Trials(study, folder, recipe, space, plan, onlooker)
        trials.pick_up()
        onlooker.began(recipe, trials.every, [f"The search is in {folder}.", *notes])
        with Interruption(onlooker.stopping) as interruption, Children(LocalProcess) as children:
            trials.begin(children)
            work_off(trials, children, jobs or usual_jobs(recipe), interruption, trials)
        if interruption.signum is not None:
            raise Interrupted(interruption.signum)
        rows, ranked = _rows(study, folder, recipe, space)
        best = recipe.changed(ranked[0].settings)
        config = write_best(folder, best, _head(ranked))
        confirmation = None
        if confirm:
            onlooker.noted(
                trials.every[ranked[0].trial], "the best; fresh seeds say what it is worth:"
            )
            runs = trial_folder(folder, ranked[0].trial)
            seeds = range(confirm)
            confirmation = gathered(
                train_seeds(best, seeds, out=runs, jobs=jobs, media=media, onlooker=onlooker)
            )
    return Search(folder, rows, ranked, best, config, confirmation)


def _rows(
    study: "Study", folder: Path, recipe: Recipe, space: SearchSpace
) -> tuple[list[TrialRow], list[TrialRow]]:
    """All trials, and those that came to an end, the best first.

    Raises:
        UprightError: None did.
    """
    every = study.get_trials(deepcopy=False)
    asked = [each for each in every if each.state.name != "WAITING"]
    rows = [row_of_trial(folder, each, space.settings(each.params, recipe)) for each in asked]
    values = {each.number: each.value for each in asked if each.state.name == "COMPLETE"}
    ranked = sorted(values, key=lambda number: (values[number], number))
    if not ranked:
        failed = [f" Trial {row.trial} failed: {row.error}" for row in rows if row.error]
        raise UprightError(
            f"No trial came to its end in {folder}: {counted_trials(rows)}{''.join(failed[:1])}",
            "The same command goes on; give it more --trials, or more --time.",
        )
    by_number = {row.trial: row for row in rows}
    return rows, [by_number[number] for number in ranked]


def _head(ranked: Sequence[TrialRow]) -> str:
    best = ranked[0]
    return f"Trial {best.trial} of an `upright search`, the best of {len(ranked)} that ended."
