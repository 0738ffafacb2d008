"""A worker process: it does one unit after the other until nobody is there to ask for one."""

import os
import signal
import threading
from contextlib import closing, suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler

from gymnasium.envs.registration import EnvSpec

from upright.envs import register_as
from upright.ground import UprightError, alarm, limit_threads
from upright.scale.engine import Fault, Job, Response, Unit
from upright.scale.shards import Shards

# A unit, and the weights as `ForkingPickler` writes them, where they are others than before.
Message = tuple[Unit, bytes]


def serve(pipe: "Connection[Response, Message]", job: Job, spec: EnvSpec | None) -> None:
    """Answer units until the pipe ends, which it does with its other side.

    Ctrl-C is the driver's affair: it ends this process, by ending the pipe.

    Args:
        pipe: To the driver.
        job: What the run's units have in common.
        spec: What the driver knows of the environment's id.
    """
    _leave_interrupts()
    threading.Thread(target=_end_with_the_driver, daemon=True).start()
    limit_threads(1)
    register_as(spec)
    with suppress(EOFError, OSError), closing(Shards(job)) as shards:
        while True:
            unit, weights = pipe.recv()
            if weights:
                shards.load(ForkingPickler.loads(weights))
            # What hangs in C holds this process, and no thread of it can end it then.
            with alarm(2 * unit.seconds):
                answer = answer_to(shards, unit)
            pipe.send(answer)


def answer_to(shards: Shards, unit: Unit) -> Response:
    """What comes of a unit, or who is at fault."""
    try:
        return shards.do(unit)
    except UprightError as error:
        return Fault(error.message, error.hint)


def _leave_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):  # it was begun with interrupts held back
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_with_the_driver() -> None:
    """Leave nothing running, whatever this process does when its driver is gone."""
    driver = parent_process()
    if driver is not None:
        wait([driver.sentinel])
        os._exit(1)
