"""What a worker is sent before its first unit: only what it can import, whoever runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.reduction import ForkingPickler
from types import ModuleType

from gymnasium.envs.registration import EnvSpec

from upright.envs import name_of, registration_of
from upright.ground import UprightError
from upright.policy import called
from upright.scale.engine import Job


def sendable(job: Job) -> EnvSpec | None:
    """What a worker has to know of the environment's id, once the job is known to travel.

    Raises:
        UprightError: Something of the job is a function that no other process can import.
    """
    spec = registration_of(job.env)
    own = {
        f"the environment {name_of(job.env)}": (job.env, spec),
        f"the policy {called(job.make_module)}": job.make_module,
    }
    for what, value in own.items():
        _refuse_unsendable(what, value)
    return spec


@contextmanager
def without_main() -> Iterator[None]:
    """A worker needs nothing of the script that is running, which it would run from its top."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _refuse_unsendable(what: str, value: object) -> None:
    """Refuse what another process cannot import; `what` says whose it is.

    Raises:
        UprightError: It cannot.
    """
    try:
        with without_main():
            ForkingPickler.dumps(value)
    except Exception as error:
        raise UprightError(
            f"No worker process can import {what}: it is defined in the running script or "
            "notebook, or inside a function.",
            "Put it into a file of its own and import or name it (file.py:Name), or say "
            "workers = 0.",
        ) from error
