"""Evaluation on fresh seeds, the verdict (selection, then proof), and statistics."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.judging.diagnosis import Finding, diagnose
    from upright.judging.evaluation import Evaluation, Threshold
    from upright.judging.evaluator import NUM_EPISODES, Evaluator, Verification, repeated
    from upright.judging.judge import Judge, best_weights, is_proven
    from upright.judging.several import (
        Aggregates,
        Comparison,
        Estimate,
        Race,
        aggregates,
        compared,
        exceeding,
        iqm_band,
        raced,
    )
    from upright.judging.statistics import bootstrap_band
    from upright.judging.verdict import HEADLINES, Candidate, Verdict, verdict_sentence

__getattr__, __dir__, __all__ = opened(__name__)
