"""A run's folder at a glance: its files are read when they change, and its logs where they grow."""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from upright.envs import is_code, reward_threshold
from upright.ground import TOML_BYTES, UprightError, read_bytes, read_json, status_of
from upright.runs.folder import METRICS_LOG, RUN_FILE, SETTINGS_FILE, VERDICT_FILE
from upright.runs.records import VerdictRecord
from upright.runs.tail import LogTail, file_signature
from upright.settings import Recipe, parse_recipe

SEED = b"seed = "


class Judged(NamedTuple):
    """What a recorded verdict says at a glance; `upright verify` is what proves it.

    Attributes:
        mean: Of the proof's recorded episodes.
        interval: The recorded 95% interval of it; None where the mean is outside.
        solved: Whether both evaluations reach the bar; None where there is none, or another one.
        threshold: The recorded bar.
        timesteps: Transitions until the judged policy.
    """

    mean: float
    interval: tuple[float, float] | None
    solved: bool | None
    threshold: float | None
    timesteps: int


class Sheet(NamedTuple):
    """What a settings.toml says.

    Attributes:
        recipe: All of it, of any seed; None where it cannot be read.
        bar: The mean return that counts as solved.
        is_told: Whether the bar is known without importing anybody's code.
        problem: Why it cannot be read.
    """

    recipe: Recipe | None
    bar: float | None
    is_told: bool
    problem: str


class Glance:
    """A run's folder, looked at again and again; what has not changed is not read again.

    Nothing that it says is believed, and nothing in it is executed.

    Args:
        path: The folder.

    Attributes:
        record: What run.json says; empty where it cannot be read.
        status: As `upright runs` tells it.
        sheet: What settings.toml says.
        judged: What evaluation.json says, if it can be.
        log: The curve.
        problem: Why run.json cannot be read, in a sentence; empty where it can.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.log = path, LogTail(path / METRICS_LOG)
        self.record: dict[str, Any] = {}
        self.status = self.problem = ""
        self.sheet = Sheet(None, None, False, "")
        self.judged: Judged | None = None
        self._signatures: dict[str, tuple[int, int, int] | None] = {}

    @property
    def is_run(self) -> bool:
        """Whether run.json is one, or cannot be read; else it is of something else."""
        return "schema" in self.record or bool(self.problem)

    def look(self) -> bool:
        """Read what has changed since the last look; whether anything had."""
        told, set_up, judged, grew = (
            self._has_news(RUN_FILE), self._has_news(SETTINGS_FILE), self._has_news(VERDICT_FILE),
            self.log.look(),
        )  # fmt: skip
        if told:
            self._read_record()
        if set_up:
            self.sheet = _sheet_at(self.path / SETTINGS_FILE)
        if set_up or judged:
            self.judged = _judged_at(self.path / VERDICT_FILE, self.sheet)
        status = status_of(self.path, self.record.get("status"))
        turned, self.status = status != self.status, status
        return told or set_up or judged or grew or turned

    @property
    def changed(self) -> float:
        """When its record or its curve changed last, in seconds since 1970."""
        known = (self._signatures.get(RUN_FILE), self.log.signature)
        return max((each[2] / 1e9 for each in known if each), default=0.0)

    def _has_news(self, name: str) -> bool:
        signature = file_signature(self.path / name)
        if name in self._signatures and self._signatures[name] == signature:
            return False
        self._signatures[name] = signature
        return True

    def _read_record(self) -> None:
        self.record, self.problem = {}, ""
        try:
            self.record = read_json(self.path / RUN_FILE)
        except UprightError as error:
            self.problem = error.message


def bar_of(recipe: Recipe) -> float | None:
    """The mean return that counts as solved, without importing what a recipe names.

    Raises:
        UprightError: It is an environment of somebody's own, or none that is known here.
    """
    if recipe.reward_threshold is None and is_code(recipe.judged_in):
        raise UprightError(f"{recipe.judged_in} would have to be imported to be asked.")
    return reward_threshold(recipe.judged_in, recipe.reward_threshold)


def judgement_of(recorded: VerdictRecord, bar: float | None, is_told: bool) -> Judged:
    """A recorded verdict, held against its own episodes and, where that is known, the bar.

    Raises:
        UprightError: They are none that could have been played.
    """
    mean, solved = recorded.outcome()
    low, high = recorded.interval
    return Judged(
        mean=mean,
        interval=(low, high) if low <= mean <= high else None,
        solved=solved if not is_told or recorded.threshold == bar else None,
        threshold=recorded.threshold,
        timesteps=recorded.timesteps,
    )


def _judged_at(path: Path, sheet: Sheet) -> Judged | None:
    with suppress(UprightError):
        return judgement_of(VerdictRecord.read(path), sheet.bar, sheet.is_told)
    return None


def _sheet_at(path: Path) -> Sheet:
    try:
        lines = read_bytes(path, TOML_BYTES).split(b"\n")
    except UprightError as error:
        return Sheet(None, None, False, error.message)
    return _sheet(b"\n".join(line for line in lines if not line.startswith(SEED)))


@lru_cache(maxsize=1024)  # many seeds have the same settings
def _sheet(text: bytes) -> Sheet:
    try:
        recipe = parse_recipe(text, SETTINGS_FILE)
    except UprightError as error:
        return Sheet(None, None, False, error.message)
    try:
        return Sheet(recipe, bar_of(recipe), True, "")
    except UprightError:
        return Sheet(recipe, None, False, "")
