"""What several verbs say or take alike."""

import argparse
import json
import math
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_origin

from upright.ground import printable, shortened

if TYPE_CHECKING:
    from upright.envs import EnvSource
    from upright.runs import Run

IntOrFloat = TypeVar("IntOrFloat", int, float)
SWITCHES = {
    "--json": "end stdout with one JSON object",
    "--no-media": "leave no curve.png and replay.mp4; so does the variable UPRIGHT_NO_MEDIA",
    "--quiet": "say nothing but errors, and the object of --json",
    "--random": "draw every action at random",
    "--stochastic": "draw actions; default: the most probable one",
    # The flag without which no file decides what code runs.
    "--trust-code": "import the modules and files that the settings name",
}
# What goes into an environment that is named on the command line, and around it.
AROUND_ENV = ("env_kwargs", "wrapper", "imports", "frame_stack")
# Fields that hold more than one value: how their flags take them.
SEVERAL: dict[Any, dict[str, Any]] = {
    dict: {"action": "extend", "nargs": "+"},
    tuple: {"action": "append"},
}


def announce(text: str) -> None:
    """The first line, on the screen before anything slow is imported."""
    print(plain(text), file=sys.stderr, flush=True)


def plain(text: str, limit: int = 2000) -> str:
    """Text as one line that no terminal obeys: what cannot be printed is escaped."""
    return printable(shortened(text, limit))


def program() -> str:
    """What a person types to run this command line again, in an activated environment or not."""
    if shutil.which("upright"):
        return "upright"
    beside = Path(sys.executable).with_name("upright")
    if not beside.exists():
        return "python -m upright"
    inside = beside.is_relative_to(Path.cwd())
    return str(beside.relative_to(Path.cwd()) if inside else beside)


def print_json(value: Any) -> None:
    """One JSON object that ends stdout."""
    print(json.dumps(value, allow_nan=False))


def within(text: str, kind: type[IntOrFloat], low: float, high: float, allowed: str) -> IntOrFloat:
    """An argument that is a number, refused if it is out of range; `allowed` says the range."""
    try:
        value = kind(text)
    except ValueError:
        what = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"{text!r} is no {what}, allowed: {allowed}") from None
    if not low <= value <= high:
        shown = f"{value:g}" if isinstance(value, float) else value
        raise argparse.ArgumentTypeError(f"{shown} is out of range, allowed: {allowed}")
    return value


def count(text: str) -> int:
    """An argument that is a number of at least 1."""
    return within(text, int, 1, math.inf, "at least 1")


def seed(text: str) -> int:
    """An argument that is a seed."""
    return within(text, int, 0, 2**63 - 1, "0 to 2**63 - 1")


def port(text: str) -> int:
    """An argument that is a port."""
    return within(text, int, 1, 65535, "1 to 65535")


def add_fields(parser: argparse.ArgumentParser, names: Iterable[str], otherwise: str = "") -> None:
    """Flags of a recipe's own fields; `otherwise` is what holds without them, if not a default."""
    from upright.settings import Recipe, flag_of

    for name in names:
        field = Recipe.model_fields[name]
        extra: Any = field.json_schema_extra
        without = otherwise or f"default {extra['default']}"
        text = f"{field.description}; {without}"
        several = SEVERAL.get(get_origin(field.annotation), {})
        parser.add_argument(
            flag_of(name), dest=name, metavar=extra["metavar"], help=text, **several
        )


def add_env(parser: argparse.ArgumentParser) -> None:
    """The name of an environment, and the flags of what goes into it and around it."""
    text = "a Gymnasium id, module:Name or file.py:Name"
    parser.add_argument("env", metavar="ENV", help=text)
    add_fields(parser, AROUND_ENV)


def env_of_words(args: argparse.Namespace) -> "EnvSource":
    """The environment that the arguments of `add_env` name, as it is without a preset."""
    from upright.envs import training_env
    from upright.settings import resolve

    around = {name: getattr(args, name) for name in AROUND_ENV}
    return training_env(resolve(args.env, preset="default", **around))


def add_run(parser: argparse.ArgumentParser) -> None:
    """The run that is named; `--trust-code` goes with it."""
    parser.add_argument("run", metavar="RUN", help="a run folder or a bundle")


def run_of_words(args: argparse.Namespace) -> "Run":
    """The run that the argument of `add_run` names."""
    from upright.runs import Run

    return Run(args.run, trust_code=args.trust_code)


def add_switches(parser: argparse.ArgumentParser, *names: str) -> None:
    """Flags that mean the same for every verb that has them."""
    for name in names:
        parser.add_argument(name, action="store_true", help=SWITCHES[name])


def file_to_make(given: str | Path, *endings: str) -> Path:
    """A file that is named for what will be made, refused before any work is done for it.

    Raises:
        UprightError: It is there already, has no folder, or ends otherwise.
    """
    from upright.ground import ending_of, refuse_taken

    path = Path(given)
    ending_of(path, endings)
    refuse_taken(path)
    return path


def columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as text, columns as wide as they need to be."""
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
