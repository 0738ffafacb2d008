"""Which seeds: as text such as 0-15 or 0,3,5-7, or as numbers."""

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from upright.ground import UprightError, printable, shortened

MOST_SEEDS, MOST_JOBS, LARGEST_SEED = 1000, 1000, 2**63 - 1
_RANGE = re.compile(r"(\d{1,19})(?:-(\d{1,19}))?", re.ASCII)
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smh])", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_HINT = "Say it as 0-15 or 0,3,5-7."


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds that a text names, in its order.

    Args:
        text: Numbers and ranges of them, both ends included, with commas between.

    Raises:
        UprightError: There is none or too many, one is negative or comes twice, or it is no such
            text.
    """
    if not text.strip():
        raise UprightError("No seed was named.", _HINT)
    found: list[int] = []
    for part in map(str.strip, text.split(",")):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise UprightError(_complaint(printable(shortened(part, 40))), _HINT)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UprightError(f"The range {part} of seeds runs backwards.", f"Say {last}-{first}.")
        found += range(first, min(last, first + MOST_SEEDS) + 1)
        _refuse_many(found)
    return refuse_seeds(found)


def refuse_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    """The same seeds, where they can be trained.

    Raises:
        UprightError: There is none or too many, or one is no seed or comes twice.
    """
    if not isinstance(seeds, Iterable):
        raise UprightError("Seeds are numbers, or a text such as 0-15.", "Say seeds=range(16).")
    found: list[int] = []
    seen: set[int] = set()
    for seed in islice(seeds, MOST_SEEDS + 1):
        if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
            raise UprightError(
                f"{shortened(repr(seed), 40)} is no seed: it should be a whole number from 0 to "
                "2**63 - 1."
            )
        if seed in seen:
            raise UprightError(f"The seed {seed} comes twice.", "A seed again is the same run.")
        seen.add(seed)
        found.append(seed)
    if not found:
        raise UprightError("No seed was named.", "Name some, say range(16).")
    _refuse_many(found)
    return tuple(found)


def parse_time(text: str) -> float:
    """The seconds that a text such as 90s, 10m or 2h names.

    Raises:
        UprightError: It names none.
    """
    match = _TIME.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if seconds <= 0.0:
        shown = printable(shortened(text, 40))
        raise UprightError(f"'{shown}' is no time.", "Say it as 90s, 10m or 2h.")
    return seconds


def refuse_unfit(
    env: object, jobs: int | None, settings: Mapping[str, Any], verb: str = "seeds"
) -> None:
    """Refuse what no process of its own can be handed, and what is no number of them.

    Args:
        env: What was named as the environment.
        jobs: How many processes at a time.
        settings: All else that was given.
        verb: Who takes them.

    Raises:
        UprightError: It is such.
    """
    if env is not None and not isinstance(env, str):
        raise UprightError(
            "Every training is a process of its own, which has no function of this one.",
            "Name the environment as module:Name or file.py:Name.",
        )
    for name, instead in _UNFIT.items():
        if settings.get(name) is not None:
            raise UprightError(f"{verb} takes no {name}.", instead)
    if jobs is not None and not (type(jobs) is int and 1 <= jobs <= MOST_JOBS):
        raise UprightError(f"jobs = {jobs!r} is out of range: should be 1 to {MOST_JOBS}.")


_ALONE = "Train each seed with upright.train, which takes it."
_HERE = "Every training of a search is a process of this machine."
_UNFIT = {
    "seed": "Say which with seeds=.",
    "policy": _ALONE,
    "loss": _ALONE,
    "engine": _HERE,
    "ray_address": _HERE,
}


def _refuse_many(seeds: list[int]) -> None:
    if len(seeds) > MOST_SEEDS:
        raise UprightError(f"That is more than {MOST_SEEDS:,} seeds.", "Name fewer at a time.")


def _complaint(part: str) -> str:
    if not part:
        return "The seeds have a comma with no seed beside it."
    if re.fullmatch(r"-\d+", part):
        return f"The seed {part} is negative."
    return f"'{part}' is neither a seed nor a range of seeds."
