"""The examples in docstrings are true, and what people use has one."""

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import upright

SOURCES = Path(upright.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(SOURCES.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCES.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.learning
@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_in_docstrings_are_true(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    tried = 0
    for index, example in enumerate(finder.find(import_module(module), module)):
        folder = tmp_path / str(index)
        folder.mkdir()
        monkeypatch.chdir(folder)
        example.globs |= {"upright": upright, "np": np}
        tried += runner.run(example).attempted
    assert tried > 0
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("name", upright.__all__)
def test_all_that_the_package_gives_has_an_example(name: str) -> None:
    assert "Example:\n" in (inspect.getdoc(getattr(upright, name)) or "")
