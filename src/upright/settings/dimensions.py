"""What a search may draw for one setting: a number of a range, a choice, or what another has."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from upright.ground import did_you_mean, shortened
from upright.settings.fields import Schedule

DIGITS = 4  # of a number that is drawn, so that a person can read it and type it again
RANGE_KEYS = {"low", "high", "log", "falls_to"}
FORM = "should have low and high (and log, falls_to), or choices, or same_as"


class Drawer(Protocol):
    """What draws, such as a trial of Optuna's."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""


class Range(NamedTuple):
    """A number between two others, which are of it.

    Attributes:
        low: The least.
        high: The greatest.
        log: Whether ratios count, not differences.
        falls_to: The part of itself that it falls to over the training; None where it stays.
        whole: Whether it has no fraction.
    """

    low: float
    high: float
    log: bool = False
    falls_to: float | None = None
    whole: bool = False

    def draw(self, name: str, source: Drawer) -> float:
        """A number."""
        if self.whole:
            return source.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return source.suggest_float(name, self.low, self.high, log=self.log)

    def value(self, drawn: float) -> float | str:
        """The setting that a number stands for."""
        if self.whole:
            return int(drawn)
        number = min(max(float(f"{drawn:.{DIGITS}g}"), self.low), self.high)
        if self.falls_to is None:
            return number
        return f"{number!r}:{float(f'{number * self.falls_to:.{DIGITS}g}')!r}"

    def extremes(self) -> list[float]:
        """Draws between which all others lie; of whole numbers also the one beside the least."""
        ends = {self.low, self.high} | ({self.low + 1} if self.whole else set())
        return sorted(ends)

    def drawn(self, value: Any) -> float | None:
        """What would be drawn to be this setting; None where the range has none such."""
        start, end = value if isinstance(value, Schedule) else (value, value)
        wanted = start * (1.0 if self.falls_to is None else self.falls_to)
        holds = self.low <= start <= self.high and abs(end - wanted) <= 1e-6 * abs(start)
        return start if holds else None


class Choice(NamedTuple):
    """One of several values."""

    choices: tuple[Any, ...]

    def draw(self, name: str, source: Drawer) -> Any:
        """A choice."""
        return source.suggest_categorical(name, self.choices)

    def value(self, drawn: Any) -> Any:
        """The setting that a choice stands for."""
        return drawn

    def extremes(self) -> list[Any]:
        """All of them."""
        return list(self.choices)

    def drawn(self, value: Any) -> Any:
        """What would be drawn to be this setting; None where it is none of the choices."""
        return next((each for each in self.choices if _is_same(each, value)), None)


class Same(NamedTuple):
    """What another setting has."""

    setting: str


Dimension = Range | Choice | Same


def dimension_of(table: object, kind: object) -> Dimension:
    """The dimension that a table of a file describes.

    Args:
        table: It.
        kind: The setting's own type.

    Raises:
        ValueError: It describes none, in the words that follow the setting's name.
    """
    if not isinstance(table, dict):
        raise ValueError(FORM)
    for key in table:
        if key not in RANGE_KEYS | {"choices", "same_as"}:
            hint = did_you_mean(key, [*RANGE_KEYS, "choices", "same_as"], f"it {FORM}")
            raise ValueError(f"has no '{shortened(key, 40)}'; {hint.lower().rstrip('?')}")
    if table.keys() == {"choices"}:
        return _choice(table["choices"])
    if table.keys() == {"same_as"}:
        return Same(str(table["same_as"]))
    if {"low", "high"} <= table.keys() <= RANGE_KEYS:
        return _range(table, kind)
    raise ValueError(FORM)


def _choice(values: object) -> Choice:
    if not isinstance(values, list) or not values:
        raise ValueError("choices should be a list of at least one value")
    choices = [",".join(map(str, each)) if isinstance(each, list) else each for each in values]
    for index, each in enumerate(choices):
        if not isinstance(each, str | int | float):
            raise ValueError("choices should be numbers, texts, true or false, or lists of numbers")
        if each in choices[:index]:
            raise ValueError(f"the choice {shortened(str(each), 40)} comes twice")
    return Choice(tuple(choices))


def _range(table: Mapping[str, Any], kind: object) -> Range:
    if kind not in (int, float, Schedule):
        raise ValueError("is no number, so that it should have choices")
    whole = kind is int
    low, high = (_number(table, name, whole) for name in ("low", "high"))
    log, falls_to = table.get("log", False), table.get("falls_to")
    if not low < high:
        raise ValueError(f"the range from {low:g} to {high:g} is empty")
    if not isinstance(log, bool):
        raise ValueError("log should be true or false")
    if log and low <= 0:
        raise ValueError(f"low = {low:g} should be above 0 where log is true")
    if falls_to is not None:
        _refuse_fall(table, kind)
    return Range(low, high, log, falls_to, whole)


def _refuse_fall(table: Mapping[str, Any], kind: object) -> None:
    if kind is not Schedule:
        raise ValueError("cannot move while it trains, so that it has no falls_to")
    if not 0.0 <= _number(table, "falls_to", False) <= 1.0:
        raise ValueError("falls_to should be a part, from 0 to 1")


def _number(table: Mapping[str, Any], name: str, whole: bool) -> float:
    value = table[name]
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        kind = "whole number" if whole else "number"
        raise ValueError(f"{name} = {shortened(repr(value), 40)} should be a {kind}")
    if not abs(value) < 1e30:
        raise ValueError(f"{name} = {value} is no number that a setting can be")
    return value if whole else float(value)


def _is_same(choice: Any, value: Any) -> bool:
    """Whether a choice, as it is written, is a setting as it is in a recipe."""
    if isinstance(value, Schedule):
        shown = value.start if value.start == value.end else f"{value.start!r}:{value.end!r}"
        return bool(choice == shown)
    if isinstance(value, tuple):
        return bool(str(choice) == ",".join(map(str, value)))
    return type(choice) is type(value) and bool(choice == value)
