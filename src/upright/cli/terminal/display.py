"""What shows a training, or many: a bar or a table on a terminal, lines elsewhere, or nothing."""

import os
from typing import TYPE_CHECKING, TextIO

from upright.cli.terminal.lines import LessonScores, Lines, Silent

if TYPE_CHECKING:
    from upright.cli.terminal.many import SilentOnlooker


def listener_for(
    stream: TextIO, results: TextIO, lesson: bool = False, quiet: bool = False
) -> Silent:
    """What shows a run on `stream`; enter it around the training, and no half line stays behind.

    Args:
        stream: Where it is shown as it goes: a bar on a terminal, lines elsewhere.
        results: Where the verdict goes.
        lesson: Print scores as the lesson does.
        quiet: Show nothing.
    """
    if quiet:
        return Silent()
    if lesson:
        return LessonScores(stream, results)
    if not _can_move(stream):
        return Lines(stream, results)
    from upright.cli.terminal.bar import Bar

    return Bar(stream, results)


def onlooker_for(stream: TextIO, quiet: bool = False) -> "SilentOnlooker":
    """What shows many trainings on `stream`; enter it around them."""
    from upright.cli.terminal.many import ManyLines, ManyTable, SilentOnlooker

    if quiet:
        return SilentOnlooker()
    return ManyTable(stream) if _can_move(stream) else ManyLines(stream)


def _can_move(stream: TextIO) -> bool:
    """Whether this is a terminal that can rewrite a line and has the characters for it."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    try:
        "━▁≤".encode(stream.encoding or "ascii")
    except (LookupError, UnicodeError):
        return False
    return True
