"""Moments as a video file."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

import upright
from upright.ground.errors import UprightError
from upright.runs.run import Run
from upright.show.playing.player import Player
from upright.show.video import recording as module
from upright.show.video.encoding import write_video
from upright.show.video.recording import caption, record


def images(count: int, height: int = 40, width: int = 60) -> Iterator[Any]:
    """Grey pictures, from dark to bright."""
    for n in range(count):
        yield np.full((height, width, 3), 255 * n // max(count - 1, 1), np.uint8)


def decoded(path: Path, height: int, width: int) -> np.ndarray:
    """All pictures of a video, [n, height, width, 3]."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    wanted = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(
        [program, "-loglevel", "error", "-i", str(path), *wanted],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def rate_and_seconds(path: Path) -> tuple[float, float]:
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    hours, minutes, seconds = re.search(r"Duration: (\d+):(\d+):([\d.]+)", done.stderr).groups()  # type: ignore[union-attr]
    rate = re.search(r"([\d.]+) fps", done.stderr)
    assert rate is not None
    return float(rate[1]), int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def test_every_picture_is_in_the_video_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, images(20), 25.0)
    back = decoded(path, 40, 60)
    assert len(back) == 20
    means = back.mean(axis=(1, 2, 3))
    assert np.abs(means - 255 * np.arange(20) / 19).max() < 6
    assert rate_and_seconds(path) == (25.0, 0.8)
    assert [each.name for each in tmp_path.iterdir()] == ["a.mp4"]


