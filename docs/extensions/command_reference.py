"""`upright-commands`: every command, as its own parser describes it."""

from argparse import Action, _ArgumentGroup
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from upright.cli import VERBS, parser_of


def setup(app: Any) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("upright-commands", CommandReference)
    return {"parallel_read_safe": True}


class CommandReference(SphinxDirective):
    """A section for each command: what it does, what it takes."""

    def run(self) -> list[nodes.Node]:
        """Sections, made as if they had been written."""
        lines = (line for verb in VERBS for line in _command(verb))
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _command(verb: str) -> Iterator[str]:
    parser, title = parser_of(verb), f"upright {verb}"
    yield from (title, "-" * len(title), "", _plain(parser.description or ""), "")
    yield from (f".. program:: {title}", "")
    for group in parser._action_groups:
        if (group.title or "").startswith("settings of"):
            continue
        for action in _shown(group):
            yield from _option(action)
    if verb == "train":
        yield from ("Every :doc:`setting <settings>` is a flag of this command, too.", "")


def _shown(group: _ArgumentGroup) -> list[Action]:
    return [each for each in group._group_actions if each.dest not in ("help", "debug")]


def _option(action: Action) -> Iterator[str]:
    placeholder = str(action.metavar or (action.dest if not action.option_strings else ""))
    several = " ..." if action.nargs in ("+", "*") else ""
    words = [f"{name} {placeholder}".strip() + several for name in action.option_strings]
    text = (action.help or "") % vars(action)
    if action.choices is not None:
        text = f"{text} (one of {', '.join(map(str, action.choices))})"
    title = ", ".join(words) or placeholder + several
    yield from (f".. option:: {title}", "", f"   {_plain(text)}", "")


def _plain(text: str) -> str:
    """Text in which nothing is markup."""
    return text.replace("\\", "\\\\").replace("*", r"\*").replace("`", r"\`").replace("_", r"\_")
