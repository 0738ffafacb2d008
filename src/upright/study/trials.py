"""The trials of a search: asked for, trained seed by seed, pruned, and told."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

from upright.envs import evaluation_env, reward_threshold
from upright.ground import UprightError
from upright.runs import Run, held
from upright.settings import Recipe, SearchSpace
from upright.study.children import Children, Onlooker, SeedProgress
from upright.study.outcome import SeedRow, cost_of, row_of
from upright.study.plan import FIRST_SEARCH_SEED, Plan
from upright.study.search_folder import sampler_for, trial_folder
from upright.study.training import Begun, Work, refuse_busy, runs_there, task_of

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

# So often a trial is looked at in the course of its budget, and can be pruned.
LOOKS_AT_TRIAL = 20


@dataclass
class TrialProgress(SeedProgress):
    """How far a trial is; what is of one training only is of the newest.

    Attributes:
        trial: Its number.
        recipe: Its own, once it is drawn.
        asked: Optuna's.
        rows: What its finished trainings came to.
        looks: Those that Optuna was told of.
        is_pruned: Whether it came out worse than others at one of them.
    """

    noun: ClassVar[str] = "trial"

    trial: int = 0
    recipe: Recipe | None = None
    asked: "Trial | None" = None
    rows: list[SeedRow] = field(default_factory=list)
    looks: set[int] = field(default_factory=set)
    is_pruned: bool = False

    @property
    def number(self) -> int:
        """Which of its kind it is."""
        return self.trial


class Trials(Work, Onlooker):
    """Asks Optuna for trials, has them trained, and tells it what came of them.

    It is the work that is done, and looks on: what is drawn next depends on what was seen.

    Args:
        study: Optuna's.
        folder: The search's.
        recipe: Has all that is not drawn.
        space: What is drawn.
        plan: How far to go.
        onlooker: Is told how it goes.

    Attributes:
        every: How far each is, by number.
    """

    def __init__(
        self,
        study: "Study",
        folder: Path,
        recipe: Recipe,
        space: SearchSpace,
        plan: Plan,
        onlooker: Onlooker,
    ) -> None:
        super().__init__()
        self._study, self._folder, self._recipe, self._space = study, folder, recipe, space
        self._plan, self._onlooker = plan, onlooker
        self._is_over = False
        self._until: float | None = None
        self._children: Children | None = None
        threshold = reward_threshold(evaluation_env(recipe), recipe.reward_threshold)
        self._is_race = threshold is not None and recipe.until == "solved"
        # In a race a return beyond what is enough is no better: who gets there sooner is.
        self._enough = threshold if self._is_race and threshold is not None else float("inf")
        self._look_every = max(1, recipe.settings.total_timesteps // LOOKS_AT_TRIAL)
        self.every: list[TrialProgress] = []
        self._one((plan.trials or 1) - 1)

    def pick_up(self) -> None:
        """Take in what is there: trials that are over, and those that are to be gone on with.

        Raises:
            UprightError: Another process trains one of them.
        """
        if not self._study.get_trials(deepcopy=False):
            self._study.enqueue_trial(self._space.params(self._recipe))
        for told in self._asked():
            if told.state.is_finished():
                _recall(self._one(told.number), told)
            else:
                self._resume(told)

    def begin(self, children: Children) -> None:
        """From now on time counts; `children` are the trainings that go on."""
        self._children = children
        if self._plan.seconds is not None:
            self._until = time.monotonic() + self._plan.seconds

    def next(self) -> Begun | None:
        """The next training: a trial's next seed, else a new trial's first."""
        while not self._is_over and not self.waiting and self._may_ask():
            self._ask()
        return None if self._is_over else super().next()

    def stop(self) -> None:
        """Begin no more."""
        super().stop()
        self._is_over = True

    def changed(self, one: SeedProgress) -> None:
        """A training began or ended: what comes of that for its trial."""
        assert isinstance(one, TrialProgress)
        if one.state == "training" and one.rows:
            return
        if one.state == "finished":
            self._look(one)
        if one.is_pruned:
            one.state = "pruned"
        elif one.state == "failed" and not one.is_lost:  # one that was lost is gone on with
            self._fail(one, one.error)
        elif one.state == "finished" and one.folder is not None:
            self._go_on(one, one.folder)
        if one.state != "waiting":
            self._onlooker.changed(one)

    def noted(self, one: SeedProgress, note: str) -> None:
        """Say it again."""
        self._onlooker.noted(one, note)

    def moved(self) -> None:
        """Look at what was evaluated since, and at the clock."""
        for one in self.every:
            if one.state == "training":
                self._look(one)
        if self._until is not None and time.monotonic() > self._until:
            self.stop()
            if self._children is not None:
                self._children.stop()
        self._onlooker.moved()

    def _asked(self) -> "list[FrozenTrial]":
        """Optuna's trials, without one that nobody asked for yet."""
        every = self._study.get_trials(deepcopy=False)
        return [each for each in every if each.state.name != "WAITING"]

    def _one(self, number: int) -> TrialProgress:
        """How far a trial is."""
        while len(self.every) <= number:
            self.every.append(TrialProgress(FIRST_SEARCH_SEED, trial=len(self.every)))
        return self.every[number]

    def _may_ask(self) -> bool:
        return self._plan.trials is None or len(self._asked()) < self._plan.trials

    def _ask(self) -> None:
        self._study.sampler = sampler_for(self._plan.seed, len(self._asked()))
        asked = self._study.ask()
        one = self._one(asked.number)
        self._draw(one, asked)
        if one.state == "failed":
            self._onlooker.changed(one)

    def _resume(self, told: "FrozenTrial") -> None:
        """Go on with a trial that was running when the search ended."""
        from optuna.trial import Trial

        self._study.sampler = sampler_for(self._plan.seed, told.number)
        one, asked = self._one(told.number), Trial(self._study, told._trial_id)
        one.looks |= told.intermediate_values.keys()
        self._draw(one, asked)
        if one.state == "waiting" and one.looks and not one.rows and asked.should_prune():
            self.waiting.pop()
            self._prune(one)
            one.state = "pruned"

    def _draw(self, one: TrialProgress, asked: "Trial") -> None:
        """Settle what a trial trains; what does not fit together failed."""
        one.asked = asked
        params = self._space.draw(asked)
        try:
            one.recipe = self._recipe.changed(self._space.settings(params, self._recipe))
        except UprightError as error:
            self._fail(one, error.message)
            return
        self._go_on(one)

    def _go_on(self, one: TrialProgress, finished: Path | None = None) -> None:
        """Have the first training wait that is missing, or conclude where none is."""
        assert one.recipe is not None
        if finished is not None:
            one.rows.append(_row_of(finished))
        out = trial_folder(self._folder, one.trial)
        there, _ = runs_there(one.recipe, set(self._plan.seeds), out)
        refuse_busy(there)
        for seed in self._plan.seeds[len(one.rows) :]:
            path = there.get(seed)
            if path is None or Run(path).status != "finished":
                one.state, one.seed, one.folder, one.timesteps = "waiting", seed, path, 0
                one.mean = one.evaluation = None
                one.evaluations.clear()
                self.waiting.append((one, task_of(one.recipe, one, out, media=False)))
                return
            one.rows.append(_row_of(path))
        self._conclude(one)

    def _look(self, one: TrialProgress) -> None:
        """Hold the evaluations of a trial's first seed against others', at fixed steps."""
        if one.rows or one.is_pruned or one.asked is None:
            return
        for timesteps, mean in list(one.evaluations.items()):
            look = timesteps // self._look_every
            if look and look not in one.looks:
                self._report(one, look, mean)
                if one.asked.should_prune():
                    self._prune(one)
                    return

    def _report(self, one: TrialProgress, look: int, mean: float) -> None:
        assert one.asked is not None
        one.looks.add(look)
        one.asked.report(-min(mean, self._enough), look)

    def _prune(self, one: TrialProgress) -> None:
        """Tell it, and let its training write a checkpoint and end."""
        from optuna.trial import TrialState

        assert one.asked is not None
        one.is_pruned = True
        self._study.tell(one.asked, state=TrialState.PRUNED)
        if self._children is not None:
            self._children.stop(one)

    def _fail(self, one: TrialProgress, why: str) -> None:
        from optuna.trial import TrialState

        assert one.asked is not None
        one.state, one.error = "failed", why
        one.asked.set_user_attr("error", why)
        self._study.tell(one.asked, state=TrialState.FAIL)

    def _conclude(self, one: TrialProgress) -> None:
        """Tell what a trial came to; from its end on, its first seed counts with its proof."""
        assert one.asked is not None
        for look in range(max(one.looks, default=0) + 1, LOOKS_AT_TRIAL + 1):
            self._report(one, look, one.rows[0].mean)
        for name in ("solved", "mean", "steps"):
            one.asked.set_user_attr(name, [getattr(row, name) for row in one.rows])
        budget = self._recipe.settings.total_timesteps
        self._study.tell(one.asked, cost_of(one.rows, budget, self._is_race))
        _recall(one, self._study.get_trials(deepcopy=False)[one.trial])


def _recall(one: TrialProgress, told: "FrozenTrial") -> None:
    """What became of a trial that is over, as Optuna has it."""
    said = told.user_attrs
    one.error = str(said.get("error", ""))
    if told.state.name != "COMPLETE":
        one.state = "pruned" if told.state.name == "PRUNED" else "failed"
        return
    one.state, one.evaluation = "finished", fmean(said["mean"])
    one.solved = None if None in said["solved"] else all(said["solved"])
    one.timesteps = round(fmean(said["steps"]))


def _row_of(path: Path) -> SeedRow:
    run = Run(path, trust_code=True)
    return row_of(run, held(run))
