"""Environments stepped side by side in worker processes."""

import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

from upright.envs.composition import EnvSource, name_of
from upright.envs.episodes import SeededEnvs
from upright.envs.guard import FAULT, Guard, Stand, make_worker
from upright.envs.masks import MASK, Mask
from upright.envs.sources import make_env
from upright.envs.step import Step
from upright.ground import Array, Bools, UprightError
from upright.settings import Backend

ENDING_SECONDS = 1.0


class AsyncEnvs(SeededEnvs):
    """Environments in worker processes; they never reset by themselves.

    Args:
        env: What makes the environment.
        num_envs: N.
        seed: Where all episodes derive from.
        timeout: Seconds after which a worker that does not answer counts as hung.
        mask: Whether the environments are asked for action masks.
        first: The number that people know the first of them by.
    """

    backend: Backend = "async"

    def __init__(
        self,
        env: EnvSource,
        num_envs: int,
        seed: int,
        timeout: float,
        mask: Mask = "auto",
        first: int = 0,
    ) -> None:
        like, parent = make_env(env), os.getpid()
        super().__init__(like, num_envs, seed, first)
        spaces = (self.observations.space, self.actions.space)
        Guard(like, 0).close()
        make = partial(make_worker, env, spaces, parent, timeout, mask)
        factories = [partial(make, n) for n in range(num_envs)]
        before, began = set(multiprocessing.active_children()), time.monotonic()
        try:
            self._vector = AsyncVectorEnv(factories, autoreset_mode=AutoresetMode.DISABLED)
        except (EOFError, OSError) as error:
            late = time.monotonic() - began >= timeout
            _end(list(set(multiprocessing.active_children()) - before), 0.0)
            how = f"did not make {name_of(env)} within {timeout:g} s"
            raise UprightError(
                f"A worker process {how if late else f'ended while it made {name_of(env)}'}.",
                "--backend sync makes it in this process, and shows why.",
            ) from error
        self._timeout, self._broken = timeout, False

    def step(self, actions: Array) -> Step:
        """One action in every environment."""
        self._acted(actions)
        with self._asking():
            self._vector.step_async(actions)
            shown, rewards, terminated, truncated, infos = self._vector.step_wait(self._timeout)
        self._refuse_faults(infos)
        if self.masks is not None:
            self.masks = infos[MASK]
        obs = np.array(shown, self.observations.dtype)
        any_done = bool((terminated | truncated).any())
        return Step(obs, rewards, terminated, truncated, self._everything, any_done)

    def _reset_into(self, obs: Array, seeds: Sequence[int | None], done: Bools) -> None:
        with self._asking():
            self._vector.reset_async(seed=list(seeds), options={"reset_mask": done})
            fresh, infos = self._vector.reset_wait(self._timeout)
        self._refuse_faults(infos)
        obs[done] = fresh[done]
        nothing: list[None] = [None] * self.num_envs
        said = zip(infos.get(MASK, nothing), infos.get(f"_{MASK}", nothing), strict=True)
        self._allow(done, [mask if is_said else None for mask, is_said in said])

    def _replay(self, seeds: Sequence[int]) -> Iterable[Stand | None]:
        with self._asking():
            self._vector.call_async("replay", seeds, self._actions)
            return self._vector.call_wait(self._timeout * (1 + max(map(len, self._actions))))

    def close(self) -> None:
        """End the workers; at once where one of them no longer answers."""
        if self._vector.closed:
            return
        pipes = [pipe for pipe in self._vector.parent_pipes if pipe is not None]
        for pipe in [] if self._broken else pipes:
            with suppress(OSError):
                pipe.send(("close", None))
        _end(self._vector.processes, 0.0 if self._broken else self._timeout)
        for pipe in pipes:
            pipe.close()
        self._vector.closed = True

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Around an exchange of messages with all workers; what goes wrong names the worker."""
        self._broken = True
        try:
            yield
        except multiprocessing.TimeoutError as error:
            silent = [n for n, pipe in enumerate(self._vector.parent_pipes) if not pipe.poll(0)]
            raise UprightError(
                f"Environment {silent[0] if silent else '?'}: its worker process has not answered "
                f"for {self._timeout:g} s.",
                "If a step may take that long, allow more with --env-timeout.",
            ) from error
        except (EOFError, OSError) as error:
            raise self._death() from error
        self._broken = False

    def _death(self) -> UprightError:
        for n, process in enumerate(self._vector.processes):
            process.join(0.2)
            if process.exitcode is not None:
                code = process.exitcode
                how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
                return UprightError(
                    f"Environment {n}: its worker process ended {how}.",
                    "Perhaps it crashed, or the machine ran out of memory.",
                )
        return UprightError("A worker process stopped answering.")

    def _refuse_faults(self, infos: dict[str, Any]) -> None:
        if FAULT in infos:
            index = int(infos[f"_{FAULT}"].nonzero()[0][0])
            raise UprightError(*infos[FAULT][index])


def _end(processes: Sequence[BaseProcess], patience: float) -> None:
    """Wait so long for processes to end by themselves, then end them, at last as only SIGKILL can.

    A stopped process, or one that ignores it, is not ended by SIGTERM.
    """
    _join(processes, patience)
    for end in (BaseProcess.terminate, BaseProcess.kill):
        left = [process for process in processes if process.exitcode is None]
        for process in left:
            end(process)
        _join(left, ENDING_SECONDS)


def _join(processes: Sequence[BaseProcess], seconds: float) -> None:
    until = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
