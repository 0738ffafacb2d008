"""The lesson presets beside the lesson's own loops: environment steps per second."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gymnasium as gym
import torch

import notebook
from report import Ratios, Requirement, requirements_table, spread, table
from upright.classes import Trainer

ENV = "CartPole-v1"
FACTORS = {"reinforce": 6.0, "actor-critic": 12.0}
EPISODES = {"reinforce": 300, "actor-critic": 100}
LOOPS: dict[str, Callable[[notebook.Env, int], int]] = {
    "reinforce": notebook.reinforce,
    "actor-critic": notebook.actor_critic,
}


@dataclass(frozen=True)
class Pace:
    """One training run of a lesson.

    Attributes:
        seed: The run's seed.
        episodes: Training episodes.
        timesteps: Environment transitions in them.
        seconds: From making the networks to the last update.
    """

    seed: int
    episodes: int
    timesteps: int
    seconds: float

    @property
    def steps_per_second(self) -> float:
        """Environment transitions per second, learning included."""
        return self.timesteps / self.seconds


def run_notebook(algo: str, seed: int, episodes: int) -> Pace:
    """The lesson's loop as the lesson writes it."""
    torch.set_num_threads(1)
    env: gym.Env[object, object] = notebook.prepare(ENV, seed)
    began = time.perf_counter()
    timesteps = LOOPS[algo](env, episodes)
    seconds = time.perf_counter() - began
    env.close()
    return Pace(seed, episodes, timesteps, seconds)


def run_preset(algo: str, seed: int, episodes: int) -> Pace:
    """The same lesson as Upright's preset."""
    began = time.perf_counter()
    trainer = Trainer(ENV, algo, preset="lesson", seed=seed, total_episodes=episodes)
    for _ in trainer:
        pass
    seconds = time.perf_counter() - began
    trainer.close()
    return Pace(seed, trainer.episodes, trainer.timesteps, seconds)


def measure(algo: str, seeds: Sequence[int]) -> tuple[list[Pace], list[Pace]]:
    """Notebook and preset in turn, after a short run of both."""
    run_notebook(algo, 0, 3)
    run_preset(algo, 0, 3)
    turns = [
        (run_notebook(algo, seed, EPISODES[algo]), run_preset(algo, seed, EPISODES[algo]))
        for seed in seeds
    ]
    return [turn[0] for turn in turns], [turn[1] for turn in turns]


def _row(who: str, paces: Sequence[Pace]) -> tuple[str, ...]:
    return (
        who,
        str(paces[0].episodes),
        spread([pace.timesteps for pace in paces], ",.0f"),
        spread([pace.seconds for pace in paces], ".2f"),
        spread([pace.steps_per_second for pace in paces], ",.0f"),
    )


def section(results: dict[str, tuple[list[Pace], list[Pace]]]) -> str:
    """The report on these runs."""
    rows, promises = [], []
    for algo, (theirs, ours) in results.items():
        rows += [_row(f"the lesson's {algo}", theirs), _row(f"Upright {algo}, preset lesson", ours)]
        speeds = [[pace.steps_per_second for pace in paces] for paces in (ours, theirs)]
        ratios = Ratios.between(*speeds)
        rows.append(("ratio", "", "", "", str(ratios)))
        promises.append(
            Requirement(
                f"lesson's {algo}: at least {FACTORS[algo]:g} times its steps per second",
                f"{ratios.of_medians:.2f} of medians, {ratios.median:.2f} median of pairs",
                ratios.smaller >= FACTORS[algo],
            )
        )
    seeds = [pace.seed for pace in next(iter(results.values()))[0]]
    header = ("", "episodes", "timesteps", "seconds", "steps per second")
    return "\n\n".join(
        [
            "## The lesson",
            f"Whole trainings, learning included, no window, in turn; seeds {seeds[0]} to "
            f"{seeds[-1]}, one thread. Episodes differ in length, so the steps per second are "
            "what compares. Median (least to greatest).",
            table(header, rows),
            requirements_table(promises),
        ]
    )
