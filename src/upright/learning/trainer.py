"""The loop in the open: every iteration is one collect and one update. No files, no printing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType

from upright.envs import Envs, EnvSource, is_gymnasiums_own, make_envs, training_env
from upright.ground import (
    NonFiniteError,
    State,
    Stream,
    UprightError,
    derive_seed,
    generator,
    limit_threads,
)
from upright.learning.algorithm import Metrics
from upright.learning.ladder import ALGORITHMS
from upright.policy import Own, Policy, Weights, choose_device, torch_part
from upright.rollout import (
    Collector,
    Episode,
    Rollout,
    blame,
    refuse_nonfinite,
    refuse_outside,
)
from upright.scale import collector_of
from upright.settings import Recipe


@dataclass(frozen=True)
class Iteration:
    """One collect and one update.

    Attributes:
        number: Counted from 1.
        timesteps: Environment transitions so far, over all environments.
        episodes: The episodes that finished in this iteration.
        total_episodes: Finished episodes so far.
        metrics: What the update reported, under the names that go to the metrics file.
        notes: What happened meanwhile and changed nothing of it, in sentences.
    """

    number: int
    timesteps: int
    episodes: tuple[Episode, ...]
    total_episodes: int
    metrics: Metrics
    notes: tuple[str, ...] = field(default=(), compare=False)


class PoisonedError(UprightError):
    """A number that is not finite stopped the training before the weights changed.

    Attributes:
        rollout: What was collected in that iteration.
    """

    def __init__(
        self, tensor: str, found: float, iteration: int, place: str, rollout: Rollout
    ) -> None:
        super().__init__(
            f"{tensor} became {found} in iteration {iteration}{place}; training stopped.",
            "Look at the environment's numbers, or try a smaller learning_rate.",
        )
        self.iteration, self.rollout = iteration, rollout


class Trainer:
    """An iterator over training iterations, until the budget is spent.

    Args:
        recipe: What is to be trained, complete.
        env: What makes the environment: the recipe's name for it, or a function.
        own: The user's own network and loss.

    Attributes:
        mask_size: P, where the newest rollout had action masks [T, N, P]; else None.

    Raises:
        UprightError: The environment or one of its spaces will not do, or PyTorch is missing.
    """

    def __init__(self, recipe: Recipe, env: EnvSource, own: Own | None = None) -> None:
        self.recipe, self.settings = recipe, recipe.settings
        self.env = training_env(recipe, env)
        limit_threads(recipe.threads)
        self.device, self.device_reason = choose_device(recipe.device)
        seed, chosen = recipe.seed, self.settings
        envs = make_envs(
            self.env,
            1 if chosen.shards else chosen.num_envs,  # for their spaces; what collects makes others
            derive_seed(seed, Stream.TRAINING),
            chosen.backend,
            chosen.mask,
        )
        try:
            self._learn_from(envs, own or Own())
        except BaseException:
            envs.close()
            raise

    def _learn_from(self, envs: Envs, own: Own) -> None:
        """Make the policy, and what collects and learns, around the environments."""
        recipe, chosen, seed = self.recipe, self.settings, self.recipe.seed
        self.backend, self.exact = envs.backend, envs.exact
        self._accepts_outside = recipe.outside_space == "accept" or (
            recipe.outside_space == "auto" and is_gymnasiums_own(self.env)
        )
        self.policy = Policy(
            envs.observations.space,
            envs.actions.space,
            chosen,
            derive_seed(seed, Stream.WEIGHTS),
            self.device,
            own.policy,
        )
        self.algorithm = ALGORITHMS[recipe.algo](
            self.policy,
            chosen,
            generator(seed, Stream.MINIBATCHES),
            None if own.loss is None else partial(torch_loss().expressed, own.loss),
        )
        limit_threads(recipe.threads)  # PyTorch may have been loaded meanwhile
        self.collector: Collector = collector_of(
            recipe, self.env, envs, self.policy, self.device, own
        )
        self.iterations = self.timesteps = self.episodes = 0
        self.mask_size: int | None = None

    @property
    def progress(self) -> float:
        """The fraction of the budget that is spent."""
        spent = self.timesteps / self.settings.total_timesteps
        if self.settings.total_episodes:
            spent = max(spent, self.episodes / self.settings.total_episodes)
        return min(spent, 1.0)

    @property
    def schedule_progress(self) -> float:
        """The fraction of the schedules' way that is gone."""
        if self.settings.schedule_timesteps == 0:
            return self.progress
        return min(self.timesteps / self.settings.schedule_timesteps, 1.0)

    def __iter__(self) -> Iterator[Iteration]:
        return self

    def __next__(self) -> Iteration:
        if self.progress >= 1.0:
            raise StopIteration
        rollout = self.collector.collect()
        while not rollout.timesteps:  # a short one, in which every row is an autoreset
            rollout = self.collector.collect()
        self.algorithm.begin_anew(rollout.begun_anew)
        with self._refusing(rollout):
            refuse_nonfinite(rollout, self.policy.observations)
            if not self._accepts_outside:
                refuse_outside(rollout, self.policy.observations)
            metrics = self._update(rollout)
        self.mask_size = None if rollout.masks is None else rollout.masks.shape[2]
        self.iterations += 1
        self.timesteps += rollout.timesteps
        self.episodes += len(rollout.episodes)
        counts = (self.iterations, self.timesteps, rollout.episodes, self.episodes)
        return Iteration(*counts, metrics, rollout.notes)

    def _update(self, rollout: Rollout) -> Metrics:
        """One update, or none: a number that is not finite takes all of its steps back."""
        before = self.algorithm.snapshot()
        try:
            return self.algorithm.update(rollout, self.schedule_progress)
        except NonFiniteError:
            self.algorithm.undo(before)
            raise

    @contextmanager
    def _refusing(self, rollout: Rollout) -> Iterator[None]:
        """Let a number that is not finite stop the training with its iteration and its batch."""
        try:
            yield
        except NonFiniteError as error:
            place = error.place or f"; {blame(self.policy, rollout)}"
            number = self.iterations + 1
            raise PoisonedError(error.tensor, error.found, number, place, rollout) from error

    def state(self) -> State:
        """Everything that the next iteration depends on besides the weights."""
        counters = {
            "iterations": self.iterations,
            "timesteps": self.timesteps,
            "episodes": self.episodes,
        }
        return State.joined(
            {
                "counters": State(counters),
                "algorithm": self.algorithm.state(),
                "collector": self.collector.state(),
            }
        )

    def restore(self, weights: Weights, state: State) -> list[int]:
        """Go on exactly where `state` was taken; which environments' episodes began anew.

        Args:
            weights: The policy's, of that moment.
            state: What `state` gave.

        Raises:
            UprightError: They are not of this trainer's settings and environment.
        """
        counters = state.part("counters")
        self.policy.load(weights)
        self.algorithm.restore(state.part("algorithm"))
        lost = self.collector.restore(state.part("collector"))
        self.algorithm.begin_anew(lost)
        self.iterations = counters.count("iterations")
        self.timesteps = counters.count("timesteps")
        self.episodes = counters.count("episodes")
        return lost

    def close(self) -> None:
        """Release the environments."""
        self.collector.close()


def torch_loss() -> ModuleType:
    """What turns an expression of PyTorch's into a loss, loaded now.

    Raises:
        UprightError: PyTorch is not installed.
    """
    torch_part("torch_network", "A loss of your own")
    from upright.learning import torch_loss

    return torch_loss
