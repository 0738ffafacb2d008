"""What stands indented below a sentence of a docstring is a formula, and keeps its lines."""

from typing import Any


def setup(app: Any) -> dict[str, bool]:
    """Look at docstrings before their sections are read."""
    app.connect("autodoc-process-docstring", _mark, priority=400)
    return {"parallel_read_safe": True}


def _mark(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    for index in range(len(lines) - 1, 1, -1):
        above, blank, line = lines[index - 2 : index + 1]
        is_sentence = above and not above.startswith(" ") and not above.endswith(":")
        is_formula = line.startswith("    ") and not line.startswith("    >>>")
        if is_sentence and not blank and is_formula:
            lines[index:index] = ["::", ""]
