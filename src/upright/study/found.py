"""What a search came to: its trials, the best of them, and how fresh seeds went with that."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from upright.ground import how_many
from upright.settings import Recipe
from upright.study.outcome import SeedRuns
from upright.study.search_folder import trial_folder

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FATE_OF = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "stopped"}


class TrialRow(NamedTuple):
    """What came of a trial.

    Attributes:
        trial: Its number.
        state: finished, pruned, failed, or stopped: the search ended before it did.
        folder: Where its runs are.
        settings: What was drawn.
        seeds: How many trained to an end.
        solved: How many of those are solved; None where there is no threshold.
        mean: The mean return over them.
        steps: The mean of the transitions until their judged policies.
        error: Why it failed.
    """

    trial: int
    state: str
    folder: str
    settings: dict[str, Any]
    seeds: int
    solved: int | None
    mean: float | None
    steps: float | None
    error: str


class Search:
    """A search, and what came of it.

    Attributes:
        folder: All of it.
        trials: What came of each, by number.
        ranked: Those that came to an end, the best first.
        recipe: The best one's, of any seed.
        config: That as a file, for `--config`.
        confirmation: How seeds that chose nothing went with it; None where there are none.
    """

    def __init__(
        self,
        folder: Path,
        trials: Sequence[TrialRow],
        ranked: Sequence[TrialRow],
        recipe: Recipe,
        config: Path,
        confirmation: SeedRuns | None,
    ) -> None:
        self.folder, self.trials, self.ranked = folder, tuple(trials), tuple(ranked)
        self.recipe, self.config, self.confirmation = recipe, config, confirmation

    def __repr__(self) -> str:
        worth = self.confirmation.sentences() if self.confirmation else []
        return f"<{self.folder}: {' '.join(self.sentences())} {'; '.join(worth)}>"

    @property
    def best(self) -> TrialRow:
        """The best trial: a selection, whose own numbers flatter it."""
        return self.ranked[0]

    @property
    def failures(self) -> dict[str, str]:
        """Why trainings failed, by what they were."""
        trials = {f"trial {row.trial}": row.error for row in self.trials if row.state == "failed"}
        seeds = self.confirmation.failures if self.confirmation else {}
        return trials | {f"seed {seed}": error for seed, error in seeds.items()}

    def sentences(self) -> list[str]:
        """All of it in words."""
        return [
            counted_trials(self.trials),
            _best(self.best),
            worth_of(len(self.ranked), self.confirmation),
        ]

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        confirmation = None if self.confirmation is None else self.confirmation.as_dict()
        return {
            "env": self.recipe.env,
            "algo": self.recipe.algo,
            "folder": str(self.folder),
            "trials": [row._asdict() for row in self.trials],
            "best": self.best.trial,
            "config": str(self.config),
            "confirmation": confirmation,
            "failed": [{"of": name, "error": error} for name, error in self.failures.items()],
        }


def row_of_trial(folder: Path, told: "FrozenTrial", settings: Mapping[str, Any]) -> TrialRow:
    """What Optuna has of a trial.

    Args:
        folder: The search's.
        told: It.
        settings: What was drawn, as settings.
    """
    said = told.user_attrs
    solved = said.get("solved", [])
    return TrialRow(
        trial=told.number,
        state=FATE_OF[told.state.name],
        folder=str(trial_folder(folder, told.number)),
        settings=dict(settings),
        seeds=len(solved),
        solved=None if None in solved else sum(solved),
        mean=fmean(said["mean"]) if solved else None,
        steps=fmean(said["steps"]) if solved else None,
        error=str(said.get("error", "")),
    )


def counted_trials(trials: Sequence[TrialRow]) -> str:
    """How many trials there are, and what became of them."""
    states = Counter(row.state for row in trials)
    words = {
        "finished": "came to an end",
        "pruned": "pruned, being worse than half of the others",
        "failed": "failed",
        "stopped": "stopped before an end",
    }
    parts = [f"{states[state]} {said}" for state, said in words.items() if states[state]]
    return f"{len(trials)} trial{'s'[: len(trials) > 1]}: {', '.join(parts)}."


def worth_of(tried: int, confirmation: SeedRuns | None) -> str:
    """What the best trial's own numbers are worth, and what counts."""
    chosen = (
        f"It was chosen as the best of {tried}, which flatters its own numbers"
        if tried > 1
        else "It is a single trial"
    )
    if confirmation is None:
        return f"{chosen}, and no fresh seed confirms it: `upright seeds` trains some."
    seeds = len(confirmation.rows)
    return f"{chosen}. What counts is {how_many(seeds, 'seed')} that the search never used:"


def _best(row: TrialRow) -> str:
    steps = f"{row.steps:,.0f} steps"
    if row.solved is None:
        return f"The best is trial {row.trial}: mean return {row.mean:z,.1f} after {steps}."
    return (
        f"The best is trial {row.trial}: {row.solved} of {row.seeds} seeds solved, mean return "
        f"{row.mean:z,.1f} after {steps}."
    )
