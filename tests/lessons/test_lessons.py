"""The lessons: one source, every language, and each notebook runs to its end."""

import re
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import pytest
from babel.messages.pofile import read_po
from nbclient import NotebookClient

LESSONS = Path(__file__).parents[2] / "lessons"
sys.path.insert(0, str(LESSONS))
build: Any = import_module("build")
sys.path.remove(str(LESSONS))

SOURCES = build.sources()
TRANSLATED = [(source, language) for source in SOURCES for language in build.languages()]
EVERY = [(source, "") for source in SOURCES] + TRANSLATED
# What a translator leaves as it is: code, formulas, where links lead.
KEPT = re.compile(r"`[^`]+`|\$[^$]+\$|\]\([^)]+\)|^#+ |^\| ?[^ ]+ \|", re.MULTILINE)


def name_of(value: Any) -> str:
    return value.stem if isinstance(value, Path) else str(value)


def catalogue_of(source: Path, language: str) -> Any:
    with build.catalogue_of(source, language).open("rb") as file:
        return read_po(file)


def committed(source: Path, language: str) -> nbformat.NotebookNode:
    return nbformat.read(build.notebook_of(source, language), as_version=nbformat.NO_CONVERT)


def test_there_are_lessons_in_two_languages() -> None:
    assert [source.stem for source in SOURCES] == ["cartpole", "mountain_car"]
    assert build.languages() == ["pcm"]


@pytest.mark.parametrize(("source", "language"), EVERY, ids=name_of)
def test_a_notebook_is_what_its_source_says_now(source: Path, language: str) -> None:
    say = build.said_by(catalogue_of(source, language)) if language else str
    text, missing = build.build(source, language, say)
    assert missing == []
    assert build.notebook_of(source, language).read_text(encoding="utf-8") == text, (
        "run `make lessons`"
    )
    nbformat.validate(committed(source, language))


@pytest.mark.parametrize(("source", "language"), TRANSLATED, ids=name_of)
def test_a_translation_has_every_cell_and_the_same_code(source: Path, language: str) -> None:
    english, other = committed(source, "").cells, committed(source, language).cells
    assert [cell.cell_type for cell in other] == [cell.cell_type for cell in english]
    for here, there in zip(english, other, strict=True):
        if here.cell_type == "code":
            assert there == here
        else:
            assert there.source != here.source


@pytest.mark.parametrize(("source", "language"), TRANSLATED, ids=name_of)
def test_a_translation_keeps_code_formulas_and_links(source: Path, language: str) -> None:
    for message in catalogue_of(source, language):
        if message.id:
            here, there = (Counter(KEPT.findall(text)) for text in (message.id, message.string))
            assert here == there, message.id


@pytest.mark.parametrize(("source", "language"), EVERY, ids=name_of)
def test_links_between_lessons_stay_in_the_language(source: Path, language: str) -> None:
    text = "".join(cell.source for cell in committed(source, language).cells)
    linked = set(re.findall(r"\]\(([\w.]+\.ipynb)\)", text))
    assert linked
    assert linked <= {build.notebook_of(each, language).name for each in SOURCES}


def test_a_paragraph_that_a_catalogue_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "little.py"
    source.write_text(
        "# ---\n# jupyter:\n#   kernelspec:\n#     display_name: Python 3\n"
        "#     language: python\n#     name: python3\n# ---\n\n"
        "# %% [markdown]\n# # One\n#\n# Two\n# lines.\n\n# %%\nprint(1)\n\n"
        '# %% tags=["answer"]\nassert True\n'
    )
    (tmp_path / "translations/pcm").mkdir(parents=True)
    monkeypatch.setattr(build, "LESSONS", tmp_path)
    monkeypatch.setattr(build, "TRANSLATIONS", tmp_path / "translations")
    assert build.main() == 1
    assert "translations/pcm/little.po lacks 2; the first: '# One'" in capsys.readouterr().err
    assert not (tmp_path / "little.pcm.ipynb").exists()

    catalogue = tmp_path / "translations/pcm/little.po"
    text = catalogue.read_text()
    for there, said in (("# One", "# Wan"), ("Two lines.", "Two lain.")):
        text = text.replace(f'msgid "{there}"\nmsgstr ""', f'msgid "{there}"\nmsgstr "{said}"')
    catalogue.write_text(text)
    assert build.main() == 0
    other = nbformat.read(tmp_path / "little.pcm.ipynb", as_version=nbformat.NO_CONVERT)
    assert [cell.source for cell in other.cells] == [
        "# Wan\n\nTwo lain.",
        "print(1)",
        "# @title Answer\nassert True",
    ]
    assert other.cells[2].metadata["jupyter"] == {"source_hidden": True}

    source.write_text(source.read_text().replace("# lines.", "# long lines."))
    assert build.main() == 1
    assert "lacks 1; the first: 'Two long lines.'" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize(("source", "language"), EVERY, ids=name_of)
def test_a_notebook_runs_to_its_end(source: Path, language: str) -> None:
    notebook = committed(source, language)
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(LESSONS)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    kinds = Counter(kind for output in outputs for kind in output.get("data", {}))
    assert kinds["image/png"] >= 3
    assert kinds["text/html"] >= 2
