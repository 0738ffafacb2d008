"""Coverage-guided fuzzing of everything that reads what a stranger wrote.

    python fuzz/fuzz_readers.py [TARGET] --seconds 60 [--out FOLDER]

Every reader gets the bytes that libFuzzer makes of a small valid run. Only an UprightError may come
of them: exit code 0 where nothing else did, 1 where something did, and the input is in FOLDER.
Needs the extra `fuzz` (atheris).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

TARGETS = (
    "json",
    "header",
    "recipe",
    "config",
    "bundle",
    "space",
    "evaluation",
    "run",
    "verdict",
    "checkpoint",
    "state",
    "log",
)
SLOW = ("gymnasium", "pydantic", "safetensors.numpy", "numpy")
OURS = (
    *("ground.reading", "ground.tensors", "ground.state", "settings.config"),
    *("settings.recipe", "settings.resolving"),
    *("policy.spaces", "policy.weights", "judging.evaluation"),
    *("runs.records", "runs.checkpoint", "runs.bundle", "runs.tail"),
)
RSS_MIB, LONGEST, SECONDS_PER_INPUT = 2048, 65536, 20
CHILD = "UPRIGHT_FUZZ_CHILD"


def main() -> int:
    """Fuzz in a process of its own, whose folders go with this one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", default="all", choices=["all", *TARGETS])
    parser.add_argument("--seconds", type=int, default=60, help="default 60")
    parser.add_argument("--seed", type=int, default=0, help="0, the default, draws one")
    parser.add_argument("--out", default="", help="where bad inputs are kept")
    args = parser.parse_args()
    if os.environ.get(CHILD):
        fuzz(args.target, Path(os.environ[CHILD]))
        return 0
    out = Path(args.out or tempfile.mkdtemp(prefix="upright-fuzz-"))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="upright-fuzz-") as name:
        folder = Path(name)
        for each in ("corpus", "work"):
            (folder / each).mkdir()
        limits = (
            f"-max_total_time={args.seconds}",
            f"-seed={args.seed}",
            f"-rss_limit_mb={RSS_MIB}",
            f"-timeout={SECONDS_PER_INPUT}",
            f"-max_len={LONGEST}",
            f"-artifact_prefix={out.resolve()}/",
            "-print_final_stats=1",
        )
        words = [sys.executable, __file__, args.target, "--seconds", str(args.seconds)]
        environment = os.environ | {
            CHILD: name,
            "TMPDIR": str(folder / "work"),
            "UPRIGHT_FUZZ_FLAGS": json.dumps([*limits, str(folder / "corpus")]),
        }
        code = subprocess.run(words, env=environment, check=False, cwd=folder / "work").returncode
    kept = sorted(path.name for path in out.iterdir())
    if not kept and not args.out:
        out.rmdir()
    if code == 0 and not kept:
        print("Nothing but an UprightError was raised.")
        return 0
    print(f"Something else was raised, or took too long or too much: {out}: {', '.join(kept)}")
    return 1


def fuzz(target: str, folder: Path) -> None:
    """Hand libFuzzer the readers and the seeds; it ends the process."""
    import atheris

    for name in SLOW:  # what is not ours is imported without instrumentation
        import_module(name)
    with atheris.instrument_imports(include=["upright"]):
        for name in OURS:
            import_module(f"upright.{name}")
    from upright.ground import UprightError

    warnings.simplefilter("ignore")
    readers = readers_of(folder / "work")
    write_seeds(folder / "corpus", target)

    def one(data: bytes) -> None:
        name, rest = target, data
        if target == "all":
            name, rest = TARGETS[data[0] % len(TARGETS)] if data else "json", data[1:]
        try:
            readers[name](rest)
        except UprightError as error:
            str(error)

    atheris.Setup([sys.argv[0], *json.loads(os.environ["UPRIGHT_FUZZ_FLAGS"])], one)
    atheris.Fuzz()


