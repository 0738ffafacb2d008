"""The board's server: who gets in, what there is to ask, and that nothing of a stranger's runs."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from hostile import watched
from show.board.conftest import Opened, Shown, copy_of
from support import renamed, write_json
from upright.ground.errors import UprightError
from upright.ground.reading import read_json
from upright.show.board.page import BoardPage

PATHS = ["/", "/changes?since=0", "/run?id=1", "/replay?id=1", "/report?id=1", "/nothing"]


def filled(shown: Shown) -> dict[str, dict[str, Any]]:
    """The rows by path, when all are read."""
    while shown.board.look():
        pass
    return {row["path"]: row for row in shown.changes()["runs"]}


def details(shown: Shown, number: int) -> dict[str, Any]:
    answer = shown.ask(f"/run?id={number}")
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)  # type: ignore[attr-defined]
    return found


def test_only_its_own_address_is_answered(several: Path, opened: Opened) -> None:
    shown = opened(several, look=False)
    port = shown.page.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        assert shown.ask("/", host=host).status == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        for path in PATHS:
            assert shown.ask(path, host=host).status == 403, (host, path)


def test_no_other_page_reaches_it(several: Path, opened: Opened) -> None:
    shown = opened(several, look=False)
    port = shown.page.port
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}"):
        for path in PATHS:
            assert shown.ask(path, origin=origin).status == 403, (origin, path)
    for site in ("cross-site", "same-site"):
        for path in PATHS:
            assert shown.ask(path, sec_fetch_site=site).status == 403
    link = {
        "sec_fetch_site": "cross-site",
        "sec_fetch_mode": "navigate",
        "sec_fetch_dest": "document",
    }
    assert shown.ask("/", **link).status == 200
    assert shown.ask("/changes?since=0", **link).status == 403


def test_nothing_can_be_changed(several: Path, opened: Opened) -> None:
    shown = opened(several, look=False)
    origin = shown.page.address.rstrip("/")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in PATHS[:-1]:
            assert shown.ask(path, method, origin=origin).status == 405


def test_the_page_allows_its_own_code_only(several: Path, opened: Opened) -> None:
    answer = opened(several, look=False).ask("/")
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"].startswith("'sha256-")
    assert policy["style-src"].startswith("'sha256-")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = answer.body.decode()  # type: ignore[attr-defined]
    assert page.count("<script>") == page.count("</script>") == 1
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/changes",
        "/changes?since=",
        "/changes?since=-1",
        "/changes?since=1.5",
        "/changes?since=%D9%A1",
        "/changes?since=9999999999999999",
    ],
)
def test_a_version_that_is_none_is_refused(several: Path, opened: Opened, path: str) -> None:
    assert opened(several, look=False).ask(path).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/run",
        "/run?id=999",
        "/run?id=../../etc/passwd",
        "/report?id=x",
        "/replay?id=1",
        "/report?id=1",
        "/web/board.html",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_no_address_names_a_file(several: Path, opened: Opened, path: str) -> None:
    shown = opened(several, look=False)
    filled(shown)
    assert shown.ask(path).status == 404


def test_answers_are_news_since_the_last(several: Path, opened: Opened) -> None:
    shown = opened(several, look=False)
    assert len(filled(shown)) == 7
    seen = shown.changes()["version"]
    assert shown.changes(seen)["runs"] == []
    shutil.rmtree(several / "Other-v0")
    shown.board.look()
    assert len(shown.changes(seen)["gone"]) == 1


def test_details_say_what_a_run_is(several: Path, finished_run: Path, opened: Opened) -> None:
    whole = several / "whole"
    shutil.copytree(finished_run, whole)
    text = (whole / "settings.toml").read_text()
    assert 'preset = "default"' in text
    (whole / "settings.toml").write_text(text.replace("gamma = 0.99\n", "gamma = 0.9\n"))
    shown = opened(several, look=False)
    found = details(shown, filled(shown)["whole"]["id"])
    assert found["headline"] == "Not solved"
    assert found["solved"] is False
    assert found["sentence"].startswith("Mean return ")
    changed = {
        name: (here, preset) for name, here, preset in found["settings"] if preset is not None
    }
    assert changed["gamma"] == ("0.9", "0.99")
    assert "learning_rate" not in changed
    assert found["typed"].startswith("upright train CartPole-v1")
    assert found["commands"][0] == f"upright watch {whole}"
    assert found["files"] == []


def test_details_of_a_run_that_is_spoilt_are_a_sentence(several: Path, opened: Opened) -> None:
    shown = opened(several, look=False)
    rows = filled(shown)
    found = details(shown, rows["CartPole-v1/ppo-s0"]["id"])  # its weights are not there
    assert found["headline"] == "No verdict (finished)"
    assert "policy.safetensors" in found["sentence"]
    (several / "CartPole-v1" / "ppo-s0" / "run.json").write_text("{")
    found = details(shown, rows["CartPole-v1/ppo-s0"]["id"])
    assert found["headline"] == "It cannot be opened"
    shutil.rmtree(several / "CartPole-v1" / "ppo-s1")
    assert details(shown, rows["CartPole-v1/ppo-s1"]["id"])["headline"] == "It cannot be opened"


def test_a_report_is_shown_and_can_do_nothing(several: Path, opened: Opened) -> None:
    page = "<script>fetch('/changes?since=0')</script>"
    run = several / "CartPole-v1" / "ppo-s0"
    (run / "report.html").write_text(page)
    (run / "replay.mp4").write_bytes(b"\0\0\0\x20ftyp")
    shown = opened(several, look=False)
    number = filled(shown)["CartPole-v1/ppo-s0"]["id"]
    assert details(shown, number)["files"] == ["report.html", "replay.mp4"]
    answer = shown.ask(f"/report?id={number}")
    assert (answer.status, answer.body) == (200, page.encode())  # type: ignore[attr-defined]
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script-src" not in policy
    video = shown.ask(f"/replay?id={number}")
    assert video.headers["content-type"] == "video/mp4"


def test_a_file_that_is_a_link_is_not_given(several: Path, tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "secret").write_text("secret")
    run = several / "CartPole-v1" / "ppo-s0"
    for name in ("report.html", "replay.mp4", "command.txt"):
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(tmp_path / "secret")
    shown = opened(several, look=False)
    number = filled(shown)["CartPole-v1/ppo-s0"]["id"]
    for path in ("report", "replay"):
        assert shown.ask(f"/{path}?id={number}").status == 404
    assert "secret" not in json.dumps(details(shown, number))


def test_nothing_of_a_run_is_executed_or_written(
    several: Path, finished_run: Path, tmp_path: Path, opened: Opened
) -> None:
    evil = tmp_path / "evil.py"
    evil.write_text("raise SystemExit('imported')")
    run = several / "evil"
    shutil.copytree(finished_run, run)
    renamed(run, f"{evil}:Env")
    verdict = read_json(run / "evaluation.json")
    write_json(run / "evaluation.json", verdict | {"env": f"{evil}:Env"})
    shown = opened(several, look=False)
    with watched(tmp_path / "nowhere"):
        rows = filled(shown)
        found = details(shown, rows["evil"]["id"])
    assert "code that would be imported" in found["sentence"]


def test_titles_are_text(tmp_path: Path, finished_run: Path, opened: Opened) -> None:
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    copy_of(finished_run, folder / "run")
    page = opened(folder, look=False).ask("/").body.decode()  # type: ignore[attr-defined]
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UprightError, match=f"port {port} of 127.0.0.1"):
            BoardPage(tmp_path, port)


def test_a_resumed_run_says_how_often(several: Path, finished_run: Path, opened: Opened) -> None:
    run = several / "resumed"
    shutil.copytree(finished_run, run)
    record = read_json(run / "run.json")
    names = ("threads", "backend", "device", "exact", "versions")
    moment = {name: record[name] for name in names} | {"timesteps": 1, "notes": []}
    write_json(run / "run.json", record | {"resumptions": [moment, moment]})
    shown = opened(several, look=False)
    made = details(shown, filled(shown)["resumed"]["id"])["made"]
    assert ["gone on with", "2 times"] in made
