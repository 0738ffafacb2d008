"""The cold command: from the return key to the verdict on the screen."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from report import Ratios, Requirement, requirements_table, spread, table

IMPORTS, MORE_IMPORTS = "import torch", "import torch, gymnasium"
LIMIT, WHOLE_LIMIT = 0.6, 1.5
VERDICTS = (b"Solved and verified", b"Not solved", b"Judged")


@dataclass(frozen=True)
class Cold:
    """One turn, wall seconds.

    Attributes:
        seed: The run's seed.
        verdict: From starting `upright train` to its verdict on stdout.
        ended: From there to the end of the process's life, all files and pictures written.
        imports: From starting to the end of an interpreter that only imports PyTorch.
        more_imports: Likewise, PyTorch and Gymnasium.
        solved: Whether the verdict was that it is solved.
    """

    seed: int
    verdict: float
    ended: float
    imports: float
    more_imports: float
    solved: bool


def time_command(env: str, seed: int) -> tuple[float, float, bool]:
    """Seconds to the verdict and to the end of `upright train`, and whether it was solved."""
    with tempfile.TemporaryDirectory() as out:
        words = ["train", env, "--seed", str(seed), "--out", out]
        began = time.perf_counter()
        with subprocess.Popen(
            [Path(sys.executable).with_name("upright"), *words],
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            seconds, verdict = 0.0, b""
            for line in process.stdout:
                if not verdict and line.startswith(VERDICTS):
                    seconds, verdict = time.perf_counter() - began, line
        ended = time.perf_counter() - began
    if process.returncode != 0 or not verdict:
        raise RuntimeError(f"upright train ended with {process.returncode} and no verdict")
    return seconds, ended, verdict.startswith(VERDICTS[0])


def time_imports(imports: str) -> float:
    """Seconds of an interpreter that imports what trainings elsewhere begin with, and ends."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", imports], check=True)
    return time.perf_counter() - began


def measure(env: str, seeds: Sequence[int]) -> list[Cold]:
    """One turn for each seed, after one of both that only fills the disk's cache."""
    time_imports(MORE_IMPORTS)
    time_command(env, seeds[0])
    turns = []
    for seed in seeds:
        imports, more = time_imports(IMPORTS), time_imports(MORE_IMPORTS)
        verdict, ended, solved = time_command(env, seed)
        turns.append(Cold(seed, verdict, ended - verdict, imports, more, solved))
    return turns


def section(env: str, turns: Sequence[Cold]) -> str:
    """The report on these turns."""
    verdicts, imports = [turn.verdict for turn in turns], [turn.imports for turn in turns]
    ratios = Ratios.between(verdicts, imports)
    more = [turn.more_imports for turn in turns]
    whole = Ratios.between([turn.verdict + turn.ended for turn in turns], more)
    solved = sum(turn.solved for turn in turns)
    rows = [
        (f"`upright train {env}`, to the verdict on stdout", spread(verdicts, ".2f")),
        ("from the verdict to the end of the process", spread([t.ended for t in turns], ".2f")),
        (f'`python -c "{IMPORTS}"`', spread(imports, ".2f")),
        (f'`python -c "{MORE_IMPORTS}"`', spread(more, ".2f")),
        ("to the verdict, over the first", str(ratios)),
        ("to the end, over the second", str(whole)),
    ]
    promises = [
        Requirement(
            f"cold command, to its verdict: at most {LIMIT:g} times `{IMPORTS}`",
            f"{ratios.of_medians:.2f} of medians, {ratios.median:.2f} median of pairs",
            ratios.larger <= LIMIT,
        ),
        Requirement(
            f"whole command, pictures included: at most {WHOLE_LIMIT:g} times `{MORE_IMPORTS}`",
            f"{whole.of_medians:.2f} of medians, {whole.median:.2f} median of pairs",
            whole.larger <= WHOLE_LIMIT,
        ),
        Requirement(
            "cold command: every one solves", f"{solved} of {len(turns)}", solved == len(turns)
        ),
    ]
    return "\n\n".join(
        [
            "## The cold command",
            f"Wall seconds of new processes, in turn, {len(turns)} times; seeds "
            f"{turns[0].seed} to {turns[-1].seed}. Median (least to greatest).",
            table(("", "seconds"), rows),
            requirements_table(promises),
        ]
    )
