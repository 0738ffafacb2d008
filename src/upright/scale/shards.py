"""Doing units: every shard keeps what it played last, which saves playing it again."""

import time
from contextlib import suppress
from dataclasses import replace

import numpy as np

from upright.ground import (
    Array,
    State,
    Stream,
    UprightError,
    derive_seed,
    generator_state,
    restore_generator,
)
from upright.policy import Policy, Weights
from upright.rollout import LocalCollector, Rollout
from upright.scale.engine import Job, Reply, Unit


class Shards:
    """Some shards of a run, whichever units come.

    Args:
        job: What the run's units have in common.
        policy: Acts; None to make one, which acts with what was loaded.
    """

    def __init__(self, job: Job, policy: Policy | None = None) -> None:
        self._job, self._policy = job, policy
        self._weights: Weights = {}
        self._kept: dict[int, tuple[LocalCollector, np.random.Generator, State]] = {}

    def load(self, weights: Weights) -> None:
        """Act with these from now on."""
        self._weights = weights
        if self._policy is not None:
            self._policy.load(weights)

    def do(self, unit: Unit) -> Reply:
        """The unit, from what it says alone; what is kept of its shard only saves time.

        Raises:
            UprightError: An environment is at fault, or the state is not one of this run.
        """
        began = time.perf_counter()
        collector, rng, lost = self._brought_to(unit)
        rollout = None
        if unit.plays:
            seed = derive_seed(self._job.seed, Stream.ACTIONS, unit.version, unit.shard)
            restore_generator(rng, generator_state(np.random.default_rng(seed)))
            rollout = collector.collect()
            if self._job.settings.collects_ahead:
                rollout = replace(rollout, log_probs=self._log_probs(rollout))
        after = collector.state()
        self._kept[unit.shard] = (collector, rng, after)
        return Reply(rollout, after, lost, time.perf_counter() - began)

    @np.errstate(all="ignore")  # numbers are checked once the rollouts are joined
    def _log_probs(self, rollout: Rollout) -> Array:
        """Log pi(a|s) of the policy that acted, [T, N]: who learns has other weights by then."""

        def flat(rows: Array) -> Array:
            return rows.reshape(-1, *rows.shape[2:])

        assert self._policy is not None
        masks = None if rollout.masks is None else flat(rollout.masks)
        said = self._policy.log_probs(flat(rollout.obs[:-1]), flat(rollout.actions), masks)
        return said.reshape(rollout.rewards.shape)

    def _brought_to(
        self, unit: Unit
    ) -> tuple[LocalCollector, np.random.Generator, tuple[int, ...]]:
        """The shard where the unit begins, kept no more: what fails from here on is lost."""
        if unit.shard in self._kept:
            collector, rng, stands = self._kept.pop(unit.shard)
            if unit.before is None or stands.same_as(unit.before):
                return collector, rng, ()
            collector.close()
        collector, rng = self._made(unit.shard)
        if unit.before is None:
            raise UprightError(f"Shard {unit.shard} does not stand where its next unit begins.")
        if not unit.before.values:
            return collector, rng, ()
        try:
            return collector, rng, tuple(collector.restore(unit.before))
        except BaseException:
            collector.close()
            raise

    def _made(self, shard: int) -> tuple[LocalCollector, np.random.Generator]:
        """The shard before its first unit."""
        envs, chosen = self._job.envs(shard), self._job.settings
        if self._policy is None:
            self._policy = self._job.policy(envs)
            if self._weights:
                self._policy.load(self._weights)
        rng = np.random.default_rng(0)  # every unit sets it
        parts = (envs, self._policy, rng, chosen.rollout_steps, chosen.episodes_per_env)
        return LocalCollector(*parts), rng

    def close(self) -> None:
        """Release the environments."""
        for collector, _, _ in self._kept.values():
            with suppress(Exception):
                collector.close()
        self._kept.clear()
