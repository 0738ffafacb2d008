"""Collecting shards: whoever does it and in whatever order, the same rollout comes of it."""

from collections.abc import Mapping
from dataclasses import replace

from upright.ground import State, UprightError
from upright.policy import Policy
from upright.rollout import Rollout
from upright.scale.crew import Crew
from upright.scale.engine import Engine, Reply, Unit
from upright.scale.joining import joined
from upright.settings import Settings


class ShardedCollector:
    """What collects shards; it alone keeps what the next rollout depends on.

    Args:
        engine: Does the units.
        policy: What acts; its weights are taken anew at each `collect`.
        settings: Number and width of the shards, and what a rollout is.
        seconds: After so many, a worker that does not answer counts as hung.
    """

    def __init__(
        self, engine: Engine, policy: Policy, settings: Settings, seconds: float = 60.0
    ) -> None:
        self._engine, self._policy, self._width = engine, policy, settings.shard_width
        self._crew = Crew(engine, seconds, settings.rollout_steps, self._width)
        self._version = 0
        self._states = [State() for _ in range(settings.shards)]

    def collect(self) -> Rollout:
        """The next rollout of every shard, side by side.

        Raises:
            UprightError: An environment is at fault, or a worker was lost again and again.
        """
        self._engine.publish(self._policy.weights)
        units = [Unit(self._version, shard, state) for shard, state in enumerate(self._states)]
        replies = self._crew.do(units)
        rollout = joined([reply.rollout for reply in replies if reply.rollout is not None])
        self._states = [reply.after for reply in replies]
        self._version += 1
        lost, notes = self._lost(dict(enumerate(replies))), self._crew.notes
        if lost:
            notes.append(
                f"Not the run that it would have been: environment{'s'[: len(lost) > 1]} "
                f"{', '.join(map(str, lost))} played again arrived at another observation, and "
                "began a new episode."
            )
        self._crew.notes = []
        return replace(rollout, begun_anew=tuple(lost), notes=tuple(notes))

    def state(self) -> State:
        """The version of the weights that act next, and where every shard stands."""
        own = State({"version": self._version, "shards": len(self._states)})
        parts = {f"shard{shard}": state for shard, state in enumerate(self._states)}
        return State.joined({"sharded": own, **parts})

    def restore(self, state: State) -> list[int]:
        """Go on where `state` was taken; the environments whose episodes had to begin anew.

        Raises:
            UprightError: The state is not one of these shards.
        """
        own, count = state.part("sharded"), len(self._states)
        if own.count("shards") != count:
            raise UprightError(f"The recorded state is not one of {count} shards.")
        version = own.count("version")
        states = [state.part(f"shard{shard}") for shard in range(count)]
        begun = [shard for shard, each in enumerate(states) if each.values]
        units = [Unit(version, shard, states[shard], plays=False) for shard in begun]
        replies = dict(zip(begun, self._crew.do(units), strict=True))
        for shard, reply in replies.items():
            states[shard] = reply.after
        self._version, self._states = version, states
        return self._lost(replies)

    def close(self) -> None:
        """End the workers, and release the environments."""
        self._engine.close()

    def _lost(self, replies: Mapping[int, Reply]) -> list[int]:
        """Of all environments those that could not be brought to where they stood."""
        return [shard * self._width + n for shard, reply in replies.items() for n in reply.lost]
