"""Environments stepped side by side in worker processes."""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from numpy.typing import NDArray

from upright.envs.episodes import Episodes
from upright.envs.guard import FAULT, Guard, Replayed, make_worker
from upright.envs.sources import EnvSource, make_env, name_of
from upright.envs.step import Backend, Step
from upright.ground import Array, Bools, State, UprightError

_T = TypeVar("_T")
ENDING_SECONDS = 1.0


class AsyncEnvs:
    """Environments in worker processes; they never reset by themselves.

    Args:
        env: What makes the environment.
        num_envs: N.
        seed: Where all episodes derive from.
        timeout: Seconds after which a worker that does not answer counts as hung.
    """

    backend: Backend = "async"
    replaces_final_obs = True
    exact = True

    def __init__(self, env: EnvSource, num_envs: int, seed: int, timeout: float) -> None:
        like, parent = Guard(make_env(env), 0), os.getpid()
        spaces = (like.observation_space, like.action_space)
        like.close()
        make = partial(make_worker, env, spaces, parent, timeout)
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
        self.num_envs, self._timeout, self._broken = num_envs, timeout, False
        self._episodes = Episodes(seed, num_envs)
        self.observation_space = self._vector.single_observation_space
        self.action_space = self._vector.single_action_space

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """A new episode everywhere, each from its own seed."""
        if seed is not None:
            self._episodes = Episodes(seed, self.num_envs)
        return self.restart(np.ones(self.num_envs, np.bool_), np.empty(0, np.float32))

    def step(self, actions: Array) -> Step:
        """One action in every environment."""
        self._episodes.acted(actions.tolist() if actions.ndim == 1 else list(actions))

        def exchange() -> tuple[Any, ...]:
            self._vector.step_async(actions)
            return self._vector.step_wait(self._timeout)

        obs, rewards, terminated, truncated, infos = self._ask(exchange)
        self._refuse_faults(infos)
        valid = np.ones(self.num_envs, np.bool_)
        return Step(np.array(obs, np.float32), rewards, terminated, truncated, valid)

    def restart(self, done: Bools, obs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reset the environments that are done, each to the seed of its next episode."""
        seeds = self._episodes.begin(done)

        def exchange() -> tuple[Any, ...]:
            self._vector.reset_async(seed=seeds, options={"reset_mask": done})
            return self._vector.reset_wait(self._timeout)

        fresh, infos = self._ask(exchange)
        self._refuse_faults(infos)
        return np.array(fresh, np.float32)

    def state(self, unfinished: bool = True) -> State:
        """The episodes' seeds and actions."""
        return self._episodes.state(self.action_space, unfinished)

    def restore(
        self, state: State, obs: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32] | None, Bools]:
        """Every unfinished episode played again, all workers at once."""
        lost = np.zeros(self.num_envs, np.bool_)
        if not self._episodes.restore(state, self.action_space) or obs is None:
            return obs, lost
        seeds, actions = self._episodes.current_seeds(), self._episodes.actions
        patience = self._timeout * (1 + max(map(len, actions)))

        def exchange() -> tuple[Any, ...]:
            self._vector.call_async("replay_own", seeds, actions)
            return self._vector.call_wait(patience)

        replayed: tuple[Replayed, ...] = self._ask(exchange)
        for n, stands in enumerate(replayed):
            lost[n] = not stands.whole or stands.obs.tobytes() != obs[n].tobytes()
        if lost.any():
            fresh = self.restart(lost, obs)
            obs = np.where(lost.reshape(-1, *[1] * (obs.ndim - 1)), fresh, obs)
        return obs, lost

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

    def _ask(self, exchange: Callable[[], _T]) -> _T:
        """Exchange messages with all workers; what goes wrong names the worker."""
        self._broken = True
        try:
            answer = exchange()
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
        return answer

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
            raise UprightError(
                str(infos[FAULT][index]), "The environment is at fault; mend it, or train another."
            )


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
