"""What several verbs say or take alike."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from upright.ground import printable, shortened


def announce(text: str) -> None:
    """The first line, on the screen before anything slow is imported."""
    print(plain(text), file=sys.stderr, flush=True)


def plain(text: str, limit: int = 2000) -> str:
    """Text as one line that no terminal obeys: what cannot be printed is escaped."""
    return printable(shortened(text, limit))


def print_json(value: Any) -> None:
    """One JSON object that ends stdout."""
    print(json.dumps(value, allow_nan=False))


def count(text: str) -> int:
    """An argument that is a number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is out of range, allowed: at least 1")
    return value


def seed(text: str) -> int:
    """An argument that is a seed."""
    value = int(text)
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{value} is out of range, allowed: 0 to 2**63 - 1")
    return value


def add_fields(parser: argparse.ArgumentParser, names: Iterable[str], otherwise: str = "") -> None:
    """Flags of a recipe's own fields; `otherwise` is what holds without them, if not a default."""
    from upright.settings import Recipe

    for name in names:
        field = Recipe.model_fields[name]
        extra: Any = field.json_schema_extra
        without = otherwise or f"default {extra['default']}"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            metavar=extra["metavar"],
            help=f"{field.description}; {without}",
        )


def add_trust(parser: argparse.ArgumentParser) -> None:
    """The flag without which no file decides what code runs."""
    parser.add_argument(
        "--trust-code",
        action="store_true",
        help="import the module or file that the settings name as the environment",
    )


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """The flag that silences a training."""
    parser.add_argument(
        "--quiet", action="store_true", help="say nothing but errors, and the object of --json"
    )


def add_media(parser: argparse.ArgumentParser) -> None:
    """The flag that keeps a training from drawing."""
    parser.add_argument(
        "--no-media",
        action="store_true",
        help="leave no curve.png and replay.mp4; so does the variable UPRIGHT_NO_MEDIA",
    )


def columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as text, columns as wide as they need to be."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )
    return "\n".join(lines)
