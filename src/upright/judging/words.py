"""A verdict in words."""

from upright.judging.verdict import Verdict

HEADLINES = {True: "Solved and verified", False: "Not solved", None: "Judged, no threshold"}


def verdict_sentence(verdict: Verdict) -> str:
    """What was measured, with its interval, the threshold and what it took."""
    proof = verdict.proof
    low, high = proof.interval
    goal = "no threshold" if proof.threshold is None else f"threshold {proof.threshold:g}"
    return (
        f"mean return {proof.mean:.1f} over {len(proof.returns)} fresh episodes "
        f"(95% interval {low:.1f} to {high:.1f}, {goal}) after "
        f"{verdict.candidate.timesteps:,} steps"
    )
