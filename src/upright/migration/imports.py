"""`import gym`, and what else was imported with it."""

from collections.abc import Sequence

import libcst as cst

from upright.migration import registry
from upright.migration.knowledge import OF_WRAPPERS, is_gym
from upright.migration.scene import Scene
from upright.migration.syntax import dotted
from upright.migration.uses import VIDEO, is_monitor
from upright.migration.wrappers import renamed

GYM_IS_OVER = (
    "OpenAI's gym is no longer maintained and does not run with NumPy 2; Gymnasium goes on from it."
)
# Packages of the same age, and what people use today.
PACKAGES = {
    "stable_baselines": "stable_baselines3",
    "baselines": "stable_baselines3",
    "gym_minigrid": "minigrid",
    "atari_py": "ale_py",
    "mujoco_py": "mujoco",
    "roboschool": "gymnasium[mujoco]",
}


def imported(original: cst.Import, updated: cst.Import, scene: Scene) -> cst.Import:
    """`import gym`, `import gym as g`: Gymnasium, by the name that gym has in the file."""
    names = [alias.evaluated_name for alias in original.names]
    for name in names:
        _point_at_old(original, name, scene)
    if not any(map(is_gym, names)):
        return updated
    scene.say(original, GYM_IS_OVER)
    once: dict[tuple[str, str | None], cst.ImportAlias] = {}
    for new in (each for alias in updated.names for each in _of_today(alias)):
        once.setdefault((new.evaluated_name, new.evaluated_alias), new)
    *others, last = once.values()
    last = last.with_changes(comma=updated.names[-1].comma)
    return updated.with_changes(names=[*others, last])


def _point_at_old(original: cst.CSTNode, name: str, scene: Scene) -> None:
    """Point at a package of old gym's age."""
    package = name.partition(".")[0]
    today = PACKAGES.get(package)
    if today:
        why = f"{package} was made for old gym; {today} is what is used today."
        new = f"import {today}" if "[" not in today else f"pip install '{today}'"
        scene.say_by_hand(original, why, new)


def _of_today(alias: cst.ImportAlias) -> Sequence[cst.ImportAlias]:
    """`gym` as it is called; a submodule that binds `gym` is loaded beside it."""
    name = alias.evaluated_name
    if not is_gym(name):
        return [alias]
    today = alias.with_changes(name=_gymnasium(name))
    if alias.asname is not None:
        return [today]
    gym = alias.with_changes(name=cst.Name("gymnasium"), asname=cst.AsName(cst.Name("gym")))
    beside = [today.with_changes(comma=cst.MaybeSentinel.DEFAULT)] if name.count(".") > 1 else []
    return [*beside, gym]


def _gymnasium(name: str) -> cst.BaseExpression:
    return cst.parse_expression(f"gymnasium{name.removeprefix('gym')}")


def imported_from(original: cst.ImportFrom, updated: cst.ImportFrom, scene: Scene) -> cst.CSTNode:
    """`from gym import spaces`: of Gymnasium, with the names of today's wrappers."""
    module = dotted(original.module)
    if original.relative:
        return updated
    _point_at_old(original, module, scene)
    if not is_gym(module):
        return updated
    aliases = [] if isinstance(updated.names, cst.ImportStar) else updated.names
    wanted = {f"{module}.{alias.evaluated_name}": alias for alias in aliases}
    gone = [full for full in wanted if not renamed(full) and not registry.has(full)]
    if gone:
        several = ", ".join(full.removeprefix("gym.") for full in gone)
        scene.say_by_hand(
            original, f"{GYM_IS_OVER} It has no {several}.", "import gymnasium as gym"
        )
        return updated
    scene.say(original, GYM_IS_OVER)
    if aliases:
        names = [new for full in wanted for new in _wrappers(wanted[full], full, scene)]
        updated = updated.with_changes(names=names)
    moved = module.startswith(OF_WRAPPERS) and any(map(renamed, wanted))
    return updated.with_changes(module=_gymnasium(OF_WRAPPERS.rstrip(".") if moved else module))


def _wrappers(alias: cst.ImportAlias, full: str, scene: Scene) -> Sequence[cst.ImportAlias]:
    """What is imported today in the place of a wrapper that was renamed, or of Monitor's two."""
    if not renamed(full):
        return [alias]
    today = sorted(scene.uses.monitors or {VIDEO}) if is_monitor(full) else [renamed(full)]
    *others, last = [cst.ImportAlias(cst.Name(name)) for name in today]
    return [*others, last.with_changes(comma=alias.comma)]