def readers_of(work: Path) -> dict[str, Callable[[bytes], object]]:
    """Every reader by its target's name, as a function of bytes."""
    import shutil

    from upright.ground import State, parse_json, parse_tensors, sha256
    from upright.judging import Evaluation
    from upright.policy import space_from_json
    from upright.runs import Checkpoint, LogTail, RunRecord, VerdictRecord, read_checkpoint, unpack
    from upright.settings import read_config, read_recipe, resolve

    policy = a_policy()
    folder, file = work / "000000128", work / "file"
    Checkpoint(128, policy.weights, State(), State(), State()).save(work)

    def written(data: bytes) -> Path:
        file.write_bytes(data)
        return file

    def config(data: bytes) -> None:
        read_config(written(data))
        resolve(config=file)

    def bundle(data: bytes) -> None:
        shutil.rmtree(unpack(written(data)))

    def with_file(name: str, data: bytes) -> None:
        """A checkpoint in which one file is other, and whose manifest vouches for it."""
        (folder / name).write_bytes(data)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"][name] = {"bytes": len(data), "sha256": sha256(data)}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        read_checkpoint(folder, policy)

    def state(data: bytes) -> None:
        restore_all(State({"state": parse_json(data, "state")}))

    def log(data: bytes) -> None:
        tail = LogTail(file)
        for end in (len(data) // 2, len(data)):
            written(data[:end])
            tail.look()

    return {
        "json": lambda data: parse_json(data, "x"),
        "header": lambda data: parse_tensors(data, "x"),
        "recipe": lambda data: read_recipe(written(data)),
        "config": config,
        "bundle": bundle,
        "space": lambda data: space_from_json(parse_json(data, "x")),
        "evaluation": lambda data: Evaluation.from_dict(parse_json(data, "x")),
        "run": lambda data: RunRecord.parse(data, file).table(),
        "verdict": lambda data: VerdictRecord.parse(data, file).outcome(),
        "checkpoint": lambda data: with_file("trainer.safetensors", data),
        "state": state,
        "log": log,
    }


def restore_all(state: object) -> None:
    """What a resumed run reads of a state before it makes environments."""
    import numpy as np

    from upright.ground import State, restore_generator
    from upright.judging import Evaluation

    assert isinstance(state, State)
    inner = state.part("state")
    inner.count("timesteps")
    restore_generator(np.random.default_rng(0), inner.value("rng", dict))
    Evaluation.from_record(inner.value("selection", dict))


def a_policy() -> "upright.policy.Policy":  # type: ignore[name-defined]  # noqa: F821
    """The policy of the small run."""
    import gymnasium as gym
    import numpy as np

    from upright.policy import Policy
    from upright.settings import SETTINGS

    box = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
    return Policy(box, gym.spaces.Discrete(2), SETTINGS["ppo"](hidden_sizes=(4,)))


def write_seeds(corpus: Path, target: str) -> None:
    """What a small valid run holds, one seed for each reader or for the one that is asked for."""
    for name, data in seeds().items():
        if target in ("all", name):
            mark = bytes([TARGETS.index(name)]) if target == "all" else b""
            (corpus / name).write_bytes(mark + data)


def seeds() -> dict[str, bytes]:
    """A valid input of every reader."""
    import gymnasium as gym
    import numpy as np
    import tomli_w
    from safetensors.numpy import save

    from upright.ground import State, as_json, generator_state
    from upright.judging import Candidate, Evaluation, Verdict
    from upright.policy import space_to_json, weights_bytes
    from upright.runs import Checkpoint, Metric, RunRecord, VerdictRecord, write_bundle
    from upright.settings import resolve

    evaluation = Evaluation((9.0, 10.5), 3, True, 475.0, (9, 10), 2, "sync")
    rng = generator_state(np.random.default_rng(0))
    values = {"timesteps": 128, "rng": rng, "selection": evaluation.record()}
    settings = tomli_w.dumps(resolve("CartPole-v1", "ppo").flat()).encode()
    space = gym.spaces.Box(np.float32([-1, -np.inf]), np.float32([1, np.inf]))
    policy = a_policy()
    record = RunRecord(
        schema=2, env="CartPole-v1", algo="ppo", seed=0, preset="tuned", status="running",
        env_is_factory=False, observation_space=space_to_json(space), action_space={},
        started="", threads=1, backend="sync", device="cpu", exact=True, versions={},
    )  # fmt: skip
    other = replace(evaluation, seed=4)
    verdict = Verdict(Candidate(evaluation, 128, policy.weights), other)
    judged = VerdictRecord.of_verdict(verdict, "CartPole-v1", "0" * 64, {})
    with tempfile.TemporaryDirectory() as name:
        run = Path(name)
        (run / "checkpoints").mkdir()
        (run / "run.json").write_bytes(as_json({"schema": 2, "env": "CartPole-v1"}))
        (run / "settings.toml").write_bytes(settings)
        checkpoint = Checkpoint(128, policy.weights, State(), State(values), State())
        checkpoint.save(run / "checkpoints")
        write_bundle(run, run / "run.zip")
        bundle = (run / "run.zip").read_bytes()
    return {
        "json": as_json(values),
        "header": weights_bytes(policy.weights),
        "recipe": settings,
        "config": settings,
        "bundle": bundle,
        "space": as_json(space_to_json(space)),
        "evaluation": as_json(evaluation.as_dict()),
        "run": record.data(),
        "verdict": judged.data(),
        "checkpoint": save(
            {"run.mean": np.ones(5, np.float32), "run.count": np.zeros(2, np.int64)}
        ),
        "state": as_json(values),
        "log": b"".join(
            json.dumps({Metric.TIMESTEPS: n, Metric.EPISODE_RETURN: 9.5, Metric.EVALUATION: n})
            .encode() + b"\n"
            for n in range(3)
        ),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
