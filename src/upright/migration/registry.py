"""What Gymnasium's own registry says of an id; nothing of a file is run to ask."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

ID = re.compile(r"(?P<name>[\w.-]+?)-v(?P<version>\d+)")
# An old id of Atari's; what stood behind the name said how frames were skipped.
GAME = re.compile(r"(?P<name>[A-Z]\w*?)(?P<ram>-ram)?(?P<kind>NoFrameskip|Deterministic)?-v[04]")
ROBOT = re.compile(r"(?:Roboschool(?P<after>\w+)|(?P<before>\w+?)(?:Py)?BulletEnv)-v\d+")
# Frames for which an action was taken, by what stood behind the name (SpaceInvaders: 3, not 4).
FRAME_SKIPS = {"NoFrameskip": "1", "Deterministic": "4", None: "(2, 5)"}
STICKY = {"0": "0.25", "4": "0.0"}
# Removed long ago, and where they went; what is registered elsewhere is not in the registry.
OTHER_PACKAGES = {
    "Fetch": "gymnasium-robotics",
    "Hand": "gymnasium-robotics",
    "MiniGrid": "minigrid",
    "procgen": "procgen, which was never made for Gymnasium",
}


@dataclass(frozen=True)
class Newer:
    """The id of today, and what is different about it."""

    env_id: str
    difference: str


@cache
def _registered() -> dict[str, dict[int, Any]]:
    """The specs of Gymnasium's own, by name and version; what others registered is theirs."""
    gym = import_module("gymnasium")
    found: dict[str, dict[int, Any]] = {}
    for spec in gym.registry.values():
        place = spec.entry_point if isinstance(spec.entry_point, str) else "gymnasium"
        if place.startswith("gymnasium") and spec.namespace is None and spec.version is not None:
            found.setdefault(spec.name, {})[spec.version] = spec
    return found


def _versions(env_id: str) -> tuple[dict[int, Any], int]:
    """The versions that Gymnasium has of an id, and the one that is named."""
    split = ID.fullmatch(env_id)
    return (_registered().get(split["name"], {}), int(split["version"])) if split else ({}, 0)


def newer(env_id: str) -> Newer | None:
    """The newest version of an id of Gymnasium's, if this is an older one."""
    versions, version = _versions(env_id)
    newest = max(versions, default=0)
    if version >= newest:
        return None
    return Newer(versions[newest].id, _difference(versions.get(version), versions[newest]))


def _difference(old: Any, new: Any) -> str:
    """How long an episode is, and what counts as solved, where both versions say it."""
    said = []
    pairs = (("max_episode_steps", "steps an episode"), ("reward_threshold", "to be solved"))
    for name, words in pairs:
        before, now = getattr(old, name, None), getattr(new, name, None)
        if before is not None and now is not None and before != now:
            said.append(f"{now:g} {words} instead of {before:g}")
    return f": {', '.join(said)}" if said else "; its numbers may differ"


def is_registered(env_id: str) -> bool:
    """Whether Gymnasium itself has this id."""
    versions, version = _versions(env_id)
    return version in versions


def game_of(env_id: str) -> tuple[str, dict[str, str]] | None:
    """The game of ALE's that an old Atari id names, and its arguments as they were."""
    found = GAME.fullmatch(env_id)
    if not found or (found["kind"] is None and found["name"] not in _games()):
        return None
    frames = "3" if found["name"] == "SpaceInvaders" and found["kind"] == "Deterministic" else ""
    arguments = {
        "frameskip": frames or FRAME_SKIPS[found["kind"]],
        "repeat_action_probability": STICKY[env_id[-1]],
    }
    if found["ram"]:
        arguments["obs_type"] = '"ram"'
    return f"ALE/{found['name']}-v5", arguments


@cache
def _games() -> frozenset[str]:
    """The names of ALE's games, where it is installed."""
    try:
        roms = import_module("ale_py.roms")
    except ImportError:
        return frozenset()
    return frozenset(each.title().replace("_", "") for each in roms.get_all_rom_ids())


def robot_of(env_id: str) -> str:
    """The robot of Gymnasium's own that one of Roboschool's or PyBullet's was made after."""
    found = ROBOT.fullmatch(env_id)
    versions = _registered().get(found["before"] or found["after"], {}) if found else {}
    return versions[max(versions)].id if versions else ""


def home_of(env_id: str) -> str:
    """The package that an id of another registry went to; nothing where that is not known."""
    return next((home for start, home in OTHER_PACKAGES.items() if env_id.startswith(start)), "")


@cache
def wrapper_attributes() -> frozenset[str]:
    """What every wrapper of Gymnasium's has by itself; all else is the environment's own."""
    gym = import_module("gymnasium")
    return frozenset(dir(gym.Wrapper)) | {"env"}


@cache
def has(full_name: str) -> bool:
    """Whether Gymnasium has what old gym called so, as in `gym.wrappers.TimeLimit`."""
    thing: Any = import_module("gymnasium")
    so_far = "gymnasium"
    for part in full_name.split(".")[1:]:
        so_far = f"{so_far}.{part}"
        try:
            thing = getattr(thing, part) if hasattr(thing, part) else import_module(so_far)
        except ImportError:
            return False
    return True
