"""A run that dies and resumes, and a verdict that holds: tried, not looked up."""

from pathlib import Path

from upright.doctor.asking import ask, asked, first_answer
from upright.doctor.fact import Fact
from upright.doctor.patient import Patient

# What a clock has no part in.
COMPARED = ("policy.safetensors", "evaluation.json", "episodes.jsonl")
UNSAFE = "Do not rest on `upright resume` here, and report it with `upright doctor --json`."


def check_resume(patient: Patient) -> Fact:
    """A training is killed, and resumed to the bytes of one that was not."""
    whole = patient.run
    with asked(patient.scratch, "die", str(patient.scratch / "killed")) as process:
        place = first_answer(process)
        process.kill()
    resumed, since = Path(place["folder"]), ask(patient.scratch, "resume", place["folder"])
    differing = [each for each in COMPARED if _bytes(resumed / each) != _bytes(whole / each)]
    killed = f"A training killed at step {place['timesteps']:,}, and resumed from step {since:,},"
    if differing:
        other = f"has another {' and '.join(differing)} than one that never stopped"
        return Fact("problem", f"{killed} {other}.", UNSAFE)
    return Fact("ok", f"{killed} has the weights of one that never stopped, byte for byte.")


def check_verdict(patient: Patient) -> Fact:
    """The verdict of that training holds when it is repeated."""
    from upright.api import load, verify

    verification = verify(load(patient.run))
    if verification.holds:
        return Fact("ok", f"A verdict holds when it is repeated. {verification.reason}")
    found = f"A verdict does not hold when it is repeated. {verification.reason}"
    return Fact("problem", found, "Report it with `upright doctor --json`.")


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
