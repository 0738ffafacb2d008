"""What docstrings of this project say otherwise than Sphinx expects, put as it does.

What stands indented below a sentence is a formula, and keeps its lines. A property's sentence may
have a colon in it. An array's shape stands in words, so its type is `ndarray` alone.
"""

import re
from typing import Any

ARRAY = re.compile(r"~?numpy\.ndarray\[~?[\w.]*tuple\[[^\]]*\], ~?numpy\.dtype\[[^\]]*\]\]")


def setup(app: Any) -> dict[str, bool]:
    """Look at docstrings before their sections are read, and at properties' after that too."""
    app.connect("autodoc-process-docstring", _mark_formulas, priority=400)
    whole: dict[str, list[str]] = {}
    app.connect("autodoc-process-docstring", _keeper(whole), priority=410)
    app.connect("autodoc-process-docstring", _restorer(whole), priority=600)
    app.connect("object-description-transform", _shorten_types, priority=400)
    return {"parallel_read_safe": False}


def _mark_formulas(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    for index in range(len(lines) - 1, 1, -1):
        above, blank, line = lines[index - 2 : index + 1]
        is_sentence = above and not above.startswith(" ") and not above.endswith(":")
        is_formula = line.startswith("    ") and not line.startswith("    >>>")
        if is_sentence and not blank and is_formula:
            lines[index:index] = ["::", ""]


def _keeper(whole: dict[str, list[str]]) -> Any:
    """Keeps a property's sentence, of which Napoleon takes what is before a colon for a type."""

    def keep(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
        if what == "property" and "Raises:" not in lines:
            whole[name] = list(lines)

    return keep


def _restorer(whole: dict[str, list[str]]) -> Any:
    def restore(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
        if name in whole:
            lines[:] = whole.pop(name)
        lines[:] = [ARRAY.sub("numpy.ndarray", line) for line in lines]

    return restore


def _shorten_types(app: Any, domain: str, kind: str, content: Any) -> None:
    for types in app.env.current_document.autodoc_annotations.values():
        for name, said in types.items():
            types[name] = ARRAY.sub("~numpy.ndarray", said)
