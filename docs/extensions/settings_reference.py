"""`upright-settings`: every setting with all that it says of itself, and the run's own fields."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from upright.settings import FLAGS, SETTINGS, Recipe, as_text, bounds, flag_of

Owners = dict[str, Any]  # a field by the algorithm that has it


def setup(app: Any) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("upright-settings", SettingsReference)
    return {"parallel_read_safe": True}


class SettingsReference(SphinxDirective):
    """All settings, grouped by the algorithms that have them."""

    def run(self) -> list[nodes.Node]:
        """Sections, made as if they had been written."""
        return self.parse_text_to_nodes("\n".join(_lines()), allow_section_headings=True)


def _lines() -> Iterator[str]:
    for title, fields in _groups().items():
        yield from (title, "-" * len(title), "")
        for name, owners in fields.items():
            yield from _setting(name, owners)
    title = "Of the run itself"
    yield from (title, "-" * len(title), "")
    for name in FLAGS:
        yield from _run_field(name, Recipe.model_fields[name])


def _groups() -> dict[str, dict[str, Owners]]:
    owners: dict[str, Owners] = defaultdict(dict)
    for algo, settings in SETTINGS.items():
        for name, field in settings.model_fields.items():
            owners[name][algo] = field
    groups: dict[str, dict[str, Owners]] = defaultdict(dict)
    for name, fields in owners.items():
        every = len(fields) == len(SETTINGS)
        groups["Of every algorithm" if every else f"Of {' and '.join(fields)}"][name] = fields
    return groups


def _setting(name: str, owners: Owners) -> Iterator[str]:
    field = next(iter(owners.values()))
    extra = field.json_schema_extra
    defaults = {algo: as_text(each.default) for algo, each in owners.items()}
    if len(set(defaults.values())) == 1:
        shown = f"``{defaults.popitem()[1]}``"
    else:
        shown = ", ".join(f"``{value}`` for {algo}" for algo, value in defaults.items())
    flags = [flag_of(name)]
    if field.annotation is bool:
        flags.append(flag_of(name).replace("--", "--no-", 1))
    source = f"source: {extra['source']}" if extra["source"] else ""
    yield from _entry(name, field, flags, shown, extra["unit"], source)


def _run_field(name: str, field: Any) -> Iterator[str]:
    extra = field.json_schema_extra
    yield from _entry(name, field, [f"{flag_of(name)} {extra['metavar']}"], extra["default"])


def _entry(
    name: str, field: Any, flags: list[str], default: str, unit: str = "", source: str = ""
) -> Iterator[str]:
    """What a value means, and on a line of its own how it is given and what it may be."""
    written = ", ".join(f"``{each}``" for each in flags)
    facts = [written, f"default {default}", _type(field), unit, source]
    yield from (f".. confval:: {name}", "", f"   {_sentence(field)}", "")
    yield from (f"   {' · '.join(each for each in facts if each)}", "")


def _sentence(field: Any) -> str:
    text = field.description
    return f"{text[:1].upper()}{text[1:]}.".replace("*", r"\*")


def _type(field: Any) -> str:
    """What a value may be, in words."""
    kind = _kind(field.annotation)
    allowed = bounds(field.metadata)
    return f"{kind}, {allowed}" if allowed else kind


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"``{each}``" for each in parts)
    if type(None) in parts:
        return _kind(parts[0])
    named = {bool: "``true`` or ``false``", int: "whole number", float: "number", str: "text"}
    if annotation in named:
        return named[annotation]
    if origin is dict:
        return "table"
    if origin is tuple:
        return "list of whole numbers" if "int" in str(parts) else "list of texts"
    return "number, or ``START:END``"
