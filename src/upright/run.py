"""The run folder: write it, read it, list it.

run.json  settings.toml  command.txt  metrics.jsonl  events.out.tfevents.*
checkpoints/000016384/  policy.safetensors  evaluation.json
"""

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli_w

from upright.checkpoint import SCHEMA, load_weights, save_checkpoint, sha256, weights_bytes
from upright.envs import EnvSource, reward_threshold
from upright.errors import UprightError
from upright.evaluation import EPISODES, Evaluation, Evaluator
from upright.events import EventLog
from upright.files import read_json, write_atomically, write_json
from upright.policy import Policy, Weights
from upright.recipe import Recipe, read_recipe
from upright.seeding import Stream, derive_seed
from upright.spaces import space_from_json
from upright.trainer import Trainer
from upright.verdict import Candidate, Verdict


class RunWriter:
    """Writes one run folder. Nothing that exists is ever overwritten: names get a number.

    Args:
        out: The folder of runs.
        recipe: The complete recipe; what the folder is named after.
        command: The line that a person would type to repeat the run.
        info: What else run.json says from the start.

    Raises:
        UprightError: The folder cannot be made.
    """

    def __init__(self, out: str | Path, recipe: Recipe, command: str, info: dict[str, Any]) -> None:
        try:
            self.path = _new_folder(Path(out) / folder_name(recipe.env), recipe)
            write_atomically(self.path / "settings.toml", tomli_w.dumps(recipe.flat()))
            write_atomically(self.path / "command.txt", command + "\n")
        except OSError as error:
            raise UprightError(
                f"Cannot write the run below {out}: {error.strerror}.",
                "Choose another folder with --out.",
            ) from error
        self._info = {
            "schema": SCHEMA,
            "env": recipe.env,
            "algo": recipe.algo,
            "seed": recipe.seed,
            "preset": recipe.preset,
            "status": "running",
            **info,
        }
        self.update()
        self._metrics = (self.path / "metrics.jsonl").open("a", encoding="utf-8")
        self._events = EventLog(self.path)

    def update(self, **changes: Any) -> None:
        """Change what run.json says."""
        self._info |= changes
        write_json(self.path / "run.json", self._info)

    def row(self, row: dict[str, Any]) -> None:
        """Append one object to metrics.jsonl, and its numbers to the events."""
        self._metrics.write(json.dumps(row, allow_nan=False) + "\n")
        scalars = {name: float(value) for name, value in row.items() if "/" in name}
        self._events.add(row["time/total_timesteps"], scalars)

    def verdict(self, verdict: Verdict, versions: dict[str, str]) -> None:
        """The proven (or best) policy, then what was found of it."""
        digest = self.weights(verdict.candidate.weights)
        record = {
            "schema": SCHEMA,
            "env": self._info["env"],
            "solved": verdict.solved,
            "threshold": verdict.proof.threshold,
            "mean": verdict.proof.mean,
            "interval": list(verdict.proof.interval),
            "timesteps": verdict.candidate.timesteps,
            "weights_sha256": digest,
            "versions": versions,
            "selection": verdict.candidate.selection.as_dict(),
            "proof": verdict.proof.as_dict(),
        }
        write_json(self.path / "evaluation.json", record)

    def weights(self, weights: Weights) -> str:
        """Write policy.safetensors; its SHA-256."""
        data = weights_bytes(weights)
        write_atomically(self.path / "policy.safetensors", data)
        return sha256(data)

    def checkpoint(self, trainer: Trainer) -> None:
        """The trainer as it stands."""
        moments = {
            f"optimizers.{index}.{name}": tensor
            for index, optimizer in enumerate(trainer.algorithm.optimizers)
            for name, tensor in optimizer.state().items()
        }
        counters = {
            "timesteps": trainer.timesteps,
            "iterations": trainer.iterations,
            "episodes": trainer.episodes,
        }
        folder = self.path / "checkpoints" / f"{trainer.timesteps:09d}"
        save_checkpoint(folder, weights_bytes(trainer.policy.state_dict()), moments, counters)

    def close(self) -> None:
        """Flush and end the files that were appended to."""
        self._metrics.close()
        self._events.close()


def folder_name(env: str) -> str:
    """The folder of an environment's runs: its id, in characters that every system takes."""
    return re.sub(r"[^\w.-]", "-", env.replace("/", "--")).strip("-.") or "env"


def _new_folder(parent: Path, recipe: Recipe) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    name, number = f"{recipe.algo}-s{recipe.seed}", 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


class Run:
    """A run folder, read.

    Args:
        path: The folder.
        env: What makes the environment, where the recorded name is not a registered id.

    Raises:
        UprightError: The folder is not a run.
    """

    def __init__(self, path: str | Path, env: EnvSource | None = None) -> None:
        self.path, self._env = Path(path), env
        if not (self.path / "run.json").is_file():
            raise UprightError(
                f"{path} is not a run folder.", "`upright runs` lists the ones that there are."
            )
        self.info = read_json(self.path / "run.json")
        if self.info.get("schema") != SCHEMA:
            raise UprightError(
                f"{path} has schema {self.info.get('schema')}, this version reads {SCHEMA}.",
                "Install the version of Upright that wrote it.",
            )

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, status={self.status!r}, solved={self.solved})"

    @property
    def status(self) -> str:
        """running, finished, interrupted or failed."""
        return str(self.info.get("status"))

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
        name = str(self.info.get("env"))
        if ":" in name or self.info.get("env_is_factory"):
            raise UprightError(
                f"The environment {name} of this run is code, which is not run from a file.",
                "Load it in Python with upright.load(path, env=...).",
            )
        return name

    @cached_property
    def recipe(self) -> Recipe:
        """The complete recipe, from settings.toml."""
        return read_recipe(self.path / "settings.toml")

    @cached_property
    def policy(self) -> Policy:
        """The policy to use: the verified one, else the best evaluated, else the last."""
        policy = self._empty_policy()
        load_weights(self.path / "policy.safetensors", policy)
        return policy

    def _empty_policy(self) -> Policy:
        observation_space = space_from_json(self.info.get("observation_space", {}))
        action_space = space_from_json(self.info.get("action_space", {}))
        return Policy(observation_space, action_space, self.recipe.settings)

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

    def metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl, one object per iteration."""
        lines = (self.path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

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
        policy = self._empty_policy()
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


def load(path: str | Path, env: EnvSource | None = None) -> Run:
    """Open a run folder; nothing in it is executed.

    Args:
        path: The folder, such as runs/CartPole-v1/ppo-s0.
        env: What makes the environment, where the recorded name is not a registered id.
    """
    return Run(path, env)
