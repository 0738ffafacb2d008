"""From nothing to a verified policy: the runs, and what they say beside each other."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import upright
from report import Ratios, Requirement, requirements_table, spread, table
from upright.envs import recipe_for
from upright.settings import presets_of

SPEEDUPS = {"ppo": 20.0, "actor-critic": 11.0, "reinforce": 11.0}


@dataclass(frozen=True)
class Solve:
    """One run.

    Attributes:
        who: The library and its algorithm.
        seed: The run's seed.
        solved: Whether it ended with a verified policy.
        train_seconds: From the first collect to the verdict, evaluations apart.
        eval_seconds: The evaluations.
        timesteps: Environment transitions until the verdict.
    """

    who: str
    seed: int
    solved: bool
    train_seconds: float
    eval_seconds: float
    timesteps: int


@dataclass(frozen=True)
class Contender:
    """One of Upright's algorithms with the settings that a user gets by naming it.

    Attributes:
        algo: The algorithm's name.
        label: How the report calls it.
        every: Timesteps between its evaluations.
        is_default: Whether the environment's preset names it as the default.
        backend: How its environments run in training.
    """

    algo: str
    label: str
    every: int
    is_default: bool
    backend: str = "auto"


def contender(env: str, algo: str, backend: str = "auto") -> Contender:
    """What `upright.train(env, algo)` stands for, on a backend."""
    recipe = recipe_for(env, algo, backend=backend)
    is_default = algo == presets_of(env).default_algorithm
    label = f"Upright {algo}, preset {recipe.preset}{' (the default)' if is_default else ''}"
    label += "" if backend == "auto" else f", backend {backend}"
    every = recipe.settings.timesteps_between_evaluations
    return Contender(algo, label, every, is_default, backend)


def warm_up(env: str, algo: str, backend: str = "auto") -> None:
    """Run once what the first run would otherwise pay for."""
    little: dict[str, Any] = {"total_timesteps": 1024, "eval_every": 512, "backend": backend}
    with tempfile.TemporaryDirectory() as out:
        upright.train(env, algo, seed=0, out=out, media=False, **little)


def solve(env: str, who: Contender, seed: int) -> Solve:
    """One run through the library, run folder and all."""
    with tempfile.TemporaryDirectory() as out:
        chosen: dict[str, Any] = {"seed": seed, "backend": who.backend}
        info = upright.train(env, who.algo, out=out, media=False, **chosen).info
    return Solve(
        who.label,
        seed,
        info["solved"] is True,
        info["train_seconds"],
        info["eval_seconds"],
        info["timesteps"],
    )


def summary_table(groups: Sequence[Sequence[Solve]], cadences: Sequence[int]) -> str:
    """Medians and ranges, one row for each group of runs."""
    header = ("", "solved", "training, s", "evaluations, s", "timesteps", "evaluated every")
    rows = [
        (
            runs[0].who,
            f"{sum(run.solved for run in runs)} of {len(runs)}",
            spread([run.train_seconds for run in runs], ".3f"),
            spread([run.eval_seconds for run in runs], ".3f"),
            spread([run.timesteps for run in runs], ",.0f"),
            f"{every:,}",
        )
        for runs, every in zip(groups, cadences, strict=True)
    ]
    return table(header, rows)


def _ratios(peer: Sequence[Solve], ours: Sequence[Solve]) -> tuple[Ratios, Ratios]:
    """The peer's seconds over ours, and our timesteps over the peer's."""
    seconds = [[run.train_seconds for run in runs] for runs in (peer, ours)]
    steps = [[float(run.timesteps) for run in runs] for runs in (ours, peer)]
    return Ratios.between(*seconds), Ratios.between(*steps)


def ratio_table(peer: Sequence[Solve], groups: Sequence[Sequence[Solve]]) -> str:
    """Each group against the peer: ratio of medians, then the per-seed ratios."""
    rows = []
    for runs in groups:
        faster, steps = _ratios(peer, runs)
        rows.append((runs[0].who, str(faster), str(steps)))
    return table(("", f"{peer[0].who}'s seconds over it", "its timesteps over the peer's"), rows)


def requirements(peer: Sequence[Solve], who: Contender, ours: Sequence[Solve]) -> list[Requirement]:
    """What was promised of one algorithm."""
    faster, steps = _ratios(peer, ours)
    least = SPEEDUPS[who.algo]
    solved = sum(run.solved for run in ours)
    found = [
        Requirement(
            f"{who.algo}: at least {least:g} times faster than {peer[0].who}, by medians",
            f"{faster.of_medians:.1f} of medians, {faster.median:.1f} median of pairs",
            faster.of_medians >= least,
        ),
        Requirement(
            f"{who.algo}: every seed solves", f"{solved} of {len(ours)}", solved == len(ours)
        ),
    ]
    if who.algo == "ppo":
        found.append(
            Requirement(
                f"{who.algo}: no more timesteps than {peer[0].who}",
                f"{steps.of_medians:.2f} of medians, {steps.median:.2f} median of pairs",
                steps.larger <= 1.0,
            )
        )
    return found


def every_run_table(groups: Sequence[Sequence[Solve]]) -> str:
    """Every single run, seed by seed."""
    rows = [
        (
            str(run.seed),
            run.who,
            "yes" if run.solved else "NO",
            f"{run.train_seconds:.3f}",
            f"{run.eval_seconds:.3f}",
            f"{run.timesteps:,}",
        )
        for turn in zip(*groups, strict=True)
        for run in turn
    ]
    return table(("seed", "", "solved", "training, s", "evaluations, s", "timesteps"), rows)


def section(
    env: str, peer: Sequence[Solve], every: int, groups: dict[Contender, list[Solve]]
) -> str:
    """The report on these runs."""
    ours = list(groups.values())
    everyone = [list(peer), *ours]
    cadences = [every, *(who.every for who in groups)]
    promises = [line for who, runs in groups.items() for line in requirements(peer, who, runs)]
    unsolved = sum(not run.solved for run in peer)
    return "\n\n".join(
        [
            f"## {env} in this process, first collect to verdict",
            "Solved: the greedy policy's mean return over 100 episodes reaches the environment's "
            "threshold on seeds never trained on, and again on 100 other seeds, or on 1,000 where "
            "the threshold is within the interval of those that passed; one judge for "
            "all. Seconds of training hold no evaluations. Every library in turn, seed by seed, "
            "one thread. Numbers are the median (least to greatest).",
            summary_table(everyone, cadences),
            "Ratio of the medians, then the ratios seed by seed. Runs of the peer that were not "
            f"solved within its budget count with their full time; there are {unsolved}.",
            ratio_table(peer, ours),
            requirements_table(promises),
            "### Every run",
            every_run_table(everyone),
        ]
    )
