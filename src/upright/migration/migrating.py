"""A file read, pointed at and rewritten. Nothing that stands in it is run."""

import ast
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from upright.ground import UprightError
from upright.migration.document import BOM, Piece, read_document
from upright.migration.magics import Aside, is_foreign, put_back, set_aside, with_gymnasium
from upright.migration.relic import Relic

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

    findings: tuple[Relic, ...]
    data: bytes

    @property
    def left(self) -> tuple[Relic, ...]:
        """What remains to be done by hand."""
        return tuple(each for each in self.findings if not each.done)


class _Part(NamedTuple):
    """A piece on its way.

    Attributes:
        piece: As it was read.
        findings: What was found without the tree.
        tree: Of what is Python in it; None where it is none.
        aside: The lines of a notebook's own that stand among it, by what stands for them.
    """

    piece: Piece
    findings: Sequence[Relic]
    tree: "cst.Module | None"
    aside: dict[str, Aside]


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
    from libcst import CSTValidationError

    document = read_document(path)
    try:
        with warnings.catch_warnings():  # a parser's, of escapes in a stranger's strings
            warnings.simplefilter("ignore")
            parts = [_parsed(piece, path) for piece in document.pieces]
            texts, findings = _rewritten(parts)
    except RecursionError as error:
        raise UprightError(f"{path} is nested too deeply to be read.") from error
    except CSTValidationError as error:
        raise UprightError(
            f"{path} cannot be rewritten as it is spaced: {error}.", "Format it, then try again."
        ) from error
    return Migration(tuple(findings), document.with_texts(texts))


def _rewritten(parts: list[_Part]) -> tuple[list[str], list[Relic]]:
    """The text that comes of each, and what was found in all."""
    from upright.migration.rewriting import rewrite

    texts, findings = [], []
    done = iter(rewrite([part.tree for part in parts if part.tree is not None]))
    for piece, found, tree, aside in parts:
        text = piece.text
        if tree is not None:
            code, in_tree = next(done)
            lines = {mark: with_gymnasium(line.text) for mark, line in aside.items()}
            text = BOM * text.startswith(BOM) + put_back(code, lines)
            found = sorted([*found, *in_tree], key=lambda each: each.line)
        elif is_foreign(text):
            text = "".join(map(with_gymnasium, text.splitlines(keepends=True)))
        findings += [replace(each, cell=piece.cell) for each in found]
        texts.append(text)
    return texts, findings


def _parsed(piece: Piece, path: Path) -> _Part:
    """The tree of a piece; a cell that is no Python has none, and a script has to have one."""
    lines = piece.text.splitlines()
    if piece.cell is not None and is_foreign(piece.text):
        return _Part(piece, _installs(map(Aside._make, enumerate(lines))), None, {})
    tree, line, said = _tree(piece.text)
    if tree is not None:
        return _Part(piece, (), tree, {})
    text, aside = set_aside(piece.text)
    if aside:
        tree, line, said = _tree(text)
    if tree is not None:
        return _Part(piece, _installs(aside.values()), tree, aside)
    if piece.cell is None:
        raise UprightError(
            f"{path} is no Python 3: line {line}: {said}.", "Mend that line, then try again."
        )
    why = f"This cell is no Python 3, and is passed over: {said}."
    old = dict(enumerate(lines, 1)).get(line, "").strip()
    return _Part(piece, [Relic("syntax", None, line, old, "", why, False)], None, {})


def _tree(text: str) -> "tuple[cst.Module | None, int, str]":
    """A text's tree, or where and why it has none. Nothing of it is run."""
    import libcst as cst

    text = text.removeprefix(BOM)
    try:
        ast.parse(text)
    except SyntaxError as error:
        return None, error.lineno or 1, error.msg
    except (RecursionError, MemoryError):
        return None, 1, "it is nested too deeply"
    except ValueError as error:
        return None, 1, str(error)
    try:
        return cst.parse_module(text), 0, ""
    except cst.ParserSyntaxError as error:
        return None, error.raw_line, "a syntax that LibCST does not know"


def _installs(lines: Iterable[Aside]) -> list[Relic]:
    """The lines that install the old package."""
    return [
        Relic("install", None, number + 1, line, with_gymnasium(line), INSTALLS, True)
        for number, line in lines
        if with_gymnasium(line) != line
    ]
