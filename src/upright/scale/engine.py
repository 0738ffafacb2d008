"""What collects shards, behind one seam: it takes a unit, answers some time, or is lost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from upright.envs import Envs, EnvSource, make_envs
from upright.ground import State, Stream, derive_seed
from upright.policy import Policy, Weights
from upright.rollout import Rollout
from upright.settings import Backend, Settings

if TYPE_CHECKING:
    from upright.policy import ModuleFactory

# Seconds before a unit whose worker was lost is tried again: the first, second and third time.
WAITS = (0.1, 1.0, 5.0)


@dataclass(frozen=True)
class Job:
    """What every unit of a run has in common; a worker is sent it once.

    Attributes:
        env: What makes the environment.
        settings: The run's; they say how wide a shard is.
        seed: The run's.
        backend: How the environments of a shard run.
        device: Where the policy's arithmetic is done.
        make_module: Makes the policy's module, where it is the user's own.
    """

    env: EnvSource
    settings: Settings
    seed: int
    backend: Backend
    device: str
    make_module: "ModuleFactory | None" = None

    def envs(self, shard: int) -> Envs:
        """New environments of a shard, before their first episodes.

        Raises:
            UprightError: They cannot be made.
        """
        chosen, width = self.settings, self.settings.shard_width
        seed = derive_seed(self.seed, Stream.TRAINING, shard)
        return make_envs(self.env, width, seed, self.backend, mask=chosen.mask, first=shard * width)

    def policy(self, envs: Envs) -> Policy:
        """A policy over such environments, whose weights are still to be loaded."""
        spaces = (envs.observations.space, envs.actions.space)
        return Policy(*spaces, self.settings, None, self.device, self.make_module)


@dataclass(frozen=True)
class Unit:
    """One rollout of one shard, described so that anybody can do it and gets the same.

    Attributes:
        version: Which rollout of the run it is; the noise derives from it and the shard. What acts
            is what was published last before the unit was submitted.
        shard: The shard's number.
        before: `LocalCollector.state` after the unit before it; empty where this is the first, None
            where whoever does it has just answered with it and stands there still.
        plays: False to come to where `before` was taken, and no further.
        seconds: After so many, whoever does it counts as hung.
    """

    version: int
    shard: int
    before: State | None
    plays: bool = True
    seconds: float = 0.0


class Reply(NamedTuple):
    """What came of a unit.

    Attributes:
        rollout: The shard's; None where the unit does not play.
        after: What the next unit of this shard begins from.
        lost: The shard's environments that played `before` again, arrived at another observation,
            and began a new episode.
        seconds: That whoever did it took.
    """

    rollout: Rollout | None
    after: State
    lost: tuple[int, ...]
    seconds: float


class Fault(NamedTuple):
    """An environment, or what else is the user's, is at fault: a sentence and a hint."""

    message: str
    hint: str


class Lost(NamedTuple):
    """A worker will not answer any more; `how` is to be read after "its process"."""

    how: str


Response = Reply | Fault | Lost


class Engine(Protocol):
    """Workers, by number from 0, each of which does its units one after the other.

    Nothing is tried again here, and nothing that a worker keeps is relied upon.

    Attributes:
        workers: How many there may be.
        waits: Seconds before a unit whose worker was lost is tried again, each time that it may be.
    """

    workers: int
    waits: tuple[float, ...]

    def publish(self, weights: Weights) -> None:
        """What the units that are submitted from now on act with, taken as it is now."""

    def submit(self, worker: int, unit: Unit) -> None:
        """Let a worker, which begins to exist if it does not yet, do one more unit."""

    def wait(self, seconds: float) -> tuple[int, Response] | None:
        """Whichever worker answers first, or is lost; None if so much time passes."""

    def end(self, worker: int) -> None:
        """End a worker at once, and all that it had to do; the next unit begins another."""

    def close(self) -> None:
        """End all of them."""
