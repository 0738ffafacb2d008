"""Builds the notebooks: one source in English, a message catalogue for each other language.

    python lessons/build.py

A source is a Python file in jupytext's percent format. Its paragraphs are the messages of
`translations/<language>/<lesson>.po`, which is brought up to date; code is the same in every
language. A paragraph that a catalogue lacks is named, and that notebook is not written.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jupytext
import nbformat
from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po

LESSONS = Path(__file__).parent
TRANSLATIONS = LESSONS / "translations"
PARAGRAPHS = re.compile(r"\n{2,}")
LESSON_LINK = re.compile(r"\]\((\w+)\.ipynb\)")
WRAPPED = re.compile(r"\n(?!\s*([*|-]|\d+\.|</?\w))\s*")  # no item, row or tag begins after it
# Jupyter's word, and Colab's; `hide-input` is the site's.
HIDDEN = {"jupyter": {"source_hidden": True}, "cellView": "form"}


def sources() -> list[Path]:
    """The lessons, in English."""
    return sorted(each for each in LESSONS.glob("*.py") if each != Path(__file__))


def languages() -> list[str]:
    """Into which they are translated."""
    return sorted(path.name for path in TRANSLATIONS.iterdir() if path.is_dir())


def catalogue_of(source: Path, language: str) -> Path:
    """Where the translation of a lesson is."""
    return TRANSLATIONS / language / f"{source.stem}.po"


def notebook_of(source: Path, language: str = "") -> Path:
    """Where the notebook of a lesson goes; English has no language in its name."""
    return source.with_suffix(f".{language}.ipynb" if language else ".ipynb")


def paragraphs(text: str) -> list[str]:
    """Those of a Markdown cell, each in one line but for lists and tables."""
    return [WRAPPED.sub(" ", part) for part in PARAGRAPHS.split(text)]


def messages(source: Path) -> Iterator[str]:
    """The paragraphs of a lesson that have words in them; a displayed formula has none."""
    for cell in read(source).cells:
        if cell.cell_type == "markdown":
            yield from (part for part in paragraphs(cell.source) if not is_formula(part))


def is_formula(paragraph: str) -> bool:
    """Whether it is one that stands alone, the same in every language."""
    return paragraph.startswith("$$")


def read(source: Path) -> nbformat.NotebookNode:
    """A lesson as a notebook without outputs, with cells that have the same ids every time."""
    notebook: nbformat.NotebookNode = jupytext.read(source, fmt="py:percent")
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem}-{number}"
        if "answer" in cell.metadata.get("tags", ()):
            cell.metadata.update(HIDDEN, tags=[*cell.metadata["tags"], "hide-input"])
            cell.source = f"# @title Answer\n{cell.source}"
    return notebook


def said_by(catalogue: Catalog) -> Callable[[str], str | None]:
    """What a catalogue has for a message; None if it has nothing, or is not sure of it."""

    def say(message: str) -> str | None:
        found = catalogue.get(message)
        sure = found is not None and found.string and not found.fuzzy
        return str(found.string) if found and sure else None

    return say


def build(
    source: Path, language: str = "", say: Callable[[str], str | None] = str
) -> tuple[str, list[str]]:
    """The text of a lesson's notebook, and the paragraphs for which `say` has nothing.

    Links from lesson to lesson stay in the language.
    """
    notebook, missing = read(source), []
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        said = []
        for part in paragraphs(cell.source):
            words = part if is_formula(part) else say(part)
            if words is None:
                missing.append(part)
            said.append(words or part)
        cell.source = "\n\n".join(said)
        if language:
            cell.source = LESSON_LINK.sub(rf"](\1.{language}.ipynb)", cell.source)
    written = json.dumps(notebook, indent=1, ensure_ascii=False)
    return f"{written}\n", missing


def updated(source: Path, language: str) -> Catalog:
    """A lesson's catalogue, with the messages that are new and without those that are gone."""
    path = catalogue_of(source, language)
    catalogue = Catalog(language, header_comment=f"# {source.name}", fuzzy=False)
    if path.exists():
        with path.open("rb") as file:
            catalogue = read_po(file)
    catalogue.project, catalogue.version = "Upright", "lessons"
    catalogue.msgid_bugs_address = "CONTRIBUTING.md"
    template = Catalog(fuzzy=False)
    for message in messages(source):
        template.add(message)
    catalogue.update(template, update_header_comment=False, update_creation_date=False)
    catalogue.obsolete.clear()
    return catalogue


def main() -> int:
    """Build every notebook; exit code 1 if a catalogue lacks a message."""
    lacking = False
    for source in sources():
        notebook_of(source).write_text(build(source)[0], encoding="utf-8")
        for language in languages():
            catalogue = updated(source, language)
            with catalogue_of(source, language).open("wb") as file:
                write_po(file, catalogue, width=100, no_location=True)
            text, missing = build(source, language, said_by(catalogue))
            if missing:
                lacking = True
                path = catalogue_of(source, language).relative_to(LESSONS)
                print(f"{path} lacks {len(missing)}; the first: {missing[0]!r}", file=sys.stderr)
            else:
                notebook_of(source, language).write_text(text, encoding="utf-8")
    return int(lacking)


if __name__ == "__main__":
    sys.exit(main())