def test_an_odd_size_is_padded_since_players_want_even_ones(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", images(3, 31, 47), 10.0)
    assert decoded(tmp_path / "a.mp4", 32, 48).shape == (3, 32, 48, 3)


def test_a_gif_has_the_pictures_too(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    write_video(path, images(10), 20.0)
    assert path.read_bytes()[:6] == b"GIF89a"
    means = decoded(path, 40, 60).mean(axis=(1, 2, 3))
    assert np.abs(means - 255 * np.arange(10) / 9).max() < 8
    assert [each.name for each in tmp_path.iterdir()] == ["a.gif"]


@pytest.mark.parametrize(("ending", "pictures"), [("mp4", 1000), ("gif", 500)])
def test_memory_does_not_grow_with_the_length(tmp_path: Path, ending: str, pictures: int) -> None:
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from upright.show.video.encoding import write_video\n"
        "def used(): return sum(resource.getrusage(who).ru_maxrss / 1024 for who in (0, -1))\n"
        "def pictures(n):\n"
        "    for k in range(n): yield np.roll(one, k, axis=1)\n"
        "one = np.random.default_rng(0).integers(256, size=(200, 300, 3), dtype=np.uint8) // 64\n"
        f"write_video(Path({str(tmp_path)!r}, 'short.{ending}'), pictures(50), 50)\n"
        "before = used()\n"
        f"write_video(Path({str(tmp_path)!r}, 'long.{ending}'), pictures({pictures}), 50)\n"
        "print(used() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert float(done.stdout) < 40  # MiB, ffmpeg's included; the pictures have 86 and more


def test_a_failure_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[Any]:
        yield from images(3)
        raise UprightError("The environment broke.")

    with pytest.raises(UprightError, match="broke"):
        write_video(tmp_path / "a.mp4", broken(), 25.0)

    def growing() -> Iterator[Any]:
        yield from images(2)
        yield from images(1, 50)

    with pytest.raises(UprightError, match="of shape"):
        write_video(tmp_path / "a.mp4", growing(), 25.0)
    with pytest.raises(UprightError, match="nothing to record"):
        write_video(tmp_path / "a.mp4", iter(()), 25.0)
    with pytest.raises(UprightError, match="ffmpeg could not write"):
        write_video(tmp_path / "none" / "a.mp4", images(100), 25.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_a_link_of_a_temporary_name_leads_nowhere(tmp_path: Path, ending: str) -> None:
    (tmp_path / "mine").write_text("mine")
    for each in ("mp4", "png", "gif"):
        (tmp_path / f".a.tmp.{each}").symlink_to(tmp_path / "mine")
    write_video(tmp_path / f"a.{ending}", images(3), 25.0)
    assert (tmp_path / "mine").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"mine", f"a.{ending}"}


def test_an_interrupted_recording_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Any]:
        yield from images(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "a.mp4", interrupted(), 25.0)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_or_of_another_kind_is_refused_before_anything_is_played(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Player", None)
    (tmp_path / "taken.mp4").write_text("mine")
    with pytest.raises(UprightError, match="exists already"):
        record(run, tmp_path / "taken.mp4")
    assert (tmp_path / "taken.mp4").read_text() == "mine"
    for name in ("a.avi", "a", "mp4"):
        with pytest.raises(UprightError, match=r"is no \.mp4 and no \.gif"):
            record(run, tmp_path / name)


def test_a_recording_shows_whole_episodes_and_holds_their_ends(run: Run, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    path = record(
        run, tmp_path / "a.mp4", episodes=2, seed=4, progress=lambda *words: told.append(words)
    )
    moments = [*Player(run.env, run.policy, seed=4).play(2)]
    held = 2 * round(module.HELD_SECONDS * 50)
    assert rate_and_seconds(path)[0] == 50
    back = decoded(path, 400, 600)
    assert len(back) == len(moments) + held
    assert np.abs(back[0].astype(int) - moments[0].image).mean() < 3
    assert np.abs(back[-1].astype(int) - moments[-1].image).mean() < 3
    parts = [part for part, _ in told]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


def test_fewer_pictures_a_second_show_the_same_time(run: Run, tmp_path: Path) -> None:
    rate, seconds = rate_and_seconds(record(run, tmp_path / "whole.mp4"))
    fewer = rate_and_seconds(record(run, tmp_path / "fewer.mp4", most_fps=30.0))
    assert (rate, *fewer) == (50.0, 25.0, pytest.approx(seconds, abs=0.1))


def test_a_timelapse_goes_from_untrained_to_the_best_with_the_same_start(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    class Watched(Player):
        def play(self, *words: Any) -> Any:
            for moment in super().play(*words):
                seen.append(moment)
                yield moment

    monkeypatch.setattr(module, "Player", Watched)
    path = record(run, tmp_path / "a.mp4", timelapse=True, max_steps=10)
    labels = list(dict.fromkeys(moment.label for moment in seen))
    assert labels[0] == "untrained"
    assert labels[-1].startswith("the best, after ")
    assert 2 <= len(labels) <= module.MOST_CHAPTERS
    starts = [moment.obs.tobytes() for moment in seen if moment.step == 0]
    assert len(starts) == len(labels)
    assert len(set(starts)) == 1
    image = decoded(path, 436, 600)[0]
    assert image[:30].mean() < 80
    assert image[40:].mean() > 200


def test_chapters_are_few_and_in_order(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = run.verdict().candidate.timesteps
    monkeypatch.setattr(Run, "checkpoints", lambda self: list(range(10, 2 * judged, 10)))
    stages = module._chapters(run)
    assert len(stages) == module.MOST_CHAPTERS
    steps = [step for step, _ in stages[:-1]]
    assert steps == sorted(steps)
    assert steps[0] == 0
    assert judged - 10 <= steps[-1] < judged
    assert stages[-1] == ("best", f"the best, after {judged:,} steps")


def test_a_claim_that_does_not_hold_is_no_caption(run_copy: Path) -> None:
    path = run_copy / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"solved": True}))
    assert module._chapters(upright.load(run_copy))[-1][1] == "the policy to use"
    (run_copy / "evaluation.json").unlink()
    assert module._chapters(upright.load(run_copy))[-1] == ("best", "the policy to use")


def test_two_recordings_of_one_name_do_not_meet(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = module.draw

    def overtaken(run: Run, path: Path, **options: Any) -> None:
        draw(run, path, **options)
        (tmp_path / "a.mp4").write_text("mine")

    monkeypatch.setattr(module, "draw", overtaken)
    with pytest.raises(UprightError, match="exists already"):
        record(run, tmp_path / "a.mp4", max_steps=3)
    assert (tmp_path / "a.mp4").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_caption_fits_whatever_its_width() -> None:
    for width in (240, 256, 600):
        image = np.zeros((50, width, 3), np.uint8)
        shown = caption(image, "solved and verified, after 1,234,567 steps", "return 500")
        assert shown.shape[1] == width
        assert (shown[-50:] == 0).all()
        strip = shown[:-50]
        assert (strip.max(axis=2) > 150).any()
        assert (strip[:, -1] < 60).all()


def test_a_picture_of_few_pixels_is_enlarged() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    larger = module.enlarged(image)
    assert larger.shape == (160, 240, 3)
    assert (larger[::80, ::80] == image).all()
    assert module.enlarged(larger) is larger


def test_a_run_that_cannot_be_drawn_says_so_and_leaves_nothing(easy: str, tmp_path: Path) -> None:
    run = upright.train(easy, algo="ppo", total_timesteps=256, num_steps=32, out=tmp_path / "runs")
    with pytest.raises(UprightError, match="cannot draw itself"):
        record(run, tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists()


def test_without_ffmpeg_it_says_what_brings_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    with pytest.raises(UprightError, match="no ffmpeg") as caught:
        write_video(tmp_path / "a.mp4", images(2), 25.0)
    assert "imageio-ffmpeg" in caught.value.hint


def test_a_narrow_picture_is_enlarged_only_as_far_as_it_fits() -> None:
    assert module.enlarged(np.zeros((1500, 3, 3), np.uint8)).shape == (1500, 3, 3)
    assert module.enlarged(np.zeros((200, 3, 3), np.uint8)).shape == (1200, 18, 3)


def test_pictures_of_other_sizes_are_fitted_into_the_first_ones_frame() -> None:
    sizes = ((40, 60), (43, 61), (20, 120))
    framed = list(module._of_one_size(iter([np.full((*s, 3), 9, np.uint8) for s in sizes])))
    assert [each.shape for each in framed] == [(40, 60, 3)] * 3
    assert framed[2][0].max() == 0
    assert framed[2][20].min() == 9


def test_a_name_as_long_as_a_name_can_be_is_no_obstacle(run: Run, tmp_path: Path) -> None:
    for ending in (".mp4", ".gif"):
        path = tmp_path / ("n" * (255 - len(ending)) + ending)
        assert module.record(run, path, max_steps=2) == path
        assert path.stat().st_size > 0


def test_what_ffmpeg_refuses_is_said_without_a_name_that_nobody_gave(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="ffmpeg could not write the video: ") as caught:
        write_video(tmp_path / "none" / "a.mp4", images(2), 30.0)
    assert ".tmp" not in caught.value.message
