"""Commands that show a run: what they print, what they make, and what they leave alone."""

from pathlib import Path

import pytest

from cli.conftest import Typed
from cli.test_bad_input import assert_refused


def test_record_makes_a_video_here_and_never_twice_the_same(
    inside: Typed, finished_run: Path, tmp_path: Path
) -> None:
    for name in ("CartPole-v1-ppo-s0.mp4", "CartPole-v1-ppo-s0-2.mp4"):
        outcome = inside("record", finished_run, "--checkpoint", "0")
        assert outcome.code == 0
        assert outcome.out.startswith(f"{name}  ")
        assert (tmp_path / name).read_bytes()[4:8] == b"ftyp"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "CartPole-v1-ppo-s0-2.mp4",
        "CartPole-v1-ppo-s0.mp4",
    ]


def test_record_needs_no_display(shell: Typed, finished_run: Path, tmp_path: Path) -> None:
    outcome = shell("record", finished_run, "--out", "a.gif", "--checkpoint", "first")
    assert outcome.code == 0
    assert outcome.err == f"Recording {finished_run} ...\n"
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("record", "--out", "a.avi"), "no .mp4 and no .gif"),
        (("record", "--out", "b/a.mp4"), "no folder b"),
        (("record", "--checkpoint", "7"), "no checkpoint '7'"),
        (("record", "--checkpoint", "newest"), "no checkpoint 'newest'"),
        (("plot", "--metric", "train/entropie"), "train/entropy"),
        (("plot", "--x", "steps"), "no x axis 'steps'"),
        (("report", "--out", "b/a.html"), "no folder b"),
        (("export", "--html", "b/a.html"), "no folder b"),
        (("export", "--onnx", "b/a.onnx"), "no folder b"),
    ],
)
def test_what_will_not_do_is_said_and_nothing_is_made(
    inside: Typed, finished_run: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    verb, *rest = words
    assert_refused(inside(verb, finished_run, *rest), said)
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_written_over(inside: Typed, finished_run: Path, tmp_path: Path) -> None:
    for words in (
        ("record", finished_run, "--out", "a.mp4"),
        ("plot", finished_run, "--out", "a.png"),
        ("report", finished_run, "--out", "a.html"),
        ("export", finished_run, "--html", "a.html"),
        ("export", finished_run, "--onnx", "a.onnx"),
    ):
        taken = tmp_path / str(words[-1])
        taken.write_text("mine")
        assert_refused(inside(*words), f"{taken.name} exists already")
        assert taken.read_text() == "mine"


def test_plot_draws_every_run_that_it_is_given(
    inside: Typed, finished_run: Path, tmp_path: Path
) -> None:
    assert inside("plot", finished_run).out == "curve.png\n"
    assert inside("plot", finished_run, finished_run, "--x", "seconds").out == "curve-2.png\n"
    dark = inside("plot", finished_run, "--dark", "--smooth", "5", "--out", "a.svg")
    assert dark.code == 0
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")


def test_a_bundle_is_shown_like_a_folder(inside: Typed, finished_run: Path, tmp_path: Path) -> None:
    assert inside("bundle", finished_run, "--out", "shared.zip").code == 0
    assert inside("report", "shared.zip").out == "shared-report.html\n"
    assert inside("record", "shared.zip", "--checkpoint", "0").out.startswith("shared.mp4  ")
    assert inside("plot", "shared.zip").out == "curve.png\n"
    assert inside("export", "shared.zip", "--html", "play.html").out == "play.html\n"
    assert (tmp_path / "play.html").read_text().lower().startswith("<!doctype html>")


def test_report_goes_into_the_run(inside: Typed, run_copy: Path) -> None:
    assert inside("report", run_copy).out == f"{run_copy / 'report.html'}\n"
    assert inside("report", run_copy).code == 0


def test_a_corrupt_run_gives_a_sentence(inside: Typed, run_copy: Path, tmp_path: Path) -> None:
    (run_copy / "policy.safetensors").write_bytes(b"\x80\x02pickle")
    before = {path.name for path in tmp_path.iterdir()}
    assert_refused(inside("record", run_copy), "policy.safetensors")
    assert_refused(inside("export", run_copy, "--html", "a.html"), "policy.safetensors")
    (run_copy / "metrics.jsonl").write_text("nonsense\n")
    assert_refused(inside("plot", run_copy), "metrics.jsonl, line 1")
    assert {path.name for path in tmp_path.iterdir()} == before


def test_train_says_what_it_left_to_look_at(
    inside: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "CartPole-v1", "--preset", "default", "--algo", "ppo")
    small = ("--total-timesteps", "2048")
    outcome = inside(*words, *small, "--no-media")
    assert "curve.png" not in outcome.out
    assert not (tmp_path / "runs/CartPole-v1/ppo-s0/curve.png").exists()
    monkeypatch.delenv("UPRIGHT_NO_MEDIA")
    outcome = inside(*words, *small)
    assert outcome.code == 0
    assert outcome.err.endswith("Left in the run: curve.png, replay.mp4\n")
    folder = tmp_path / "runs/CartPole-v1/ppo-s0-2"
    assert {"curve.png", "replay.mp4"} <= {path.name for path in folder.iterdir()}
