"""The run folder, read.

run.json  settings.toml  command.txt  metrics.jsonl  episodes.jsonl  events.out.tfevents.*
checkpoints/000016384/  policy.safetensors  evaluation.json
"""

import shutil
import weakref
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from upright.bundle import unpack
from upright.checkpoint import READABLE, load_weights, read_checkpoint
from upright.envs import EnvSource, is_code, reward_threshold
from upright.errors import UprightError
from upright.evaluation import EPISODES, Evaluation, Evaluator
from upright.files import checkpoints
from upright.lock import status_of
from upright.policy import Policy, Weights
from upright.reading import parse_json, read_bytes, read_json
from upright.recipe import Recipe, read_recipe
from upright.seeding import Stream, derive_seed
from upright.spaces import space_from_json
from upright.state import State
from upright.verdict import Candidate, Verdict, best_weights

LOG_BYTES, ROW_BYTES = 4 << 30, 1 << 16
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
    def status(self) -> str:
        """running, finished, interrupted, failed, or died: it says running and nothing runs."""
        return status_of(self.path, self.info.get("status"))

    @property
    def solved(self) -> bool | None:
        """The recorded verdict; None where there is no threshold, or no verdict yet."""
        solved = self.info.get("solved")
        return solved if isinstance(solved, bool) else None

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

    def metrics(self, length: int | None = None) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl, one object per iteration.

        Args:
            length: Only what stands in so many bytes from the start.

        Raises:
            UprightError: A line is no row.
        """
        path = self.path / "metrics.jsonl"
        data = read_bytes(path, LOG_BYTES)[:length]
        *lines, tail = data.split(b"\n")
        # A process that died, or writes just now, may leave a row that it did not finish.
        unfinished = self.status in UNENDED or (length is not None and len(data) < length)
        if tail and not unfinished:
            lines.append(tail)
        if max(map(len, lines), default=0) > ROW_BYTES:
            n = next(n for n, line in enumerate(lines, start=1) if len(line) > ROW_BYTES)
            raise UprightError(f"{path}, line {n} is too long for a row of metrics.")
        return [_row(line, f"{path}, line {n}") for n, line in enumerate(lines, start=1)]

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
        record = self.verdict_record()
        try:
            selection = Evaluation.from_dict(record["selection"])
            proof = Evaluation.from_dict(record["proof"])
            names = ("env", "solved", "mean", "threshold", "interval")
            claim = [record[name] for name in names]
            timesteps, digest = record["timesteps"], record["weights_sha256"]
        except (KeyError, TypeError) as error:
            raise UprightError(f"The recorded verdict lacks or garbles {error}.") from error
        policy = self.outline()
        if load_weights(self.path / "policy.safetensors", policy) != digest:
            raise UprightError("The weights are not the ones that were judged.")
        verdict = Verdict(Candidate(selection, timesteps, policy.state_dict()), proof)
        truth = [self.info.get("env"), verdict.solved, proof.mean, proof.threshold]
        if claim != [*truth, list(proof.interval)]:
            raise UprightError("The recorded verdict contradicts its own evaluations.")
        if proof.seed == selection.seed:
            raise UprightError("The recorded proof has the seeds of the selection.")
        if {selection.threshold, proof.threshold} != {reward_threshold(self.env)}:
            raise UprightError("The recorded threshold is not the environment's.")
        return verdict


def _row(line: bytes, place: str) -> dict[str, Any]:
    row = parse_json(line, place)
    counts = (row.get("iteration"), row.get("time/total_timesteps"))
    numbers = all(type(value) in (int, float) and abs(value) < 1e300 for value in row.values())
    named = "time/time_elapsed" in row and all(name.isprintable() for name in row)
    counted = all(type(each) is int and 0 <= each < 2**63 for each in counts)
    if not numbers or not named or not counted:
        raise UprightError(f"{place} is not a row of metrics.")
    return row


def load(path: str | Path, env: EnvSource | None = None, *, trust_code: bool = False) -> Run:
    """Open a run folder, or a bundle of one; nothing in it is executed.

    Args:
        path: The folder, such as runs/CartPole-v1/ppo-s0, or what `upright bundle` made of it.
        env: What makes the environment, where the recorded name is not a registered id.
        trust_code: Whether a recorded name such as "module:Name" may be imported and run.
    """
    return Run(path, env, trust_code)
