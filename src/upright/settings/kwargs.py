"""Arguments as text: key=value, typed as TOML types them; and a wrapper with its arguments."""

import json
import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from upright.ground import shortened
from upright.settings.config import LINE

# Lists and tables within each other; characters in settings.toml, which has to be read back.
DEEPEST, LARGEST = 4, 10_000
# What stands in no text without quotes: it was meant as a list, a table or a call.
NEEDS_QUOTES = frozenset("()[]{}\"'\n\r")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# A text in quotes, or any other character.
TOKEN = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*'|.""", re.DOTALL)


class WrapperCall(NamedTuple):
    """`place:name(kwargs)`, taken apart.

    Attributes:
        place: A module, or a file that ends in .py.
        name: What is called there with an environment.
        kwargs: Its other arguments.
    """

    place: str
    name: str
    kwargs: dict[str, Any]


def parse_wrapper(text: str) -> WrapperCall:
    """What a text such as `gymnasium.wrappers:TimeLimit(max_episode_steps=100)` says.

    Nothing is imported or evaluated: arguments are values.

    Raises:
        ValueError: It is none, in words.
    """
    head, bracket, tail = text.strip().partition("(")
    place, colon, name = head.strip().rpartition(":")
    if bracket and not tail.endswith(")"):
        raise ValueError("its bracket is not closed")
    if not colon or not name.isidentifier() or not is_place(place):
        module, dot, last = head.strip().rpartition(".")
        near = f", perhaps {module}:{last}" if dot and is_place(module) else ""
        raise ValueError(f"should be module:Wrapper(key=value) or file.py:Wrapper{near}")
    return WrapperCall(place, name, parse_pairs(_arguments(tail[:-1])))


def is_place(text: str) -> bool:
    """Whether it names a module, or a file of Python."""
    return text.endswith(".py") or all(part.isidentifier() for part in text.split("."))


def parse_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """The arguments that texts such as `gravity=-5.0` stand for.

    Raises:
        ValueError: One of them is no such text, or comes twice.
    """
    table: dict[str, Any] = {}
    for pair in pairs:
        key, sign, text = (part.strip() for part in pair.partition("="))
        if not sign or not key.isidentifier():
            raise ValueError(f"{shortened(pair, 80)!r} should be key=value")
        if key in table:
            raise ValueError(f"{key} is there twice")
        table[key] = parse_value(text)
    return as_kwargs(table)


def parse_value(text: str) -> Any:
    """The value that a text stands for in TOML: true, 1, 1.5, "text", [1, 2] or {a = 1}.

    What is none is the text itself, if it has neither quotes nor brackets.

    Raises:
        ValueError: It has.
    """
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        table = {}
    value = table.get("value")
    if len(table) == 1 and isinstance(value, bool | int | float | str | list | dict):
        return value
    if not text or NEEDS_QUOTES & {*text}:
        raise ValueError(
            f"{shortened(text, 80)!r} should be a value as TOML has it: true, 1.5, "
            '"text", [1, 2] or {a = 1}'
        )
    return text


def write_value(value: Any) -> str:
    """The text that `parse_value` reads as this value, without quotes where they can be spared."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _write_text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_write_inside, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_write_key(key)} = {_write_inside(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    return repr(value)


def as_kwargs(table: Mapping[Any, Any]) -> dict[str, Any]:
    """A table of keyword arguments, of what TOML can hold and no more.

    Raises:
        ValueError: Something else is in it, or it is too large.
    """
    for key in table:
        if not isinstance(key, str) or not key.isidentifier():
            raise ValueError(f"{shortened(str(key), 80)!r} is no name of an argument")
    _refuse_others(table, 0)
    copy = _copied(table)
    written = _written(copy)
    if len(written) > LARGEST or max(map(len, written.splitlines()), default=0) > LINE:
        raise ValueError("is too long for settings.toml")
    return copy  # type: ignore[no-any-return]


def _refuse_others(value: Any, depth: int) -> None:
    """Refuse what TOML cannot hold, or a reader would not take."""
    if isinstance(value, Mapping | list | tuple):
        if depth > DEEPEST:
            raise ValueError(f"is nested more than {DEEPEST} deep")
        for each in [*value, *value.values()] if isinstance(value, Mapping) else value:
            _refuse_others(each, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"holds {value}, which is no finite number")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("holds a number of more than 64 bits")
    elif not isinstance(value, bool | int | float | str):
        raise ValueError(
            f"holds a value of type {type(value).__name__}, where TOML has booleans, numbers, "
            "texts, lists, tables"
        )


def _written(table: dict[str, Any]) -> str:
    import tomli_w

    try:
        text = tomli_w.dumps({"kwargs": table})
        text.encode()
    except (TypeError, UnicodeEncodeError):
        raise ValueError("holds a key or a text that is no Unicode text") from None
    return text


def _copied(value: Any) -> Any:
    """The same in dicts, lists and Python's own numbers."""
    if isinstance(value, Mapping):
        return {key: _copied(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(each) for each in value]
    kind = next(kind for kind in (bool, int, float, str) if isinstance(value, kind))
    return kind(value)


def _write_inside(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else write_value(value)


def _write_text(text: str) -> str:
    try:
        return text if text == text.strip() and parse_value(text) == text else _quoted(text)
    except ValueError:
        return _quoted(text)


def _write_key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _arguments(text: str) -> Iterator[str]:
    """The parts between commas that stand outside of quotes and brackets."""
    part, depth = "", 0
    for token in TOKEN.findall(text):
        depth += (token in "[{(") - (token in "]})")
        if token == "," and depth == 0:
            yield part
            part = ""
        else:
            part += token
    if part.strip():
        yield part
