"""A run folder, or a bundle of one, read; nothing in it is executed."""

import shutil
import weakref
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from upright.envs import EnvSource, code_in, evaluation_env, reward_threshold, training_env
from upright.ground import Stream, UprightError, derive_seed, status_of
from upright.judging import NUM_EPISODES, Evaluation, Evaluator, best_weights
from upright.policy import Own, Policy, Weights, load_weights, space_from_json
from upright.runs.bundle import unpack
from upright.runs.checkpoint import Checkpoint, choose_checkpoint, is_whole, read_checkpoint
from upright.runs.folder import (
    CHECKPOINTS,
    EPISODES_LOG,
    METRICS_LOG,
    RUN_FILE,
    SETTINGS_FILE,
    VERDICT_FILE,
    WEIGHTS_FILE,
    checkpoint_folders,
)
from upright.runs.judged_run import JudgedRun
from upright.runs.logs import EpisodeRow, MetricsRow, read_rows
from upright.runs.records import REPEAT, RunRecord
from upright.settings import Recipe, read_recipe

if TYPE_CHECKING:
    from upright.policy import ModuleFactory

UNENDED = ("running", "died")


class Run(JudgedRun):
    """A run folder, or a bundle of one, read.

    Args:
        path: The folder or the bundle. A bundle is unpacked into a temporary folder that goes with
            this object.
        env: What makes the environment, where the recorded name is not a registered id.
        trust_code: Whether a recorded name such as "module:Name" may be imported.
        own: The network and the loss that it was trained with, where those were functions.

    Raises:
        UprightError: It is not a run.
    """

    def __init__(
        self,
        path: str | Path,
        env: EnvSource | None = None,
        trust_code: bool = False,
        own: Own | None = None,
    ) -> None:
        self.source, self._env, self._trust_code = Path(path), env, trust_code
        self.own = own or Own()
        self.path, self.is_bundle = self.source, False
        try:
            there, is_folder = self.source.exists(), self.source.is_dir()
        except OSError as error:
            raise UprightError(f"Cannot open {path}: {error.strerror}.") from error
        if there and not is_folder:
            self.path, self.is_bundle = unpack(self.source), True
            weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        if not (self.path / RUN_FILE).is_file():
            raise UprightError(
                f"{path} is not a run folder.", "`upright runs` lists the ones that there are."
            )
        self.record = RunRecord.read(self.path / RUN_FILE, str(path))

    def __repr__(self) -> str:
        return f"Run({str(self.source)!r}, status={self.status!r}, solved={self.solved})"

    def again(self) -> Self:
        """The same run as its folder is now."""
        return type(self)(self.source, self._env, self._trust_code, self.own)

    @property
    def info(self) -> dict[str, Any]:
        """What run.json says."""
        return self.record.table()

    @property
    def name(self) -> str:
        """Environment and folder as one word, such as CartPole-v1-ppo-s0."""
        folder = self.source.resolve()
        return folder.stem if self.is_bundle else f"{folder.parent.name}-{folder.name}"

    @property
    def status(self) -> str:
        """running, finished, interrupted, failed, or died: it says running and nothing runs."""
        return status_of(self.path, self.record.status)

    @property
    def env(self) -> EnvSource:
        """What makes the environment that it is trained in.

        Raises:
            UprightError: It was a function, or it has code in it that nobody trusted.
        """
        return training_env(self.recipe, self._trusted())

    @property
    def eval_env(self) -> EnvSource:
        """What makes the environment that it is evaluated and shown in.

        Raises:
            UprightError: As `env`, of either.
        """
        return evaluation_env(self.recipe, self._trusted())

    def _trusted(self) -> EnvSource:
        """What names or makes the environment, where all that would be imported is trusted."""
        name, recipe = self.record.env, self.recipe
        if recipe.env != name:
            raise UprightError(
                f"{self.source}: run.json and settings.toml name other environments."
            )
        code = "" if self._trust_code else code_in(recipe, {"env": self._env})
        if code:
            raise UprightError(
                f"The {code} of this run is code that would be imported and run.",
                "If you trust it, say --trust-code, or upright.load(path, trust_code=True).",
            )
        if self._env is None and self.record.env_is_factory:
            raise UprightError(
                f"The environment {name} of this run was a function, which no file can hold.",
                "Open it in Python with upright.load(path, env=...).",
            )
        return name if self._env is None else self._env

    @cached_property
    def recipe(self) -> Recipe:
        """The complete recipe, from settings.toml."""
        return read_recipe(self.path / SETTINGS_FILE)

    @cached_property
    def policy(self) -> Policy:
        """The policy to use: the verified one, else the best evaluated, else the last."""
        path, status = self.path / WEIGHTS_FILE, self.status
        judged = (self.path / VERDICT_FILE).exists()
        there = (path.exists() or path.is_symlink()) and (judged or status not in UNENDED)
        if status != "finished" and not there:
            return self._best_of_newest()
        policy = self.outline()
        load_weights(path, policy)
        return policy

    def policy_at(self, checkpoint: str | int) -> Policy:
        """The policy of another moment of the run.

        Args:
            checkpoint: "best" (what `policy` is), "first" or "last" of the checkpoints, the
                timesteps of one of them, or 0: untrained, as the run's seed made it.

        Raises:
            UprightError: There is no such checkpoint, or it is torn.
        """
        return self.policy_and_step(checkpoint)[0]

    def policy_and_step(self, checkpoint: str | int) -> tuple[Policy, int | None]:
        """`policy_at`, and the timesteps behind it; None for the best."""
        if checkpoint == "best":
            return self.policy, None
        if str(checkpoint) == "0":
            return self._untrained(), 0
        folder = choose_checkpoint(self._whole_checkpoints(), str(checkpoint), str(self.source))
        return self._filled(self.checkpoint(folder).weights), int(folder.name)

    def checkpoints(self) -> list[int]:
        """The timesteps of the whole checkpoints that there are, first to last."""
        return sorted(self._whole_checkpoints())

    def checkpoint(self, folder: Path) -> Checkpoint:
        """One of its checkpoints.

        Raises:
            UprightError: It is torn, or does not fit the run.
        """
        return read_checkpoint(folder, self.outline())

    def newest_checkpoint(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest whole checkpoint, and sentences about newer ones that were passed over.

        Returns:
            None where the run came to no checkpoint.

        Raises:
            UprightError: There are checkpoints, and none of them is whole.
        """
        passed_over: list[str] = []
        for folder in checkpoint_folders(self.path / CHECKPOINTS):
            try:
                return self.checkpoint(folder), passed_over
            except UprightError as error:
                passed_over.append(f"Passed over the checkpoint {folder.name}: {error.message}")
        if passed_over:
            raise UprightError(f"{self.source} has no whole checkpoint. {passed_over[0]}", REPEAT)
        return None, passed_over

    def outline(self) -> Policy:
        """A policy of the recorded spaces and settings, with shapes but no weights yet."""
        observation_space = space_from_json(self.record.observation_space)
        action_space = space_from_json(self.record.action_space)
        own, settings = self._own_policy(), self.recipe.settings
        return Policy(observation_space, action_space, settings, seed=None, make_module=own)

    @property
    def threshold(self) -> float | None:
        """The mean return that counts as solved: the recipe's, else the environment's own."""
        return reward_threshold(self.eval_env, self.recipe.reward_threshold)

    def evaluate(
        self, episodes: int = NUM_EPISODES, seed: int = 0, deterministic: bool = True
    ) -> Evaluation:
        """Play whole episodes with the policy, on seeds that no training uses."""
        if episodes < 1:
            raise UprightError(f"episodes = {episodes}: should be at least 1.")
        seed = derive_seed(seed, Stream.EVALUATION)
        threshold, mask = self.recipe.reward_threshold, self.recipe.settings.mask
        lanes = Evaluator(self.eval_env, episodes, threshold=threshold, mask=mask)
        with closing(lanes) as evaluator:
            return evaluator.evaluate(self.policy, seed, deterministic)

    def metrics(self, length: int | None = None) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl, one object per iteration.

        Args:
            length: Only what stands in so many bytes from the start.

        Raises:
            UprightError: A line is no row.
        """
        return read_rows(self.path / METRICS_LOG, MetricsRow, self.status in UNENDED, length)

    def episodes(self) -> list[dict[str, Any]]:
        """The rows of episodes.jsonl, one object per finished training episode; none in old runs.

        Raises:
            UprightError: A line is no row.
        """
        path = self.path / EPISODES_LOG
        if not path.exists() and not path.is_symlink():
            return []
        return read_rows(path, EpisodeRow, self.status in UNENDED)

    def _own_policy(self) -> "ModuleFactory | None":
        name = self.record.own_policy
        if name is not None and self.own.policy is None:
            raise UprightError(
                f"The policy of this run is a module made by {name}, which no file can hold.",
                "Open it in Python with upright.load(path, policy=...).",
            )
        return None if name is None else self.own.policy

    def _whole_checkpoints(self) -> dict[int, Path]:
        policy, folders = self.outline(), checkpoint_folders(self.path / CHECKPOINTS)
        return {int(folder.name): folder for folder in folders if is_whole(folder, policy)}

    def _filled(self, weights: Weights) -> Policy:
        policy = self.outline()
        policy.load(weights)
        return policy

    def _best_of_newest(self) -> Policy:
        """The best that the newest whole checkpoint knows, of a run that came to no end."""
        checkpoint, _ = self.newest_checkpoint()
        if checkpoint is None:
            raise UprightError(
                f"{self.source} ({self.status}) has no weights yet.",
                "`upright resume` goes on with it.",
            )
        best = best_weights(checkpoint.judge, checkpoint.weights)
        return self._filled(best or checkpoint.weights)

    def _untrained(self) -> Policy:
        like = self.policy  # its file is as large as its settings say, or is refused
        return Policy(
            like.observation_space,
            like.action_space,
            self.recipe.settings,
            derive_seed(self.recipe.seed, Stream.WEIGHTS),
            make_module=self._own_policy(),
        )
