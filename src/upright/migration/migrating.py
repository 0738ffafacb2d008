"""A file read, pointed at and rewritten. Nothing that stands in it is run."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upright.ground import UprightError
from upright.migration.document import Document, Piece, read_document
from upright.migration.finding import Finding
from upright.migration.magics import is_foreign, masked, unmasked, with_gymnasium

if TYPE_CHECKING:
    import libcst as cst

INSTALLS = "OpenAI's gym is no longer maintained; Gymnasium goes on from it."


@dataclass(frozen=True)
class Migration:
    """What was found in a file, and the file as it would be.

    Attributes:
        findings: In the order of the file.
        data: The corrected copy; the file's own bytes where there is nothing to correct.
    """

    findings: tuple[Finding, ...]
    data: bytes

    @property
    def left(self) -> tuple[Finding, ...]:
        """What remains to be done by hand."""
        return tuple(each for each in self.findings if not each.done)


@dataclass
class _Part:
    """A piece on its way: its tree, the lines set aside, and what was found without the tree."""

    piece: Piece
    tree: "cst.Module | None"
    aside: dict[str, str]
    findings: list[Finding]


def migrated(path: Path) -> Migration:
    """Read a script or a notebook of old gym's time, and say what works today.

    Args:
        path: A `.py` or an `.ipynb`.

    Raises:
        UprightError: It cannot be read, or no Python of it; or LibCST is not installed.
    """
    if find_spec("libcst") is None:
        raise UprightError(
            "Migrating needs LibCST, which is not installed.",
            "`pip install 'upright[migrate]'` adds it.",
        )
    document = read_document(path)
    parts = [_parsed(piece, path) for piece in document.pieces]
    rewriting: Any = import_module("upright.migration.rewriting")
    try:
        done = iter(rewriting.rewrite([part.tree for part in parts if part.tree is not None]))
        return _joined(document, parts, done)
    except RecursionError as error:
        raise UprightError(f"{path} is nested too deeply to be read.") from error


def _joined(document: Document, parts: list[_Part], done: Iterator[Any]) -> Migration:
    texts, findings = [], []
    for part in parts:
        text, found = part.piece.text, part.findings
        if part.tree is not None:
            rewritten = next(done)
            text = unmasked(rewritten.code, part.aside)
            found = sorted([*found, *rewritten.findings], key=lambda each: each.line)
        else:
            text = "".join(map(_installing, text.splitlines(keepends=True)))
        findings += [replace(each, cell=part.piece.cell) for each in found]
        texts.append(text)
    return Migration(tuple(findings), document.with_texts(texts))


def _parsed(piece: Piece, path: Path) -> _Part:
    """The tree of a piece; a cell that is no Python has none, and a script has to have one."""
    if piece.cell is not None and is_foreign(piece.text):
        return _Part(piece, None, {}, _installs(piece.text))
    text, aside = piece.text, dict[str, str]()
    fault = _fault(text)
    if fault is not None:
        text, aside = masked(piece.text)
        fault = _fault(text) if aside else fault
    if fault is None:
        cst: Any = import_module("libcst")
        try:
            tree = cst.parse_module(text)
        except cst.ParserSyntaxError as error:
            fault = (error.raw_line, "LibCST does not know this syntax")
        else:
            found = [each for line in aside.values() for each in _installs(line)]
            places = {line: int(mark.split("-")[-1].rstrip("#")) for mark, line in aside.items()}
            found = [replace(each, line=places[each.old] + 1) for each in found]
            return _Part(piece, tree, {mark: _installing(line) for mark, line in aside.items()}, found)
    line, said = fault
    if piece.cell is None:
        raise UprightError(
            f"{path} is no Python 3: line {line}: {said}.", "Mend that line, then try again."
        )
    lines = piece.text.splitlines()
    old = lines[line - 1] if 0 < line <= len(lines) else ""
    why = f"This cell is no Python 3, and passed over: {said}."
    return _Part(piece, None, {}, [Finding("syntax", None, line, old.strip(), "", why, False)])


def _fault(text: str) -> tuple[int, str] | None:
    """Where and why Python does not take a text; None where it does. Nothing of it is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except (RecursionError, MemoryError):
        return 1, "it is nested too deeply"
    except ValueError as error:
        return 1, str(error)
    return None


def _installing(line: str) -> str:
    return with_gymnasium(line)


def _installs(text: str) -> list[Finding]:
    """The lines that install the old package."""
    return [
        Finding("install", None, number, line, with_gymnasium(line), INSTALLS, True)
        for number, line in enumerate(text.splitlines(), 1)
        if with_gymnasium(line) != line
    ]
