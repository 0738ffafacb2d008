"""Kinds of settings: what each may be, how it is read from text, what is said of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer

from upright.ground import shortened
from upright.settings.kwargs import as_kwargs, is_place, parse_pairs, parse_wrapper

MOST_TEXTS, LONGEST_TEXT = 20, 900  # in settings.toml, which has to be read back
LARGEST_SETTING = 1e30  # well within 32-bit floats, also a few times over


class Schedule(NamedTuple):
    """A number that moves linearly from `start` to `end` over the training budget.

    Written as a number where it stays constant, else as the text "START:END".
    """

    start: float
    end: float

    def at(self, progress: float) -> float:
        """The value when the fraction `progress` in [0, 1] of the schedules' way is gone."""
        return self.start + (self.end - self.start) * min(max(progress, 0.0), 1.0)


def _parse_schedule(value: object) -> object:
    if isinstance(value, str) and ":" in value:
        value = value.split(":")
    elif not isinstance(value, list | tuple):
        value = (value, value)
    try:
        start, end = (float(part) for part in value)
    except (TypeError, ValueError):
        raise ValueError("should be a number, or START:END for a linear schedule") from None
    if not (0.0 <= start <= LARGEST_SETTING and 0.0 <= end <= LARGEST_SETTING):
        raise ValueError(
            f"should be a number from 0 to {LARGEST_SETTING:g}, or START:END of such numbers"
        )
    return Schedule(start, end)


def _write_schedule(value: Schedule) -> float | str:
    return value.start if value.start == value.end else f"{value.start!r}:{value.end!r}"


def _parse_sizes(value: object) -> object:
    if isinstance(value, str):
        return [part for part in value.split(",") if part.strip()]
    return value


def _parse_kwargs(value: object) -> object:
    if isinstance(value, Mapping):
        return as_kwargs(value)
    pairs = [value] if isinstance(value, str) else value
    if not isinstance(pairs, list | tuple) or not all(isinstance(pair, str) for pair in pairs):
        raise ValueError("should be a table of arguments, or texts such as key=value")
    return parse_pairs(pairs)


def _each(check: Callable[[str], object]) -> BeforeValidator:
    """One text or several, each of which `check` takes without a ValueError."""

    def parse(value: object) -> object:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not all(isinstance(each, str) for each in texts):
            raise ValueError("should be a text, or a list of texts")
        if len(texts) > MOST_TEXTS:
            raise ValueError(f"should be at most {MOST_TEXTS}")
        for each in texts:
            try:
                _refuse_unwritable(each)
                check(each)
            except ValueError as error:
                raise ValueError(f"{shortened(each, 80)!r}: {error}") from None
        return tuple(texts)

    return BeforeValidator(parse)


def _refuse_unwritable(text: str) -> None:
    if not 0 < len(text) <= LONGEST_TEXT or not text.isprintable():
        raise ValueError(f"should be 1 to {LONGEST_TEXT} characters that can be printed")


def _parse_name(value: object) -> object:
    if isinstance(value, str):
        _refuse_unwritable(value)
    return value


def _check_module(text: str) -> None:
    if not is_place(text):
        raise ValueError("should be a module such as minigrid, or file.py")


def _refuse_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("should be a number, not true or false")
    return value


ScheduleField = Annotated[
    Schedule,
    BeforeValidator(_parse_schedule),
    BeforeValidator(_refuse_bool),
    PlainSerializer(_write_schedule),
]
Int = Annotated[int, BeforeValidator(_refuse_bool)]
Float = Annotated[float, BeforeValidator(_refuse_bool)]
Natural = Annotated[int, Field(ge=0), BeforeValidator(_refuse_bool)]
Fraction = Annotated[float, Field(ge=0, le=1), BeforeValidator(_refuse_bool)]
Amount = Annotated[float, Field(ge=0, le=LARGEST_SETTING), BeforeValidator(_refuse_bool)]
Sizes = Annotated[
    tuple[Annotated[Int, Field(ge=1, le=1_000_000)], ...],
    Field(max_length=64),
    BeforeValidator(_parse_sizes),
]

Kwargs = Annotated[dict[str, Any], BeforeValidator(_parse_kwargs)]
Wrappers = Annotated[tuple[str, ...], _each(parse_wrapper)]
Modules = Annotated[tuple[str, ...], _each(_check_module)]
EnvName = Annotated[str, BeforeValidator(_parse_name)]
RayAddress = Annotated[str, BeforeValidator(_parse_name)]


def setting(default: Any, what: str, unit: str = "", source: str = "", **bounds: Any) -> Any:
    """One hyperparameter: its default, one sentence, its unit and where the default comes from."""
    return Field(
        default, description=what, json_schema_extra={"unit": unit, "source": source}, **bounds
    )


def described(
    default: Any, what: str, metavar: str, shown: str = "", flag: str = "", **bounds: Any
) -> Any:
    """A field of a run's that no algorithm learns from: what it is, and its flag's placeholder.

    `flag` is what its flag is called where that is not the field's name.
    """
    shown = shown or (f"{default:g}" if isinstance(default, int | float) else default)
    extra = {"default": shown, "metavar": metavar, "flag": flag}
    return Field(default, description=what, json_schema_extra=extra, **bounds)


def bounds(metadata: Iterable[Any]) -> str:
    """The range that a field's constraints allow, such as "at least 0 and at most 1"."""
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    parts = [
        f"{words[name]} {getattr(constraint, name):g}"
        for constraint in metadata
        for name in words
        if getattr(constraint, name, None) is not None
    ]
    return " and ".join(parts)


def as_text(value: Any) -> str:
    """A setting's value as it is written on the command line."""
    if isinstance(value, Schedule):
        return f"{value.start:g}" if value.start == value.end else f"{value.start:g}:{value.end:g}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
