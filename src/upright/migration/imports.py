"""`import gym`, and what else was imported with it."""

from collections.abc import Sequence

import libcst as cst

from upright.migration import registry
from upright.migration.idiom import Idiom
from upright.migration.scene import Scene
from upright.migration.syntax import chain, dotted
from upright.migration.wrappers import RENAMED, monitor_names

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


class Imports(Idiom):
    """`import gym`, `import gym as g`, `from gym import spaces`."""

    name = "import"
    nodes = (cst.Import, cst.ImportFrom)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """Gymnasium, by the name that gym has in the file."""
        if isinstance(original, cst.ImportFrom):
            assert isinstance(updated, cst.ImportFrom)
            return self._from(original, updated, scene)
        assert isinstance(original, cst.Import)
        assert isinstance(updated, cst.Import)
        names = [dotted(alias.name) for alias in original.names]
        _old_packages(names, scene)
        if not any(_is_old(name) for name in names):
            return updated
        scene.say(GYM_IS_OVER)
        return updated.with_changes(names=_today(updated.names))

    def _from(
        self, original: cst.ImportFrom, updated: cst.ImportFrom, scene: Scene
    ) -> cst.ImportFrom:
        module = dotted(original.module)
        _old_packages([] if original.relative else [module], scene)
        if original.relative or not _is_old(module):
            return updated
        if _gone(original, module, scene):
            return updated
        scene.say(GYM_IS_OVER)
        updated = updated.with_changes(module=chain(f"gymnasium{module[3:]}"))
        return _with_wrappers(original, updated, scene)


def _is_old(name: str) -> bool:
    return name == "gym" or name.startswith("gym.")


def _old_packages(names: Sequence[str], scene: Scene) -> None:
    """Point at packages of old gym's age."""
    for name in names:
        today = PACKAGES.get(name.partition(".")[0])
        if today:
            scene.say_by_hand(
                f"{name.partition('.')[0]} was made for old gym; {today} is what is used today.",
                f"import {today}" if "[" not in today else f"pip install '{today}'",
            )


def _today(names: Sequence[cst.ImportAlias]) -> list[cst.ImportAlias]:
    """`gym` as it is called; a submodule that binds `gym` is loaded beside it."""
    found: list[cst.ImportAlias] = []
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    for alias in names:
        name = dotted(alias.name)
        if not _is_old(name):
            found.append(alias)
            continue
        today = alias.with_changes(name=chain(f"gymnasium{name[3:]}"))
        if alias.asname is None:
            called = cst.AsName(cst.Name("gym"))
            if name.count(".") > 1:
                found.append(today.with_changes(comma=comma))
            today = today.with_changes(name=cst.Name("gymnasium"), asname=called)
        found.append(today)
    return _once(found)


def _once(names: list[cst.ImportAlias]) -> list[cst.ImportAlias]:
    """Each import of a statement once."""
    kept: dict[tuple[str, str], cst.ImportAlias] = {}
    for alias in names:
        kept.setdefault((dotted(alias.name), dotted(alias.asname and alias.asname.name)), alias)
    *others, last = kept.values()
    return [*others, last.with_changes(comma=names[-1].comma)]


def _gone(original: cst.ImportFrom, module: str, scene: Scene) -> bool:
    """Whether something is imported that Gymnasium does not have; then it is said."""
    if isinstance(original.names, cst.ImportStar):
        return False
    wanted = [f"{module}.{dotted(alias.name)}" for alias in original.names]
    gone = [name for name in wanted if not registry.has(name) and name not in RENAMED]
    if gone:
        scene.say_by_hand(
            f"{GYM_IS_OVER} It has no {', '.join(name.removeprefix('gym.') for name in gone)}.",
            "import gymnasium as gym",
        )
    return bool(gone)


def _with_wrappers(
    original: cst.ImportFrom, updated: cst.ImportFrom, scene: Scene
) -> cst.ImportFrom:
    """The names of today's wrappers in the place of those that were renamed."""
    if isinstance(original.names, cst.ImportStar) or isinstance(updated.names, cst.ImportStar):
        return updated
    found: list[cst.ImportAlias] = []
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    for before, alias in zip(original.names, updated.names, strict=True):
        full = f"{dotted(original.module)}.{dotted(before.name)}"
        today = monitor_names(full, scene) or ([RENAMED[full]] if full in RENAMED else [])
        if not today:
            found.append(alias)
            continue
        new = [cst.ImportAlias(cst.Name(name), comma=comma) for name in today]
        new[-1] = new[-1].with_changes(comma=alias.comma)
        found += new
    module = dotted(updated.module)
    if module.startswith("gymnasium.wrappers.") and found != list(updated.names):
        updated = updated.with_changes(module=chain("gymnasium.wrappers"))
    return updated.with_changes(names=found)
