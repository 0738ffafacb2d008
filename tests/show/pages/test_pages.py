"""What stands on a page: the report, the notebook's card, what a training leaves."""

import base64
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import upright
from upright.experiment.listener import Listener
from upright.ground.errors import UprightError
from upright.runs.run import Run
from upright.show.pages import media, report
from upright.show.pages.media import leave_media
from upright.show.pages.playground import write_playground
from upright.show.pages.report import card, write_report
from upright.show.video import encoding

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
VOID = {"meta", "img", "source", "br", "input", "link", "hr"}


class Page(HTMLParser):
    """The tags, the text and the addresses of a page; unbalanced tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "srcset", "href")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page(finished_run: Path) -> Page:
    return Page(report.report(upright.load(finished_run)))


def test_a_report_has_verdict_curve_replay_settings_and_versions(page: Page, run: Run) -> None:
    verdict = run.verdict()
    for words in (
        "CartPole-v1",
        "Not solved",
        f"ean return {verdict.proof.mean:.1f} over 100 fresh episodes",
        "threshold 475",
        run.verdict_record()["weights_sha256"],
        "upright train CartPole-v1 --algo ppo",
        f"upright verify {run.path}",
        "learning_rate",
        "gymnasium",
        str(verdict.proof.seed),
    ):
        assert words in page.text
    assert page.tags.count("video") == 1
    assert page.tags.count("source") == 3


def test_a_report_tells_what_is_unusual_where_something_is(tmp_path: Path) -> None:
    fast: dict[str, Any] = {"learning_rate": 0.3, "num_steps": 32, "total_timesteps": 4096}
    run = upright.train("CartPole-v1", "ppo", preset="default", out=tmp_path, **fast)
    text = Page(report.report(run)).text
    assert "What is unusual" in text
    found = run.diagnose()
    assert found
    assert all(each.sentence in text and each.hint in text for each in found)
    solved = upright.train("CartPole-v1", "ppo", out=tmp_path, seed=6)
    assert solved.diagnose() == []
    assert "What is unusual" not in Page(report.report(solved)).text


def test_a_report_asks_nobody_for_anything(page: Page) -> None:
    assert page.addresses
    assert all(each.startswith("data:") for each in page.addresses)
    assert not {"script", "link", "iframe", "a"} & set(page.tags)


def test_what_a_report_embeds_is_what_it_says(page: Page) -> None:
    kinds = [each.split(";")[0] for each in page.addresses]
    assert kinds.count("data:image/svg+xml") == 4
    assert kinds.count("data:video/mp4") == 1
    (video,) = (each for each in page.addresses if each.startswith("data:video"))
    assert base64.b64decode(video.split(",")[1])[4:8] == b"ftyp"


def spoilt(folder: Path) -> Run:
    """A run whose files hold markup wherever a word can stand."""
    path = folder / "run.json"
    record = json.loads(path.read_text())
    record |= {"algo": HOSTILE, "started": HOSTILE, "backend": HOSTILE, "env": HOSTILE}
    record["versions"] = {HOSTILE: HOSTILE, "torch": "\x1b[31m" + "x" * 5000}
    path.write_text(json.dumps(record))
    (folder / "command.txt").write_text(HOSTILE)
    return upright.load(folder)


def test_a_strangers_words_do_not_become_markup(run_copy: Path) -> None:
    run = spoilt(run_copy)
    for text in (report.report(run), card(run)):
        page = Page(text)
        assert "script" not in page.tags
        assert "<script>alert(1)</script>" in page.text
        assert "\x1b" not in text
        assert "x" * 1000 not in text


def test_what_is_no_text_is_no_obstacle(run_copy: Path, tmp_path: Path) -> None:
    (run_copy / "evaluation.json").unlink()
    path = run_copy / "run.json"
    record = json.loads(path.read_text())
    for changes, said in (
        ({"status": "\ud800"}, "half a character"),
        ({"threshold": 10**400}, "garbles 'threshold'"),
    ):
        path.write_text(json.dumps(record | changes))
        with pytest.raises(UprightError, match=said):
            upright.load(run_copy)
    path.write_text(json.dumps(record | {"status": "failed", "algo": "\x1b"}))
    (run_copy / "command.txt").unlink()
    (run_copy / "command.txt").symlink_to("/etc/hostname")
    run = upright.load(run_copy)
    for text in (write_report(run).read_text(), card(run)):
        assert "No verdict" in Page(text).text
        assert "\x1b" not in text
    assert "No verdict" in write_playground(run, tmp_path / "a.html").read_text()


def test_a_report_says_what_it_could_not_show(run_copy: Path, easy: str, tmp_path: Path) -> None:
    record = json.loads((run_copy / "evaluation.json").read_text())
    (run_copy / "evaluation.json").write_text(json.dumps(record | {"solved": True}))
    text = Page(report.report(upright.load(run_copy))).text
    assert "No verdict" in text
    assert "contradicts its own evaluations" in text
    assert "Solved and verified" not in text
    run = upright.train(easy, algo="ppo", total_timesteps=256, num_steps=32, out=tmp_path / "runs")
    assert "cannot draw itself off screen" in Page(report.report(run)).text


@pytest.mark.long
def test_a_report_is_made_anew_in_its_place_and_takes_no_other(
    run_copy: Path, tmp_path: Path
) -> None:
    run = upright.load(run_copy)
    path = write_report(run)
    assert path == run_copy / "report.html"
    path.write_text("old")
    assert write_report(run).read_text().startswith("<!doctype html>")
    other = tmp_path / "mine.html"
    assert write_report(run, other) == other
    other.write_text("mine")
    with pytest.raises(UprightError, match="exists already"):
        write_report(run, other)
    assert other.read_text() == "mine"


def test_a_notebook_shows_curve_verdict_and_video(run: Run) -> None:
    page = Page(run._repr_html_())
    assert page.tags.count("img") == 1
    assert page.tags.count("video") == 1
    assert "CartPole-v1 · ppo, seed 0 · Not solved" in page.text
    assert "over 100 fresh episodes" in page.text
    assert all(each.startswith("data:") for each in page.addresses)


def test_watching_in_a_notebook_is_a_video_and_no_window(run: Run, tmp_path: Path) -> None:
    shown = run.watch(episodes=1, checkpoint=0, seed=2)
    assert Page(shown._repr_html_()).tags == ["video"]
    assert shown.data[4:8] == b"ftyp"
    assert repr(shown) == f"Replay({len(shown.data):,} bytes of mp4)"
    assert shown.save(tmp_path / "a.mp4").read_bytes() == shown.data
    with pytest.raises(UprightError, match="exists already"):
        shown.save(tmp_path / "a.mp4")


def test_a_playground_holds_a_replay_where_nothing_simulates_the_environment(
    tmp_path: Path,
) -> None:
    taxi = upright.train(
        "probes.drawn:Drawn", algo="ppo", total_timesteps=128, num_steps=32, out=tmp_path / "runs"
    )
    text = write_playground(taxi, tmp_path / "a.html").read_text()
    assert "data:video/mp4;base64," in text


class Pictured(Listener):
    def __init__(self) -> None:
        self.told: list[Any] = []

    def illustrated(self, files: Any, notes: Any) -> None:
        self.told.append((files, notes))


SMALL: dict[str, Any] = {"algo": "ppo", "preset": "default", "total_timesteps": 2048}


def test_a_training_leaves_its_curve_and_a_replay(tmp_path: Path) -> None:
    listener = Pictured()
    run = upright.train("CartPole-v1", out=tmp_path, listener=listener, media=True, **SMALL)
    assert listener.told == [([run.path / "curve.png", run.path / "replay.mp4"], [])]
    assert (run.path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert (run.path / "replay.mp4").read_bytes()[4:8] == b"ftyp"
    assert not [each.name for each in run.path.iterdir() if ".tmp" in each.name]
    before = (run.path / "curve.png").read_bytes()
    upright.resume(run.path, total_timesteps=4096, media=True)
    assert (run.path / "curve.png").read_bytes() != before
    upright.resume(run.path, total_timesteps=6144, media=False)
    assert not {"curve.png", "replay.mp4"} & {each.name for each in run.path.iterdir()}


def test_a_training_can_be_told_to_leave_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(media: bool | None) -> set[str]:
        run = upright.train("CartPole-v1", out=tmp_path, media=media, **SMALL)
        return {each.name for each in run.path.iterdir()} & {"curve.png", "replay.mp4"}

    assert os.environ["UPRIGHT_NO_MEDIA"]
    assert names(None) == set()
    assert names(False) == set()
    monkeypatch.delenv("UPRIGHT_NO_MEDIA")
    assert names(False) == set()
    assert names(None) == {"curve.png", "replay.mp4"}


def test_an_environment_that_cannot_draw_leaves_the_curve_and_says_why(
    easy: str, tmp_path: Path
) -> None:
    listener = Pictured()
    run = upright.train(
        easy, algo="ppo", total_timesteps=256, num_steps=32, out=tmp_path, listener=listener,
        media=True,
    )  # fmt: skip
    ((files, notes),) = listener.told
    assert files == [run.path / "curve.png"]
    assert len(notes) == 1
    assert notes[0].startswith("No replay.mp4: ")
    assert "cannot draw itself" in notes[0]
    assert upright.load(run.path).status == "finished"


def test_a_folder_that_is_gone_or_full_costs_the_pictures_and_not_the_run(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(media, "write_atomically", full)
    monkeypatch.setattr(encoding, "_ffmpeg", full)
    files, notes = leave_media(upright.load(run_copy))
    assert files == []
    assert notes == [
        "No curve.png: No space left on device.",
        f"No replay.mp4: Cannot write {run_copy}/replay.mp4: No space left on device.",
    ]


def test_ctrl_c_while_it_draws_leaves_the_run_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*words: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(media, "plot", interrupted)
    listener = Pictured()
    with pytest.raises(KeyboardInterrupt):
        upright.train("CartPole-v1", out=tmp_path, listener=listener, media=True, **SMALL)
    assert upright.load(tmp_path / "CartPole-v1" / "ppo-s0").status == "finished"
    ((files, notes),) = listener.told
    assert files == []
    assert re.search("Interrupted", notes[0])
