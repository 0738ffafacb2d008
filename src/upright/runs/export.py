"""A run's policy for other programs."""

from pathlib import Path

from upright.policy import write_onnx
from upright.runs.run import Run

RECORDED = ("env", "algo", "seed", "timesteps")


def export_onnx(run: Run, out: Path, checkpoint: str = "best") -> None:
    """Write a run's policy as an ONNX model that says where it comes from.

    Args:
        run: The run.
        out: A new file.
        checkpoint: As in `Run.policy_at`.

    Raises:
        UprightError: As in `write_onnx`, or the run has no such policy.
    """
    policy, info = run.policy_at(checkpoint), run.info
    metadata = {name: str(info[name]) for name in RECORDED if name in info}
    masked = run.record.masks is not None
    write_onnx(policy, out, metadata | {"checkpoint": checkpoint}, masked)
