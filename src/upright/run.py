"""The run folder, read.

run.json  settings.toml  command.txt  metrics.jsonl  episodes.jsonl  events.out.tfevents.*
checkpoints/000016384/  policy.safetensors  evaluation.json
"""

import shutil
import weakref
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upright.bundle import unpack
from upright.checkpoint import (
    READABLE,
    choose_checkpoint,
    load_weights,
    read_checkpoint,
    whole_checkpoints,
)
from upright.envs import EnvSource, is_code, reward_threshold
from upright.errors import UprightError
from upright.evaluation import EPISODES, Evaluation, Evaluator
from upright.files import checkpoints
from upright.lock import status_of
from upright.logs import read_episodes, read_metrics
from upright.policy import Policy, Weights
from upright.reading import read_json
from upright.recipe import Recipe, read_recipe
from upright.seeding import Stream, derive_seed
from upright.spaces import space_from_json
from upright.state import State
from upright.verdict import Verdict, best_weights, read_verdict

if TYPE_CHECKING:
    from upright.show.plot import Picture
    from upright.show.replay import Replay

UNENDED = ("running", "died")


class Run:
    """A run folder, or a bundle of one, read; nothing in it is executed.

    Args:
        path: The folder or the bundle. A bundle is unpacked into a temporary folder that goes with
            this object.
        env: What makes the environment, where the recorded name is not a registered id.
        trust_code: Whether a recorded name such as "module:Name" may be imported.

    Raises:
        UprightError: It is not a run.
    """

    def __init__(
        self, path: str | Path, env: EnvSource | None = None, trust_code: bool = False
    ) -> None:
        self.source, self._env, self._trust_code = Path(path), env, trust_code
        self.path, self.is_bundle = self.source, False
        try:
            there, is_folder = self.source.exists(), self.source.is_dir()
        except OSError as error:
            raise UprightError(f"Cannot open {path}: {error.strerror}.") from error
        if there and not is_folder:
            self.path, self.is_bundle = unpack(self.source), True
            weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        if not (self.path / "run.json").is_file():
            raise UprightError(
                f"{path} is not a run folder.", "`upright runs` lists the ones that there are."
            )
        self.info = read_json(self.path / "run.json")
        if type(self.info.get("schema")) is not int or self.info["schema"] not in READABLE:
            raise UprightError(
                f"{path} has schema {self.info.get('schema')!r}, this version reads "
                f"{' and '.join(map(str, READABLE))}.",
                "Install the version of Upright that wrote it.",
            )

    def __repr__(self) -> str:
        return f"Run({str(self.source)!r}, status={self.status!r}, solved={self.solved})"

    @property
    def name(self) -> str:
        """Environment and folder as one word, such as CartPole-v1-ppo-s0."""
        folder = self.source.resolve()
        return folder.stem if self.is_bundle else f"{folder.parent.name}-{folder.name}"

    @property
    def status(self) -> str:
        """running, finished, interrupted, failed, or died: it says running and nothing runs."""
        return status_of(self.path, self.info.get("status"))

    @property
    def solved(self) -> bool | None:
        """What the verdict says; None where there is no threshold, or none yet that holds."""
        try:
            return self.verdict().solved
        except UprightError:
            return None

    @property
    def env(self) -> EnvSource:
        """What makes the environment."""
        if self._env is not None:
            return self._env
        name = self.info.get("env")
        if not isinstance(name, str):
            raise UprightError(f"{self.source} names no environment.")
        if self.info.get("env_is_factory"):
            raise UprightError(
                f"The environment {name} of this run was a function, which no file can hold.",
                "Open it in Python with upright.load(path, env=...).",
            )
        if is_code(name) and not self._trust_code:
            raise UprightError(
                f"The environment {name} of this run is code that would be imported and run.",
                "If you trust it, say --trust-code, or upright.load(path, trust_code=True).",
            )
        return name

    @cached_property
    def recipe(self) -> Recipe:
        """The complete recipe, from settings.toml."""
        return read_recipe(self.path / "settings.toml")

    @cached_property
    def policy(self) -> Policy:
        """The policy to use: the verified one, else the best evaluated, else the last."""
        policy = self.outline()
        path, status = self.path / "policy.safetensors", self.status
        judged = (self.path / "evaluation.json").exists()
        there = (path.exists() or path.is_symlink()) and (judged or status not in UNENDED)
        if status == "finished" or there:
            load_weights(path, policy)
        else:
            policy.load_state_dict(self._newest_weights(), assign=True)
        return policy

    def policy_at(self, checkpoint: str | int) -> Policy:
        """The policy of another moment of the run.

        Args:
            checkpoint: "best" (what `policy` is), "first" or "last" of the checkpoints, the
                timesteps of one of them, or 0: untrained, as the run's seed made it.

        Raises:
            UprightError: There is no such checkpoint, or it is torn.
        """
        if checkpoint == "best":
            return self.policy
        if str(checkpoint) == "0":
            return self._untrained()
        folder = choose_checkpoint(self._whole_checkpoints(), str(checkpoint), str(self.source))
        weights, _ = self.checkpoint(folder)
        policy = self.outline()
        policy.load_state_dict(weights, assign=True)
        return policy

    def checkpoints(self) -> list[int]:
        """The timesteps of the whole checkpoints that there are, first to last."""
        return sorted(self._whole_checkpoints())

    def _whole_checkpoints(self) -> dict[int, Path]:
        return whole_checkpoints(self.path / "checkpoints", self.outline())

    def _untrained(self) -> Policy:
        like = self.policy  # its file is as large as its settings say, or is refused
        return Policy(
            like.observation_space,
            like.action_space,
            self.recipe.settings,
            derive_seed(self.recipe.seed, Stream.WEIGHTS),
        )

    def outline(self) -> Policy:
        """A policy of the recorded spaces and settings, with shapes but no weights yet."""
        observation_space = space_from_json(self.info.get("observation_space", {}))
        action_space = space_from_json(self.info.get("action_space", {}))
        return Policy.outline(observation_space, action_space, self.recipe.settings)

    def _newest_weights(self) -> Weights:
        """The best that the newest whole checkpoint knows, of a run that came to no end."""
        for folder in checkpoints(self.path / "checkpoints"):
            with suppress(UprightError):
                weights, state = self.checkpoint(folder)
                return best_weights(state.part("run").part("judge"), weights) or weights
        if any(checkpoints(self.path / "checkpoints")):
            raise UprightError(
                f"{self.source} ({self.status}) has no whole checkpoint.",
                "`upright train --config` repeats the run from its settings.toml.",
            )
        raise UprightError(
            f"{self.source} ({self.status}) has no weights yet.",
            "`upright resume` goes on with it.",
        )

    def checkpoint(self, folder: Path) -> tuple[Weights, State]:
        """Weights and state of one of its checkpoints.

        Raises:
            UprightError: It is torn, or does not fit the run.
        """
        return read_checkpoint(folder, self.outline())

    def evaluate(
        self, episodes: int = EPISODES, seed: int = 0, deterministic: bool = True
    ) -> Evaluation:
        """Play whole episodes with the policy, on seeds that no training uses."""
        if episodes < 1:
            raise UprightError(f"episodes = {episodes}: should be at least 1.")
        evaluator = Evaluator(self.env, episodes)
        try:
            return evaluator.evaluate(
                self.policy, derive_seed(seed, Stream.EVALUATION), deterministic
            )
        finally:
            evaluator.close()

    def plot(
        self, metric: str | None = None, axis: str = "timesteps", smooth: int = 0
    ) -> "Picture":
        """The learning curve, as `show.plot.plot` draws it; it shows itself in a notebook."""
        from upright.show.plot import plot

        return plot([self], metric, axis, smooth)

    def watch(self, episodes: int = 1, checkpoint: str | int = "best", seed: int = 0) -> "Replay":
        """Episodes as a video that shows itself in a notebook; no window opens."""
        from upright.show.replay import replay

        return replay(self, episodes=episodes, checkpoint=checkpoint, seed=seed)

    def _repr_html_(self) -> str:
        from upright.show.card import card

        return card(self)

    def metrics(self, length: int | None = None) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl, one object per iteration.

        Args:
            length: Only what stands in so many bytes from the start.

        Raises:
            UprightError: A line is no row.
        """
        return read_metrics(self.path / "metrics.jsonl", self.status in UNENDED, length)

    def episodes(self) -> list[dict[str, Any]]:
        """The rows of episodes.jsonl, one object per finished training episode; none in old runs.

        Raises:
            UprightError: A line is no row.
        """
        path = self.path / "episodes.jsonl"
        if not path.exists() and not path.is_symlink():
            return []
        return read_episodes(path, self.status in UNENDED)

    def verdict_record(self) -> dict[str, Any]:
        """What evaluation.json says.

        Raises:
            UprightError: There is no verdict.
        """
        path = self.path / "evaluation.json"
        if not path.is_file():
            raise UprightError(f"{self.path} has no verdict.", "Its training did not finish.")
        return read_json(path)

    def verdict(self) -> Verdict:
        """The recorded verdict, held against itself, the weights and the environment.

        Raises:
            UprightError: There is none, it contradicts itself, or the weights are others.
        """
        record, policy = self.verdict_record(), self.outline()
        digest = load_weights(self.path / "policy.safetensors", policy)
        verdict = read_verdict(record, self.info.get("env"), policy.state_dict(), digest)
        if verdict.proof.threshold != reward_threshold(self.env):
            raise UprightError("The recorded threshold is not the environment's.")
        told = {name: self.info.get(name) for name in ("solved", "mean_return")}
        if self.status == "finished" and told != {
            "solved": verdict.solved,
            "mean_return": verdict.proof.mean,
        }:
            raise UprightError("run.json tells of another verdict than evaluation.json.")
        return verdict


def load(path: str | Path, env: EnvSource | None = None, *, trust_code: bool = False) -> Run:
    """Open a run folder, or a bundle of one; nothing in it is executed.

    Args:
        path: The folder, such as runs/CartPole-v1/ppo-s0, or what `upright bundle` made of it.
        env: What makes the environment, where the recorded name is not a registered id.
        trust_code: Whether a recorded name such as "module:Name" may be imported and run.
    """
    return Run(path, env, trust_code)
