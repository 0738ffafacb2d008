"""What a process that was asked does: one thing that may crash, hang or load PyTorch."""

import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upright.ground import UprightError, raised

if TYPE_CHECKING:
    from upright.experiment import Listener

# A training of a blink, with an evaluation, checkpoints and unfinished episodes on its way.
LITTLE: dict[str, Any] = {
    "preset": "default",
    "seed": 0,
    "num_envs": 2,
    "num_steps": 32,
    "hidden_sizes": [8],
    "total_timesteps": 512,
    "until": "budget",
    "eval_every": 256,
    "eval_episodes": 10,
    "checkpoint_every": 64,
}


def answer() -> None:
    """Answer the question of the command line in one line of JSON, or say what went wrong."""
    question, *arguments = sys.argv[1:]
    try:
        said = {"answer": ANSWERS[question](*arguments)}
    except UprightError as error:
        said = {"error": error.message, "hint": error.hint}
    except Exception as error:
        said = {"error": raised(error), "hint": ""}
    print("\n" + json.dumps(said), flush=True)


def _step(env: str) -> int:
    """Random steps of an environment; how many."""
    from upright.envs import make_env

    made = make_env(env)
    made.action_space.seed(0)
    made.reset(seed=0)
    steps = 10
    for _ in range(steps):
        _, _, terminated, truncated, _ = made.step(made.action_space.sample())
        if terminated or truncated:
            made.reset()
    made.close()
    return steps


def _iterate(*words: str) -> int:
    """One iteration of CartPole-v1 with settings, name and value in turn; its timesteps."""
    from upright.classes import Trainer

    settings = dict(zip(words[::2], words[1::2], strict=True))
    with closing(Trainer("CartPole-v1", "ppo", **LITTLE | settings)) as trainer:
        return next(trainer).timesteps


def _open_window() -> str:
    """Open a window that is not shown; SDL's driver."""
    import pygame

    from upright.show.playing import open_display

    open_display()
    pygame.display.set_mode((64, 64), pygame.HIDDEN)
    driver = pygame.display.get_driver()
    pygame.display.quit()
    return str(driver)


def _pytorch() -> dict[str, Any]:
    """What PyTorch was built for and sees, and what it warns of."""
    import warnings

    from upright.policy import torch_part

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        built_for, seen = torch_part("torch_network", "This").gpus()
    return {"built_for": built_for, "gpus": seen, "warnings": [str(w.message) for w in caught]}


def _lock(folder: str) -> str:
    """The status of a run that says that it is running."""
    from upright.ground import status_of

    return status_of(Path(folder), "running")


def _train(out: str, listener: "Listener | None" = None) -> str:
    """Train for a blink; the run's folder."""
    from upright.api import train

    run = train("CartPole-v1", "ppo", out=out, listener=listener, media=False, **LITTLE)
    return str(run.path)


def _die(out: str) -> None:
    """Train, and wait in the midst of it to be killed."""
    from upright.doctor.mortal import Mortal

    _train(out, Mortal())


def _resume(folder: str) -> int:
    """Go on with a run to its end; the step from which it went on."""
    from upright.api import resume

    return resume(folder, media=False).record.resumptions[-1].timesteps


ANSWERS: dict[str, Callable[..., Any]] = {
    "step": _step,
    "iterate": _iterate,
    "window": _open_window,
    "pytorch": _pytorch,
    "lock": _lock,
    "train": _train,
    "die": _die,
    "resume": _resume,
}
