"""Collecting shards: whoever does it and in whatever order, the same rollout comes of it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from upright.ground import State, UprightError
from upright.policy import Policy, Weights
from upright.rollout import Rollout
from upright.scale.crew import Crew
from upright.scale.engine import Engine, Reply, Unit
from upright.scale.joining import joined
from upright.settings import Settings


class ShardedCollector:
    """What collects shards; it alone keeps what the next rollout depends on.

    Version v of the weights is what the policy, and its normaliser, are after v updates. Which of
    them acts in which rollout is fixed, whoever collects and however fast:

        rollout                          0   1   2   3   ...   v
        acts, where `lag` is 0           0   1   2   3   ...   v
        acts, where `lag` is 1           0   0   1   2   ...   v - 1

    With a lag, rollout v + 1 is begun when rollout v is whole and before anything is learned from
    it, hence with version v; it is collected while v is learned from, by workers, or afterwards,
    by this process. Its rows bring the log-probs of who acted, for PPO's ratio. What acts in the
    rollout under way is part of the state, so that whoever restores it collects it with the same.

    Args:
        engine: Does the units.
        policy: What acts; its weights are taken as they are when a rollout begins.
        settings: Number and width of the shards, what a rollout is, and the lag.
        seconds: After so many, a worker that does not answer counts as hung.
    """

    def __init__(
        self, engine: Engine, policy: Policy, settings: Settings, seconds: float = 60.0
    ) -> None:
        self._engine, self._policy, self._width = engine, policy, settings.shard_width
        self._crew = Crew(engine, seconds, settings.rollout_steps, self._width)
        self._version, self._ahead = 0, settings.collects_ahead
        self._states = [State() for _ in range(settings.shards)]
        self._acting: Weights = {}  # with a lag, what acts in the next rollout, once that is fixed

    def collect(self) -> Rollout:
        """The next rollout of every shard, side by side.

        Raises:
            UprightError: An environment is at fault, or a worker was lost again and again.
        """
        if not self._crew.busy:
            self._begin()
        replies = self._crew.finish()
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
        if self._ahead:
            self._acting = {}
            self._begin()
        return replace(rollout, begun_anew=tuple(lost), notes=tuple(notes))

    def _begin(self) -> None:
        """Let the next rollout be collected, by what acts in it already, else by the policy."""
        if self._ahead and not self._acting:
            self._acting = {name: array.copy() for name, array in self._policy.weights.items()}
        self._engine.publish(self._acting or self._policy.weights)
        self._crew.begin(
            [Unit(self._version, shard, state) for shard, state in enumerate(self._states)]
        )

    def state(self) -> State:
        """The next rollout's number, where every shard stands before it, and what acts in it."""
        own = State({"version": self._version, "shards": len(self._states)})
        parts = {f"shard{shard}": state for shard, state in enumerate(self._states)}
        if self._ahead:
            parts["acting"] = State({}, dict(self._acting))
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
        acting = self._recorded(state.part("acting")) if self._ahead and version else {}
        states = [state.part(f"shard{shard}") for shard in range(count)]
        begun = [shard for shard, each in enumerate(states) if each.values]
        units = [Unit(version, shard, states[shard], plays=False) for shard in begun]
        self._crew.dismiss()
        replies = dict(zip(begun, self._crew.do(units), strict=True))
        for shard, reply in replies.items():
            states[shard] = reply.after
        self._version, self._states, self._acting = version, states, acting
        if acting:
            self._begin()
        return self._lost(replies)

    def _recorded(self, acting: State) -> Weights:
        """The weights that act in the rollout that was under way.

        Raises:
            UprightError: They are not of this policy, or no numbers.
        """
        like = self._policy.weights
        found = {name: acting.array(name, each.shape, each.dtype) for name, each in like.items()}
        if not all(np.isfinite(array).all() for array in found.values()):
            raise UprightError("The recorded weights that act next are not all finite.")
        return found

    def close(self) -> None:
        """End the workers, whatever they are doing, and release the environments."""
        self._engine.close()

    def _lost(self, replies: Mapping[int, Reply]) -> list[int]:
        """Of all environments those that could not be brought to where they stood."""
        return [shard * self._width + n for shard, reply in replies.items() for n in reply.lost]
