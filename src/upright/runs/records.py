"""What run.json and evaluation.json say: a strict class each, and how an older one becomes it.

A reader refuses a file in which a key stands twice before a class sees it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from upright.ground import JSON_BYTES, UprightError, as_json, parse_json, read_bytes
from upright.judging import Candidate, Evaluation, Threshold, Verdict

if TYPE_CHECKING:
    from upright.policy import Weights

SCHEMA: Literal[2] = 2
READABLE = (1, 2)
REPEAT = "`upright train --config` repeats the run from its settings.toml."

Count = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[int | float, Field(gt=-1e300, lt=1e300)]
Versions = dict[str, str]


class Record(BaseModel):
    """A JSON object of known keys."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True
    )

    @classmethod
    def of(cls, table: Mapping[str, Any], name: str) -> Self:
        """The record that a table is, in words of its file.

        Raises:
            UprightError: A key is missing, unknown, or of a value that it cannot have.
        """
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            key = str(error.errors()[0]["loc"][0])[:80]
            raise UprightError(f"{name} lacks or garbles {key!r}.") from error

    @classmethod
    def read(cls, path: Path, owner: str = "") -> Self:
        """The record in a file, brought up to date; `owner` is what its folder is called.

        Raises:
            UprightError: As `of`; or it cannot be read, or has a schema of another version.
        """
        return cls.parse(read_bytes(path, JSON_BYTES), path, owner)

    @classmethod
    def parse(cls, data: bytes, path: Path, owner: str = "") -> Self:
        """`read`, of bytes that were read already."""
        table = parse_json(data, str(path))
        return cls.of(cls.upgrade(table, owner or str(path.parent)), str(path))

    @classmethod
    def upgrade(cls, table: dict[str, Any], owner: str) -> dict[str, Any]:
        """What an older version wrote, in the words of this one; here they are the same."""
        return table

    def table(self) -> dict[str, Any]:
        """The record as JSON values, without what was never said."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    def data(self) -> bytes:
        """The bytes of its file."""
        return as_json(self.table())


class Conditions(Record):
    """What the last bit of a run depends on besides its settings.

    Attributes:
        threads: Of the library that multiplies matrices.
        backend: How the environments run.
        device: Where the policy is.
        exact: Whether the environments can be restored exactly.
        versions: As `ground.versions` names them.
    """

    threads: int
    backend: str
    device: str
    exact: bool
    versions: Versions


class Resumption(Conditions):
    """A moment at which a run went on, and what was said of it."""

    timesteps: Count
    notes: list[str]


class _Identity(Record):
    """What a run is; it stands first in its file."""

    version: Literal[2] = Field(alias="schema")
    env: Annotated[str, Field(min_length=1)]
    algo: str
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    preset: str
    status: Literal["running", "finished", "interrupted", "failed"]
    env_is_factory: bool
    observation_space: dict[str, Any]
    action_space: dict[str, Any]
    started: str


class RunRecord(Conditions, _Identity):
    """run.json: what a run is, the conditions it runs under, and how it ended.

    `masks` is P of the action masks [P] that the environment gives, where it was trained with them.
    """

    model_config = ConfigDict(extra="allow")  # a person's own notes stay where they are

    SUMMARY: ClassVar = (
        "run", "env", "algo", "seed", "timesteps", "iterations", "train_seconds", "eval_seconds",
        "solved", "mean_return", "threshold",
    )  # fmt: skip

    own_policy: str | None = None
    own_loss: str | None = None
    masks: Annotated[int, Field(ge=1)] | None = None
    run: str | None = None
    timesteps: Count | None = None
    iterations: Count | None = None
    train_seconds: Number | None = None
    eval_seconds: Number | None = None
    solved: bool | None = None
    mean_return: float | None = None
    threshold: Threshold = None
    resumptions: list[Resumption] = []

    @classmethod
    def upgrade(cls, table: dict[str, Any], owner: str) -> dict[str, Any]:
        """Before schema 2 nothing could be restored exactly.

        Raises:
            UprightError: It is of a version that is not known here.
        """
        schema = table.get("schema")
        if type(schema) is not int or schema not in READABLE:
            raise UprightError(
                f"{owner} has schema {schema!r}, this version reads "
                f"{' and '.join(map(str, READABLE))}.",
                "Install the version of Upright that wrote it.",
            )
        return {"exact": False, **table, "schema": SCHEMA} if schema == 1 else table

    def changed(self, **changes: Any) -> Self:
        """The record with some of its fields changed."""
        return self.of(self.table() | changes, "run.json")

    def summary(self) -> dict[str, Any]:
        """What `--json` ends with."""
        return {name: getattr(self, name) for name in self.SUMMARY}


def judged(verdict: Verdict) -> dict[str, Any]:
    """What a verdict makes run.json say."""
    return {
        "solved": verdict.solved,
        "mean_return": verdict.proof.mean,
        "threshold": verdict.proof.threshold,
    }


class VerdictRecord(Record):
    """evaluation.json: a verdict, and on which weights it was given.

    `selection` and `proof` are what `Evaluation.as_dict` gave.
    """

    model_config = ConfigDict(extra="ignore")

    version: Literal[1, 2] = Field(alias="schema")
    env: str
    solved: bool | None
    threshold: Threshold
    mean: float
    interval: Annotated[list[float], Field(min_length=2, max_length=2)]
    timesteps: Count
    weights_sha256: str
    versions: Versions
    selection: dict[str, Any]
    proof: dict[str, Any]

    @classmethod
    def of_verdict(cls, verdict: Verdict, env: str, digest: str, versions: Versions) -> Self:
        """What is to be recorded of a verdict on weights with this SHA-256."""
        return cls(
            schema=SCHEMA,
            env=env,
            solved=verdict.solved,
            threshold=verdict.proof.threshold,
            mean=verdict.proof.mean,
            interval=list(verdict.proof.interval),
            timesteps=verdict.candidate.timesteps,
            weights_sha256=digest,
            versions=versions,
            selection=verdict.candidate.selection.as_dict(),
            proof=verdict.proof.as_dict(),
        )

    def outcome(self) -> tuple[float, bool | None]:
        """The proof's mean, and whether both evaluations solve it, as their episodes have it.

        Raises:
            UprightError: They are not two that could have been made.
        """
        selection, proof = map(Evaluation.from_record, (self.selection, self.proof))
        if self.threshold is None:
            return proof.mean, None
        return proof.mean, min(selection.mean, proof.mean) >= self.threshold

    def verdict(self, env: str, weights: "Weights", digest: str) -> Verdict:
        """The verdict, held against itself, the run's environment and the weights that are there.

        Raises:
            UprightError: It contradicts itself or the environment, or the weights are others.
        """
        if self.weights_sha256 != digest:
            raise UprightError("The weights are not the ones that were judged.")
        selection, proof = map(Evaluation.from_dict, (self.selection, self.proof))
        verdict = Verdict(Candidate(selection, self.timesteps, weights), proof)
        said = self.of_verdict(verdict, env, digest, self.versions)
        if said.model_copy(update={"version": self.version}) != self:
            raise UprightError("The recorded verdict contradicts its own evaluations.")
        if proof.seed == selection.seed:
            raise UprightError("The recorded proof has the seeds of the selection.")
        if selection.threshold != proof.threshold:
            raise UprightError("The recorded proof has another threshold than the selection.")
        return verdict
