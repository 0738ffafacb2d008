"""A TOML file of settings, read: what it says, and where in it each key stands."""

import re
import tomllib
from collections.abc import Container
from pathlib import Path
from typing import Any, NamedTuple

from upright.ground import TOML_BYTES, UprightError

# A key of n parts takes the parser n * n steps.
LINE = 2000


class Config(NamedTuple):
    """A flat table of settings, as it stands in a file.

    Attributes:
        path: The file.
        text: All of it.
        table: Its keys and values.
    """

    path: str | Path
    text: str
    table: dict[str, Any]

    def place(self, key: str) -> str:
        """Where a key stands, for a message."""
        named = re.compile(rf"""{re.escape(key)}["']?\s*[=.\]]""")
        numbered = enumerate(self.text.splitlines(), start=1)
        line = (number for number, line in numbered if named.match(line.lstrip(" \t[\"'")))
        return f"{self.path}, line {next(line, 1)}"

    def refuse_nested(self, tables: Container[str]) -> None:
        """Refuse a table in the place of a value; `tables` are the keys that should be one.

        Raises:
            UprightError: There is one.
        """
        for key, value in self.table.items():
            if key in tables:
                continue
            parts = value if isinstance(value, list) else [value]
            if not all(isinstance(part, str | int | float) for part in parts):
                raise UprightError(
                    f"{self.place(key)}: {key} should be a value, or a list of values."
                )


def read_config(path: str | Path) -> Config:
    """The settings in a file that the user named; it may be a link or a pipe.

    Raises:
        UprightError: It cannot be read, or is no flat table; the message names the line.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(TOML_BYTES + 1)
    except OSError as error:
        raise UprightError(f"Cannot read the config file {path}: {error.strerror}.") from error
    if len(data) > TOML_BYTES:
        raise UprightError(f"{path} is larger than the {TOML_BYTES:,} bytes of a config file.")
    return _parsed(path, data, f"Cannot read the config file {path}: it is not UTF-8 text.")


def parse_settings(data: bytes, path: str | Path) -> Config:
    """The settings in the bytes of a run's own file; `path` is what messages call it.

    Raises:
        UprightError: As `read_config`.
    """
    return _parsed(path, data, f"{path} is not UTF-8 text.")


def _parsed(path: str | Path, data: bytes, not_text: str) -> Config:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UprightError(not_text) from error
    if max(map(len, text.splitlines()), default=0) > LINE:
        raise UprightError(f"{path} has a line of more than {LINE:,} characters.")
    try:
        config = Config(path, text, tomllib.loads(text))
    except (RecursionError, ValueError) as error:
        raise UprightError(f"{path} is not valid TOML: {error}.") from error
    for key in ("env", "algo", "preset"):
        if not isinstance(config.table.get(key, ""), str):
            raise UprightError(f"{config.place(key)}: {key} should be a name, in quotes.")
    return config
