"""The functions that `import upright` gives: train, seeds, resume, load and verify."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upright import experiment, judging, runs, study
from upright.classes import Run, Seeds
from upright.envs import EnvSource, recipe_for
from upright.experiment import Listener
from upright.policy import Own
from upright.recipes import illustrated, search_around, train_recipe, train_several

if TYPE_CHECKING:
    from upright.policy import ModuleFactory


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
    policy: "ModuleFactory | None" = None,
    loss: Callable[..., Any] | None = None,
    **settings: Any,
) -> Run:
    """Train until a policy is solved and verified, or the budget is spent.

    Args:
        env: A Gymnasium id, "module:Name", "file.py:Name", or a function that returns a new
            environment.
        algo: "reinforce", "actor-critic" or "ppo"; the environment's preset names the default.
        preset: "tuned", "lesson" or another of the environment's, "default" for none, or a family;
            tuned where there is one, else the family of the environment's kind.
        config: A TOML file of settings, such as another run's settings.toml.
        out: The folder that the run folder goes into.
        listener: Is told how it goes.
        trust_code: Whether an environment that only the config file names may be imported code.
        media: Whether curve.png and replay.mp4 are left in the run folder, after the verdict;
            None for yes, unless the environment variable UPRIGHT_NO_MEDIA is set.
        policy: Makes a module of PyTorch to be the policy's network, from the observation space
            and the number of the action distribution's parameters.
        loss: A loss as an expression of PyTorch's: (log_probs, entropy, values, batch) -> a tensor.
        **settings: Any setting, and any other field of `Recipe` (seed, until, device, ...).

    Returns:
        The run, finished.

    Raises:
        UprightError: Something about the input will not do; nothing was written then. Or the
            environment, a number or the disk failed on the way.
        Interrupted: Ctrl-C or SIGTERM; the run folder holds a checkpoint to resume from.

    Example:
        >>> run = upright.train("CartPole-v1", algo="actor-critic", seed=0, gamma=0.98)
        >>> run.recipe.settings.gamma
        0.98
    """
    chosen = {"preset": preset, **settings}
    recipe = recipe_for(env, algo, config=config, trust_code=trust_code, **chosen)
    source, own = recipe.env if env is None else env, Own(policy, loss)
    return train_recipe(recipe, source, out=out, listener=listener, media=media, own=own)


def seeds(
    env: str | None = None,
    algo: str | None = None,
    *,
    seeds: str | Iterable[int] = range(16),
    jobs: int | None = None,
    engine: str = "process",
    ray_address: str | None = None,
    out: str | Path = "runs",
    onlooker: study.Onlooker | None = None,
    media: bool | None = None,
    **settings: Any,
) -> Seeds:
    """Train several seeds of one recipe, each in a process of its own; called again, it goes on.

    A seed that has a run of the same settings below `out` gets no second one: a finished run is
    read, another goes on from its newest checkpoint.

    Args:
        env: A Gymnasium id, "module:Name" or "file.py:Name"; no other process has a function.
        algo: As in `train`.
        seeds: Numbers, or a text such as "0-15" or "0,3,5-7".
        jobs: How many trainings at a time; None for as many as there are cores for.
        engine: Where they run: "process" for this machine, "ray" for wherever Ray has room.
        ray_address: Ray's cluster, "HOST:PORT", or "auto" for the one of this machine; None for
            this machine alone.
        out: The folder that the run folders go into; every node of a cluster has to see it.
        onlooker: Is told how it goes.
        media: As in `train`.
        **settings: All else that `train` takes, but for `policy` and `loss`.

    Raises:
        UprightError: The input will not do, and nothing was written; or all trainings failed.
        Interrupted: Ctrl-C or SIGTERM; every run that had begun holds a checkpoint.

    Example:
        >>> several = upright.seeds("CartPole-v1", "reinforce", seeds="0-1", media=False)
        >>> several.failures
        {}
    """
    chosen = study.parse_seeds(seeds) if isinstance(seeds, str) else study.refuse_seeds(seeds)
    study.refuse_unfit(env, jobs, settings)
    recipe = recipe_for(env, algo, **settings)
    shown: dict[str, Any] = {"onlooker": onlooker, "media": media}
    where: dict[str, Any] = {"engine": engine, "ray_address": ray_address}
    return train_several(recipe, chosen, out=out, jobs=jobs, **shown, **where)


def search(
    env: str | None = None,
    algo: str | None = None,
    *,
    trials: int | None = None,
    time: str | None = None,
    jobs: int | None = None,
    space: str | Path | None = None,
    seeds_per_trial: int = 2,
    confirm: int = 5,
    seed: int = 0,
    out: str | Path = "searches",
    onlooker: study.Onlooker | None = None,
    media: bool | None = None,
    **settings: Any,
) -> study.Search:
    """Search for settings, and train fresh seeds with the best ones; called again, it goes on.

    Args:
        env: As in `seeds`.
        algo: As in `train`.
        trials: How many in all, those of before included; None for 30, or no limit with `time`.
        time: How long until the confirmation, "90s", "10m" or "2h"; None for no limit.
        jobs: As in `seeds`.
        space: A TOML file of what is drawn; None for the algorithm's own.
        seeds_per_trial: How many trainings a trial is, with seeds from 1,000,000 on.
        confirm: How many fresh seeds, from 0 on, the best trial is trained again with.
        seed: Where the draws come from.
        out: The folder that searches go into.
        onlooker: As in `seeds`.
        media: As in `train`, for the confirmation's runs; a trial's have no pictures.
        **settings: All else that `seeds` takes; what is given is not drawn.

    Raises:
        UprightError: The input will not do, and nothing was written; or no trial came to its end.
        Interrupted: Ctrl-C or SIGTERM; every run that had begun holds a checkpoint.

    Example:
        >>> small = {"total_timesteps": 2_000, "media": False}
        >>> found = upright.search("CartPole-v1", trials=2, seeds_per_trial=1, confirm=1, **small)
        >>> len(found.trials), len(found.confirmation.runs)
        (2, 1)
        >>> run = upright.train("CartPole-v1", config=found.config, seed=7, media=False)
    """
    study.refuse_unfit(env, jobs, settings, "search")
    seconds = None if time is None else study.parse_time(str(time))
    plan = study.plan_of(trials, seconds, seeds_per_trial, seed)
    recipe = recipe_for(env, algo, **settings)
    given = [name for name, value in settings.items() if value is not None]
    drawn = study.space_for(recipe, space, given)
    chosen: dict[str, Any] = {"out": out, "jobs": jobs, "onlooker": onlooker, "media": media}
    return search_around(recipe, drawn, plan, confirm=confirm, **chosen)


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
    workers: int | None = None,
    engine: str | None = None,
    ray_address: str | None = None,
    media: bool | None = None,
    policy: "ModuleFactory | None" = None,
    loss: Callable[..., Any] | None = None,
) -> Run:
    """Go on from the newest whole checkpoint, as if the run had never stopped.

    Args:
        path: A run folder, or a bundle, which goes on in a fresh folder.
        env: What makes the environment, where the recorded name is no registered id.
        total_timesteps: Another budget; what it means for schedules is said to the listener.
        out: Where the fresh folder of a bundle goes.
        listener: Is told how it goes.
        trust_code: As in `load`.
        checkpoint_every: As in `Recipe`, in the place of what is recorded; so are the next ones,
            none of which changes what is learned.
        keep: Likewise.
        outside_space: Likewise.
        env_timeout: Likewise.
        workers: Likewise.
        engine: Likewise; with processes, or no workers, a recorded `ray_address` counts no more.
        ray_address: Likewise.
        media: As in `train`.
        policy: What made the policy's module, where it was one of your own.
        loss: The loss, where it was one of your own.

    Returns:
        The run, finished; at once where there is nothing left to do.

    Raises:
        UprightError: The run cannot go on; nothing of it was changed then.
        Interrupted: As in `train`.

    Example:
        >>> run = upright.train("CartPole-v1", seed=0, total_timesteps=3_000, until="budget")
        >>> run = upright.resume(run.path, total_timesteps=6_000)
        >>> run.record.timesteps >= 6_000
        True
    """
    run, listener = Run(path, env, trust_code, Own(policy, loss)), listener or Listener()
    operation = {
        "checkpoint_every": checkpoint_every,
        "keep": keep,
        "outside_space": outside_space,
        "env_timeout": env_timeout,
        "workers": workers,
        "engine": engine,
        "ray_address": ray_address,
    }
    folder = experiment.resume(
        run, total_timesteps=total_timesteps, out=out, listener=listener, operation=operation
    )
    if folder is None:
        return run.again()
    return illustrated(Run(folder, run.env, trust_code=True, own=run.own), listener, media)


def load(
    path: str | Path,
    env: EnvSource | None = None,
    *,
    trust_code: bool = False,
    policy: "ModuleFactory | None" = None,
) -> Run:
    """Open a run folder, or a bundle of one; nothing in it is executed.

    Args:
        path: The folder, such as runs/CartPole-v1/ppo-s0, or what `upright bundle` made of it.
        env: What makes the environment, where the recorded name is not a registered id.
        trust_code: Whether a recorded name such as "module:Name" may be imported and run.
        policy: What made the policy's module, where it was one of your own.

    Raises:
        UprightError: It is no run, or a file of it will not do.

    Example:
        >>> path = upright.train("CartPole-v1", seed=0).path
        >>> upright.load(path).status
        'finished'
    """
    return Run(path, env, trust_code, Own(policy))


def verify(run: runs.Run) -> judging.Verification:
    """Repeat the recorded verdict: the same weights, the same seeds, the same episodes.

    On the versions that made it every episode must have the same return. On others rounding may
    differ, and the verdict and the mean's interval must agree.

    Raises:
        UprightError: The run cannot be opened, or has no verdict.

    Example:
        >>> run = upright.train("CartPole-v1", seed=0)
        >>> upright.verify(run).holds
        True
    """
    return runs.replayed(run)
