"""Upright: policy-gradient reinforcement learning that stands up in a second.

    import upright

    run = upright.train("CartPole-v1", algo="ppo", seed=0)
    run.evaluate(episodes=100)
    action, _ = run.policy.predict(obs, deterministic=True)

Importing this package loads neither PyTorch nor Gymnasium; the first use of a name does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from upright.errors import UprightError as UprightError
    from upright.evaluation import Evaluation as Evaluation
    from upright.experiment import train as train
    from upright.resumption import resume as resume
    from upright.run import Run as Run
    from upright.run import load as load
    from upright.trainer import Trainer as Trainer
    from upright.verification import verify as verify

__version__ = "0.1.0"

_HOMES = {
    "Evaluation": "evaluation",
    "Run": "run",
    "Trainer": "trainer",
    "UprightError": "errors",
    "load": "run",
    "resume": "resumption",
    "train": "experiment",
    "verify": "verification",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'upright' has no attribute '{name}'")
    return getattr(import_module(f"upright.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*_HOMES, "__version__"]
