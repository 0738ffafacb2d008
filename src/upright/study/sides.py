"""Sides of a comparison: which runs are whose, and what keeps them from being compared."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from upright.envs import evaluation_env, in_full
from upright.ground import UprightError
from upright.runs import RUN_FILE, Metric, Run, held, is_anothers, replayed, run_folders
from upright.show.curves import Curve, curve_of, grouped
from upright.study.outcome import Rows, SeedRow, row_of

MORE = "`upright seeds` trains more."


class Side(Rows):
    """Runs of the same settings that are held against others'.

    Attributes:
        name: What it is called.
        runs: Its runs, at least two.
        curves: Their evaluations.

    Args:
        name: The same.
        curves: The same.
        behind: The run behind each curve, and its row.
    """

    def __init__(
        self, name: str, curves: Sequence[Curve], behind: Mapping[Curve, tuple[Run, SeedRow]]
    ) -> None:
        self.name, self.curves = name, tuple(curves)
        self.runs = tuple(behind[curve][0] for curve in curves)
        self.rows = tuple(behind[curve][1] for curve in curves)


def sides_of(named: Sequence[str], trust_code: bool = False, replay: bool = False) -> list[Side]:
    """The sides that words of a command line name, fit to be compared.

    A word is a run's folder, a bundle, a folder of runs or a pattern such as 'runs/*/ppo-s*'. Where
    every word is a single run, or there is one word, runs of the same settings are a side, as
    `show.curves.plot` groups them; else every word is a side.

    Args:
        named: The words.
        trust_code: Whether code that a run names may be imported.
        replay: Whether every verdict is repeated by playing.

    Raises:
        UprightError: There are no two sides, a side has one seed, a verdict does not hold, or the
            sides were judged otherwise or share a run.
    """
    if not all(named):
        raise UprightError("A side has no name.", "Say . for the folder that you are in.")
    found = {word: _opened(word, trust_code) for word in dict.fromkeys(named)}
    if not found:
        raise UprightError("There is nothing to compare.", "Name two folders of runs.")
    rows = {run: _row(run, replay) for runs in found.values() for run in runs}
    behind = {curve_of(run, Metric.EVALUATION): (run, row) for run, row in rows.items()}
    if len(found) == 1 or all(_is_run(word) for word in found):
        groups = [(name.rpartition(": ")[0], group) for name, group in grouped(list(behind))]
    else:
        groups = [
            (word, _one_kind(word, [each for each in behind if behind[each][0] in runs]))
            for word, runs in found.items()
        ]
    sides = [Side(name, group, behind) for name, group in groups]
    _refuse_unfit(sides)
    return sides


def _opened(word: str, trust_code: bool) -> list[Run]:
    paths = [Path(word)] if Path(word).exists() else _matching(Path(word))
    runs = [Run(each, trust_code=trust_code) for path in paths for each in _runs_at(path)]
    if not runs:
        raise UprightError(f"{word} names no run.", "`upright runs` lists the ones that there are.")
    return runs


def _matching(pattern: Path) -> list[Path]:
    """What a pattern finds, by path; of what is hidden nothing."""
    root = Path(pattern.anchor)
    relative = pattern.relative_to(root)
    with suppress(ValueError, NotImplementedError):  # it is no pattern
        found = sorted(root.glob(str(relative)))
        return [path for path in found if not path.name.startswith(".")]
    return []


def _runs_at(path: Path) -> list[Path]:
    """The run, or those of a folder; one that cannot be read is not passed over."""
    if not path.is_dir() or (path / RUN_FILE).is_file():
        return [path]
    return [found for found in run_folders(path) if not is_anothers(found)]


def _is_run(word: str) -> bool:
    return Path(word).is_file() or (Path(word) / RUN_FILE).is_file()


def _one_kind(word: str, curves: Sequence[Curve]) -> list[Curve]:
    """The curves of a word, which must be of runs of the same settings."""
    (name, group), *others = grouped(curves)
    if others:
        two = " and ".join(each.rpartition(": ")[0] for each in (name, others[0][0]))
        raise UprightError(
            f"{word} holds runs of {len(others) + 1} settings, such as {two}.",
            "Name a pattern for each, or this folder alone: its runs are grouped then.",
        )
    return group


def _row(run: Run, replay: bool) -> SeedRow:
    """What a run's verdict says, which must hold, of a training that has come to its end."""
    if run.status != "finished":
        raise _unverified(
            run,
            f"its status is {run.status}.",
            "`upright resume` brings it to its end; or leave it out.",
        )
    try:
        row = row_of(run, held(run))
        verification = replayed(run) if replay else None
    except UprightError as error:
        raise _unverified(run, error.message, error.hint) from error
    if verification is not None and not verification.holds:
        raise _unverified(run, verification.reason)
    return row


def _unverified(run: Run, reason: str, hint: str = "") -> UprightError:
    return UprightError(f"{run.source} is not verified: {reason}", hint or "Leave it out.")


def _refuse_unfit(sides: Sequence[Side]) -> None:
    if len(sides) < 2:
        raise UprightError(
            f"There is one side only, {sides[0].name}.", "Name runs of other settings beside it."
        )
    for side in sides:
        if len(side.runs) < 2:
            raise UprightError(
                f"{side.name} has one seed, which does not say how far seeds differ.", MORE
            )
    first, *others = sides
    for side in others:
        _refuse_other_protocol(first, side)
    whose: dict[str, Side] = {}
    for side in sides:
        for run in side.runs:
            digest = run.recorded_verdict().weights_sha256
            if whose.setdefault(digest, side) is not side:
                raise UprightError(
                    f"The run {run.source} is on two sides: {whose[digest].name} and {side.name}.",
                    "Compare runs of different settings, or of different seeds.",
                )


def _refuse_other_protocol(first: Side, side: Side) -> None:
    one = _protocol(first.runs[0])
    for run in (*first.runs, *side.runs):
        for name, value in _protocol(run).items():
            if one[name] != value:
                raise UprightError(
                    f"{first.name} and {side.name} were not judged alike: {name} {one[name]} and "
                    f"{value}.",
                    "What is compared is to be of one environment, judged in the same way.",
                )


def _protocol(run: Run) -> dict[str, Any]:
    """What must be alike for returns to say the same."""
    recipe, threshold = run.recipe, run.threshold
    judged = in_full(evaluation_env(recipe))
    return {
        "environment": recipe.env,
        "evaluation environment": judged.base,
        "its arguments": dict(judged.kwargs) or "none",
        "its wrappers": ", ".join(judged.wrappers) or "none",
        "threshold": "none" if threshold is None else threshold,
        "until": recipe.until,
        "eval_episodes": recipe.eval_episodes,
    }
