"""MuJoCo's warnings, each said once: left to itself it says one again for every environment."""

import sys
from contextlib import suppress
from typing import Any

import gymnasium as gym

from upright.ground import in_a_line

_said: set[str] = set()


def quieten_mujoco(source: object) -> None:
    """Let MuJoCo say a warning once, and leave no file about it in the folder here.

    It does so where what is about to be made loads it. Whoever takes its warnings already goes on
    taking them.

    Args:
        source: The id, or what makes the environment.
    """
    spec = gym.registry.get(source) if isinstance(source, str) else None
    entry = getattr(spec, "entry_point", None)
    if isinstance(entry, str):
        with suppress(Exception, SystemExit):  # whoever makes it says what is wrong
            gym.envs.registration.load_env_creator(entry)
    mujoco: Any = sys.modules.get("mujoco")
    with suppress(AttributeError):
        if mujoco is not None and mujoco.get_mju_user_warning() is None:
            mujoco.set_mju_user_warning(_say_once)


def _say_once(text: str) -> None:
    with suppress(BaseException):  # raised into MuJoCo, it would end the process
        what = text.partition(" Time = ")[0]
        if what not in _said:
            _said.add(what)
            print(f"MuJoCo: {in_a_line(text)}", file=sys.stderr, flush=True)
