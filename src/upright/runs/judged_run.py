"""The verdict that a run recorded: read, and held against the run that it is of."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from upright.ground import UprightError, read_json
from upright.judging import Verdict
from upright.policy import Policy, load_weights
from upright.runs.folder import VERDICT_FILE, WEIGHTS_FILE
from upright.runs.records import RunRecord, VerdictRecord
from upright.settings import Recipe


class JudgedRun(ABC):
    """A run of which there may be a verdict.

    Attributes:
        path: Its folder.
        record: What run.json says.
    """

    path: Path
    record: RunRecord

    @property
    @abstractmethod
    def recipe(self) -> Recipe:
        """The complete recipe."""

    @property
    @abstractmethod
    def status(self) -> str:
        """What has become of it."""

    @property
    @abstractmethod
    def threshold(self) -> float | None:
        """The mean return that counts as solved."""

    @abstractmethod
    def outline(self) -> Policy:
        """A policy of the recorded spaces and settings, with shapes but no weights yet."""

    @property
    def solved(self) -> bool | None:
        """What the verdict says; None where there is no threshold, or none yet that holds."""
        try:
            return self.verdict().solved
        except UprightError:
            return None

    def verdict_record(self) -> dict[str, Any]:
        """What evaluation.json says.

        Raises:
            UprightError: There is no verdict.
        """
        path = self.path / VERDICT_FILE
        if not path.is_file():
            raise UprightError(f"{self.path} has no verdict.", "Its training did not finish.")
        return read_json(path)

    def recorded_verdict(self) -> VerdictRecord:
        """The record in evaluation.json, not held against anything yet.

        Raises:
            UprightError: There is none, or it is not one that could have been written.
        """
        return VerdictRecord.of(self.verdict_record(), str(self.path / VERDICT_FILE))

    def verdict(self) -> Verdict:
        """The recorded verdict, held against itself, the weights and the environment.

        Raises:
            UprightError: There is none, it contradicts itself, or the weights are others.
        """
        recorded, policy = self.recorded_verdict(), self.outline()
        digest = load_weights(self.path / WEIGHTS_FILE, policy)
        verdict = recorded.verdict(self.recipe.judged_in, policy.weights, digest)
        if verdict.proof.threshold != self.threshold:
            raise UprightError("The recorded threshold is not the one that the run names.")
        told = (self.record.solved, self.record.mean_return)
        if self.status == "finished" and told != (verdict.solved, verdict.proof.mean):
            raise UprightError("run.json tells of another verdict than evaluation.json.")
        return verdict
