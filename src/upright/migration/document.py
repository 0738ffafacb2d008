"""A script or a notebook as pieces of Python, and back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upright.ground import UprightError, parse_json, read_bytes

SCRIPT, NOTEBOOK = ".py", ".ipynb"
SCRIPT_BYTES = 256 << 10  # LibCST takes ten seconds for so much
NOTEBOOK_BYTES = 64 << 20  # pictures are in it
BOM = "\ufeff"


@dataclass(frozen=True)
class Piece:
    """A script's text, or a code cell's; `cell` is its number from 1, None of a script."""

    cell: int | None
    text: str


@dataclass(frozen=True)
class Document:
    """What was read.

    Attributes:
        data: The file as it is.
        pieces: Its code, in order.
        notebook: The object of a notebook; None of a script.
    """

    data: bytes
    pieces: tuple[Piece, ...]
    notebook: dict[str, Any] | None = None

    def with_texts(self, texts: Sequence[str]) -> bytes:
        """The file with other texts in the place of its pieces'; as it is where none differs."""
        if [piece.text for piece in self.pieces] == list(texts):
            return self.data
        if self.notebook is None:
            return "".join(texts).encode()
        cells = [dict(cell) for cell in self.notebook["cells"]]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        for cell, piece, text in zip(code, self.pieces, texts, strict=True):
            if text != piece.text:
                lines = text.splitlines(keepends=True)
                cell["source"] = lines if isinstance(cell["source"], list) else text
                # What the old code printed is not what the new code prints.
                cell |= {"outputs": [], "execution_count": None}
        # As Jupyter writes it.
        changed = json.dumps(self.notebook | {"cells": cells}, indent=1, ensure_ascii=False)
        return f"{changed}\n".encode()


def read_document(path: Path) -> Document:
    """The code of a script or of a notebook.

    Raises:
        UprightError: It is neither, cannot be read, is too large, or is no text in UTF-8.
    """
    if path.suffix.lower() == NOTEBOOK:
        return _notebook(path)
    if path.suffix.lower() != SCRIPT:
        raise UprightError(f"{path} is no {SCRIPT} and no {NOTEBOOK}.", "Only these two are read.")
    data = read_bytes(path, SCRIPT_BYTES)
    try:
        return Document(data, (Piece(None, data.decode("utf-8")),))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UprightError(
            f"{path} is not UTF-8 (line {line}).", "Save it as UTF-8, then try again."
        ) from error


def _notebook(path: Path) -> Document:
    data = read_bytes(path, NOTEBOOK_BYTES)
    notebook = parse_json(data.removeprefix(BOM.encode()), str(path))
    cells = notebook.get("cells")
    if notebook.get("nbformat") != 4 or not isinstance(cells, list):
        raise UprightError(
            f"{path} is no notebook of format 4.", "Open and save it in Jupyter, then try again."
        )
    language = _language(notebook.get("metadata"))
    if language != "python":
        raise UprightError(f"{path} is a notebook of {language}, not of Python.")
    code = [_source(cell, number, path) for number, cell in enumerate(cells, 1)]
    texts = [text for text in code if text is not None]
    if sum(map(len, texts)) > SCRIPT_BYTES:
        raise UprightError(f"{path} holds more than {SCRIPT_BYTES:,} letters of code.")
    return Document(data, tuple(map(Piece, range(1, len(texts) + 1), texts)), notebook)


def _language(metadata: object) -> str:
    """What a notebook says to be written in; Python where it says nothing."""
    if isinstance(metadata, dict):
        for part, key in (("kernelspec", "language"), ("language_info", "name")):
            said = metadata.get(part)
            if isinstance(said, dict) and isinstance(said.get(key), str):
                return str(said[key]).lower()
    return "python"


def _source(cell: object, number: int, path: Path) -> str | None:
    """The text of a code cell; None of another."""
    if not isinstance(cell, dict) or "cell_type" not in cell:
        raise UprightError(f"{path}: cell {number} is none.", "Is it a notebook of Jupyter?")
    if cell["cell_type"] != "code":
        return None
    source = cell.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    if isinstance(source, str):
        return source
    raise UprightError(f"{path}: cell {number} holds no text.", "Is it a notebook of Jupyter?")
