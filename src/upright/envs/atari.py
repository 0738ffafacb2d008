"""Atari's games, by their ids ALE/...: registered when one is asked for, and shown as is usual."""

import importlib
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

from upright.ground import UprightError

MODULE = "ale_py"
PREFIX = "ALE/"
OLDER_ID = re.compile(r"(\w+?)(-ram)?(NoFrameskip|Deterministic)?-v\d+$")
# Mnih et al., "Human-level control through deep reinforcement learning" (2015).
FRAMES_TOGETHER, FRAMES_SKIPPED, NOOPS, SIDE = 4, 4, 30, 84
SCREENS_PER_SECOND = 60


def is_atari(base: object) -> bool:
    """Whether this names one of the games, as in ALE/Pong-v5 or ale_py:ALE/Pong-v5."""
    return isinstance(base, str) and base.removeprefix(f"{MODULE}:").startswith(PREFIX)


def is_older_game(spec: EnvSpec) -> bool:
    """Whether a registered id is of one of the games, and not the one that it has now."""
    return str(spec.entry_point).startswith(MODULE) and not is_atari(spec.id)


def shows_screen(arguments: Mapping[str, Any]) -> bool:
    """Whether a game made with these arguments shows its screen, and not its memory."""
    return arguments.get("obs_type") != "ram"


def register_atari() -> None:
    """Register the games, and keep their emulator from greeting on the screen.

    Raises:
        ModuleNotFoundError: The extra `atari` is not installed.
    """
    ale_py: Any = importlib.import_module(MODULE)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    gym.register_envs(ale_py)


def game_called(name: str) -> str:
    """The id of the game that an older id, such as PongNoFrameskip-v4, stands for; else nothing."""
    with suppress(ImportError):
        register_atari()
    title = OLDER_ID.match(name)
    known = f"{PREFIX}{title[1]}-v5" if title else ""
    return known if known in gym.registry else ""


def make_atari(name: str, **options: Any) -> gym.Env[Any, Any]:
    """A game as Gymnasium's AtariPreprocessing shows it: 84 by 84 pixels of grey.

    An action is taken for four frames, of which the last two are seen, the brighter pixel of each;
    an episode begins with up to 30 frames without action. A lost life ends nothing, and rewards
    are the game's own, so that returns are its scores.

    Args:
        name: The id.
        **options: Arguments of the game. `frameskip` says for how many frames an action is taken;
            with `obs_type` "ram" the memory is shown in the place of the screen, as it is.
    """
    if not shows_screen(options):
        return gym.make(name, **options)
    _refuse_without_opencv(name)
    skipped = options.pop("frameskip", FRAMES_SKIPPED)
    made = gym.make(name, frameskip=1, **options)
    shown = gym.wrappers.AtariPreprocessing(made, NOOPS, skipped, SIDE)
    shown.metadata = shown.metadata | {"render_fps": SCREENS_PER_SECOND / skipped}
    return shown


def _refuse_without_opencv(name: str) -> None:
    """Say which of Upright's extras has what resizes a screen; Gymnasium names one of its own."""
    try:
        importlib.import_module("cv2")
    except ImportError as error:
        raise UprightError(
            f"Cannot make {name}: OpenCV is not installed.",
            "`pip install 'upright[atari]'` adds it.",
        ) from error
