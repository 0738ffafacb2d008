"""What is done with complete recipes: `api` resolves words first, and so does the command line."""

from collections.abc import Sequence
from pathlib import Path

from upright import experiment, study
from upright.classes import Run, Seeds
from upright.envs import EnvSource
from upright.experiment import Listener
from upright.policy import Own
from upright.settings import Recipe, SearchSpace
from upright.show.pages import media_wanted


def train_recipe(
    recipe: Recipe,
    env: EnvSource,
    *,
    out: str | Path = "runs",
    listener: Listener | None = None,
    media: bool | None = None,
    own: Own | None = None,
) -> Run:
    """`api.train`; `env` is the recipe's name for it, or a function."""
    listener, own = listener or Listener(), own or Own()
    folder = experiment.train(recipe, env, out, listener, own)
    return illustrated(Run(folder, env, trust_code=True, own=own), listener, media)


def train_several(
    recipe: Recipe,
    seeds: Sequence[int],
    *,
    out: str | Path = "runs",
    jobs: int | None = None,
    onlooker: study.Onlooker | None = None,
    media: bool | None = None,
    engine: str = "process",
    ray_address: str | None = None,
) -> Seeds:
    """`api.seeds`."""
    every = study.train_seeds(
        recipe,
        seeds,
        out=out,
        jobs=jobs,
        media=media_wanted(media),
        onlooker=onlooker or study.Onlooker(),
        engine=engine,
        ray_address=ray_address,
    )
    return Seeds.of(every, lambda folder: Run(folder, trust_code=True))


def search_around(
    recipe: Recipe,
    space: SearchSpace,
    plan: study.Plan,
    *,
    confirm: int,
    out: str | Path,
    jobs: int | None,
    onlooker: study.Onlooker | None,
    media: bool | None,
) -> study.Search:
    """`api.search`, in a space."""
    return study.search_settings(
        recipe,
        space,
        plan,
        confirm=confirm,
        out=out,
        jobs=jobs,
        media=media_wanted(media),
        onlooker=onlooker or study.Onlooker(),
        gathered=lambda every: Seeds.of(every, lambda path: Run(path, trust_code=True)),
    )


def illustrated(run: Run, listener: Listener, media: bool | None) -> Run:
    """Leave what can be looked at; the run is finished and whole with or without it."""
    if not media_wanted(media):
        return run
    from upright.show.pages import leave_media

    try:
        listener.illustrated(*leave_media(run))
    except KeyboardInterrupt:
        listener.illustrated([], ["Interrupted in its pictures; the run is finished."])
        raise
    return run
