"""Code that somebody named: a module or a file, imported, and what is looked for in it."""

import importlib
import importlib.util
import sys
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym

from upright.envs.composition import OWN_WRAPPERS
from upright.ground import UprightError, did_you_mean, raised

# The module that each of Upright's extras of environments brings along.
EXTRAS = {"atari": "ale_py", "box2d": "Box2D", "mujoco": "mujoco", "envpool": "envpool"}


def import_all(places: Iterable[str]) -> None:
    """Import the modules, or files, that register environments.

    Raises:
        UprightError: One of them is not there, or fails.
    """
    for place in places:
        _imported(place, "")


def found_in(place: str, name: str, what: str) -> Callable[..., Any] | str:
    """What a module or a file has of this name: something to call, or an id that it registers.

    Args:
        place: The module, or the file.
        name: What is looked for.
        what: "environment" or "wrapper", for what is said where there is none.

    Raises:
        UprightError: It cannot be imported, or has no such thing.
    """
    purpose = f" for the {what} {place}:{name}"
    module = _imported(place, purpose)
    try:
        found = getattr(module, name, None)
    except Exception as error:  # some modules import what they have when it is asked for
        raise _not_imported(place, purpose, error) from error
    if callable(found):
        return found  # type: ignore[no-any-return]
    ids = gym.registry if what == "environment" else {}
    if name in ids:
        return name
    public = [each for each, value in vars(module).items() if callable(value)]
    public += getattr(module, "__all__", ())
    raise UprightError(
        f"{place} has no {what} '{name}'.",
        did_you_mean(name, [*public, *ids], "It should be a class or a function."),
    )


def _imported(place: str, purpose: str) -> ModuleType:
    try:
        return _file(place) if place.endswith(".py") else _load_module(place)
    except UprightError:
        raise
    except (Exception, SystemExit) as error:
        raise _not_imported(place, purpose, error) from error


def _not_imported(place: str, purpose: str, error: BaseException) -> UprightError:
    hint, root = "--debug shows where it happened.", place.partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and error.name == root:
        hint = "Install the package that it belongs to, or go to the folder that it is in."
    elif missing_extra(error):
        hint = install_hint(error)
    return UprightError(f"Importing {place}{purpose} failed: {raised(error)}.", hint)


def _load_module(place: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path and place != OWN_WRAPPERS:
        sys.path.insert(0, here)
    return importlib.import_module(place)


def _file(place: str) -> ModuleType:
    path = Path(place)
    if not path.is_file():
        raise UprightError(
            f"There is no file {place}.", f"The path is taken from {Path.cwd()}, the folder here."
        )
    return _load_file(path.resolve())


@cache
def _load_file(path: Path) -> ModuleType:
    name = f"upright_env_{path.stem}_{zlib.crc32(str(path).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:  # the last: nothing there hides anything else
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def install_hint(error: BaseException) -> str:
    """What to do about an environment that lacks something."""
    extra = missing_extra(error)
    if extra:
        return f"`pip install 'upright[{extra}]'` adds it."
    lacks = isinstance(error, ImportError | gym.error.DependencyNotInstalled)
    return (
        "Install what it needs, then try again."
        if lacks and "pip install" not in str(error)
        else ""
    )


def missing_extra(error: BaseException | None) -> str:
    """The extra of Upright's whose module was not there to import, or nothing."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            for extra, module in EXTRAS.items():
                if error.name and error.name.partition(".")[0] == module:
                    return extra
        error = error.__cause__
    return ""
