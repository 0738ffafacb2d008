"""Lines of a notebook that are no Python: set aside for the parser, and put back as they were."""

import re
from collections.abc import Mapping
from typing import NamedTuple

# `!command`, `%magic`, `%%magic`, `name = !command`, `name = %magic`, `?name`, `name?`.
MAGIC = re.compile(r"\s*(?:!|%{1,2}[A-Za-z_]|[\w.,\s]+=\s*(?:!|%[A-Za-z_])|\?|[\w.]+\?{1,2}\s*$)")
PIP = re.compile(r"\s*(?:[!%]|[\w./{}-]*\s).*?\bpip3?\b.*\binstall\b|\s*pip3?\s+install\b")
# A word of a command that names the old package, with extras and a version or without.
OLD_PACKAGE = re.compile(
    r"(?<![\w./-])(?P<quote>['\"]?)gym(?P<extras>\[[\w,\s-]*\])?"
    r"(?:\s*[=<>!~]=?\s*[\w.*]+(?:,\s*[=<>!~]=?\s*[\w.*]+)*)?(?P=quote)(?![\w./\[-])"
)
GYM_EXTRAS = {"classic_control": "classic-control", "toy_text": "toy-text"}
GYM_EXTRAS |= {"accept-rom-license": "atari", "accept_rom_license": "atari"}
# Magics of a whole cell under which Python still stands.
AROUND_PYTHON = ("%%time", "%%timeit", "%%capture", "%%prun")


class Aside(NamedTuple):
    """A line that is set aside: its number from 0, and its text."""

    number: int
    text: str


def is_foreign(text: str) -> bool:
    """Whether a cell's first line says that the rest is no Python."""
    first = text.lstrip().partition("\n")[0].split(" ")[0].rstrip()
    return first.startswith("%%") and first not in AROUND_PYTHON


def set_aside(text: str) -> tuple[str, dict[str, Aside]]:
    """The text with a statement that does nothing for each magic; and those, by their comments."""
    lines, aside = text.splitlines(keepends=True), dict[str, Aside]()
    mark, continued = "# upright sets this aside", False
    while mark in text:
        mark += "."
    for number, line in enumerate(lines):
        bare = line.rstrip("\r\n")
        if continued or MAGIC.match(bare):
            comment = f"{mark} {number}"
            aside[comment] = Aside(number, bare)
            blank = bare[: len(bare) - len(bare.lstrip())]
            does_nothing = "" if continued else f"{blank}pass  "
            lines[number] = f"{does_nothing}{comment}{line[len(bare) :]}"
            continued = bare.endswith("\\")
    return "".join(lines), aside


def put_back(text: str, lines: Mapping[str, str]) -> str:
    """The text with lines of one's choice in the place of those that were set aside."""
    found = text.splitlines(keepends=True)
    for number, line in enumerate(found):
        bare = line.rstrip("\r\n")
        comment = bare.strip().removeprefix("pass").strip()
        if comment in lines:
            found[number] = lines[comment] + line[len(bare) :]
    return "".join(found)


def with_gymnasium(line: str) -> str:
    """A line that installs the old package, installing today's; any other line as it is."""
    return OLD_PACKAGE.sub(_today, line) if PIP.match(line) else line


def _today(found: re.Match[str]) -> str:
    quote, extras = found["quote"], found["extras"] or ""
    if extras:
        words = [word.strip() for word in extras[1:-1].split(",")]
        extras = f"[{','.join(dict.fromkeys(GYM_EXTRAS.get(word, word) for word in words))}]"
    return f"{quote}gymnasium{extras}{quote}"
