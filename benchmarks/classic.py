"""How fast Upright solves the classic tasks, beside Stable-Baselines3 with RL Zoo's settings.

    python benchmarks/classic.py --tasks Acrobot-v1,Pendulum-v1

Upright first, on every seed; its median says when the peer is stopped. With --mujoco also the mean
returns of three MuJoCo tasks after 1,000,000 steps, the same settings in both libraries.
"""

import argparse
import gc
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import machine
import peers
import same_settings
import solving
from asking import say
from report import Ratios, Requirement, requirements_table, spread, table, write
from upright.cli.arguments import count
from upright.cli.arguments import seed as first_seed
from upright.envs import BACKENDS, reward_threshold
from upright.settings import resolve

# How many times faster by the seconds of training, by medians.
REQUIRED = {
    "MountainCar-v0": 25.0,
    "LunarLander-v3": 30.0,
    "Pendulum-v1": 10.0,
    "Acrobot-v1": 5.0,
    "MountainCarContinuous-v0": 10.0,
}
STOPPED_AT = 60.0  # times our median


def parse_tasks(text: str) -> list[str]:
    """The tasks that were asked for, in the report's order; "none" is none of them."""
    asked = set(text.split(",")) - {"none"}
    if asked - {*REQUIRED}:
        unknown = ", ".join(sorted(asked - {*REQUIRED}))
        raise argparse.ArgumentTypeError(f"no task {unknown}; there are {', '.join(REQUIRED)}")
    return [task for task in REQUIRED if task in asked]


def measure(
    env: str, seeds: Sequence[int], compared: int, backend: str
) -> tuple[list[solving.Solve], list[solving.Solve]]:
    """Upright's runs on all seeds, and the peer's on the first `compared` of them."""
    recipe, who = resolve(env, "ppo"), solving.contender(env, "ppo", backend)
    say(f"{env}: warming up")
    solving.warm_up(env, "ppo", backend)
    ours = []
    for seed in seeds:
        gc.collect()
        ours.append(solving.solve(env, who, seed))
        say(str(ours[-1]))
    limit = STOPPED_AT * float(np.median([run.train_seconds for run in ours[:compared]]))
    peers.warm_up(env)
    theirs = []
    for seed in seeds[:compared]:
        gc.collect()
        theirs.append(peers.solve(env, seed, who.every, recipe.reward_threshold, limit))
        say(str(theirs[-1]))
    return ours, theirs


def requirements(
    env: str, ours: Sequence[solving.Solve], theirs: Sequence[solving.Solve]
) -> list[Requirement]:
    """What was promised of one task."""
    compared = [run.train_seconds for run in ours[: len(theirs)]]
    ratio = Ratios.between([run.train_seconds for run in theirs], compared)
    solved = sum(run.solved for run in ours)
    least = REQUIRED[env]
    stopped = sum(not run.solved for run in theirs)
    over = "over " * (stopped * 2 > len(theirs))
    return [
        Requirement(
            f"{env}: at least {least:g} times faster than {peers.NAME}, by medians",
            f"{over}{ratio.of_medians:.1f} of medians, {ratio.median:.1f} median of pairs; "
            f"{stopped} of {len(theirs)} stopped",
            ratio.of_medians >= least,
        ),
        Requirement(f"{env}: every seed solves", f"{solved} of {len(ours)}", solved == len(ours)),
    ]


def section(results: dict[str, tuple[list[solving.Solve], list[solving.Solve]]]) -> str:
    """The report on the tasks."""
    promises = [line for env, runs in results.items() for line in requirements(env, *runs)]
    rows = [
        (
            env,
            runs[0].who,
            f"{sum(run.solved for run in runs)} of {len(runs)}",
            spread([run.train_seconds for run in runs], ".2f"),
            spread([run.eval_seconds for run in runs], ".2f"),
            spread([run.timesteps for run in runs], ",.0f"),
        )
        for env, both in results.items()
        for runs in both
    ]
    header = ("task", "", "solved", "training, s", "evaluations, s", "timesteps")
    every = [
        part
        for env, both in results.items()
        for part in (f"### Every run of {env}", *(solving.every_run_table([each]) for each in both))
    ]
    return "\n\n".join(
        [
            "## Seconds to the bar",
            "Solved: the greedy policy's mean return over 100 episodes reaches the bar on seeds "
            "never trained on, and again on others (docs/verdict.md); one judge and one cadence "
            "for both. Seconds of training hold no evaluations; one thread. The peer has RL Zoo's "
            f"settings (benchmarks/zoo.toml) and is stopped, and counted, at {STOPPED_AT:g} times "
            "Upright's median. Numbers are the median (least to greatest).",
            table(header, rows),
            requirements_table(promises),
            *every,
            "### As the presets record it",
            *(f"```toml\n{as_data(env, ours)}\n```" for env, (ours, _) in results.items()),
        ]
    )


def as_data(env: str, runs: Sequence[solving.Solve]) -> str:
    """What the task's file in settings/presets records of these runs."""
    solved = [run for run in runs if run.solved]
    lines = [
        f"# {env}",
        "[tuned.ppo.result]",
        f"bar = {float(reward_threshold(env, resolve(env).reward_threshold) or 0.0)}",
        f"seeds = [{runs[0].seed}, {runs[-1].seed}]",
        f"solved = {len(solved)}",
    ]
    if solved:
        seconds = [run.train_seconds for run in solved]
        steps = [run.timesteps for run in solved]
        lines.append(f"timesteps = {[int(each) for each in _spread(steps)]}")
        lines.append(f"seconds = {[round(each, 3) for each in _spread(seconds)]}")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> list[float]:
    """Median, least and greatest."""
    return [float(np.median(values)), float(min(values)), float(max(values))]


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tasks", type=parse_tasks, default=[*REQUIRED], help="comma-separated, or none")
    add("--seeds", type=count, default=10, help="seeds of Upright's runs; default 10")
    add("--compared", type=count, default=5, help="how many the peer runs too; default 5")
    add("--first-seed", type=first_seed, default=300, help="the first of them; default 300")
    add("--backend", choices=["auto", *BACKENDS], default="auto", help="of Upright's trainings")
    add("--mujoco", action="store_true", help="also MuJoCo's mean returns")
    add("--mujoco-steps", type=count, default=1_000_000, help="default 1,000,000")
    add("--mujoco-seeds", type=count, default=3, help="default 3")
    add("--out", type=Path, default=Path(__file__).with_name("classic.md"), help="the report")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Measure what was asked for, and write the report."""
    args = read_arguments(words)
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    parts = [machine.head("classic.py", "Classic tasks", machine.span(seeds))]
    if args.tasks:
        chosen = (seeds, args.compared, args.backend)
        parts.append(section({env: measure(env, *chosen) for env in args.tasks}))
    write(args.out, parts)  # and what comes next hours later, task by task
    results: dict[str, same_settings.Returns] = {}
    for env in same_settings.TASKS if args.mujoco else ():
        few = seeds[: args.mujoco_seeds]
        results[env] = same_settings.measure(env, few, args.mujoco_steps, say)
        write(args.out, [*parts, same_settings.section(results, args.mujoco_steps)])


if __name__ == "__main__":
    main()
