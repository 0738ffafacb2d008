"""A board that is served, and folders of runs to be shown on it."""

import http.client
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import write_json
from upright.ground.reading import read_json
from upright.show.board.page import BoardPage, _app
from upright.show.serving import served

SECONDS = 20.0
LIGHT = ("run.json", "settings.toml", "evaluation.json", "metrics.jsonl", "command.txt")


class Shown:
    """A board behind its server; a thread looks all the time, as the command's own does."""

    def __init__(self, folder: Path, look: bool = True) -> None:
        self.page = BoardPage(folder)
        self.board = self.page.board
        self._served = served(_app(self.board, self.page.port), self.page._socket)
        self._served.__enter__()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        if look:
            self._thread.start()

    def _look(self) -> None:
        while not self._over.is_set():
            if not self.board.look():
                time.sleep(0.02)

    def ask(self, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        """An answer, read; `host="..."` takes the place of the usual one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.page.port, timeout=SECONDS)
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer

    def changes(self, since: int = 0) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.ask(f"/changes?since={since}").body)  # type: ignore[attr-defined]
        return answer

    def end(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(SECONDS)
        self._served.__exit__(None, None, None)
        self.page.close()


Opened = Callable[..., Shown]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens boards, which are gone at the end."""
    every: list[Shown] = []

    def one(folder: Path, look: bool = True) -> Shown:
        every.append(Shown(folder, look))
        return every[-1]

    yield one
    for each in every:
        each.end()


def copy_of(run: Path, folder: Path, settings: dict[str, str] | None = None, **record: Any) -> Path:
    """A run's light files in another folder, with other lines of settings and another record."""
    folder.mkdir(parents=True)
    for name in LIGHT:
        shutil.copyfile(run / name, folder / name)
    write_json(folder / "run.json", read_json(folder / "run.json") | record)
    lines = (folder / "settings.toml").read_text().splitlines()
    for key, value in (settings or {}).items():
        (number,) = [n for n, line in enumerate(lines) if line.startswith(f"{key} = ")]
        lines[number] = f"{key} = {value}"
    (folder / "settings.toml").write_text("\n".join(lines) + "\n")
    return folder


def lift(run: Path, by: float) -> None:
    """Let a run's returns be higher, so that its curve lies apart."""
    name = "rollout/ep_rew_mean"
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    lifted = [row | ({name: row[name] + by} if name in row else {}) for row in rows]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in lifted))


@pytest.fixture
def several(finished_run: Path, tmp_path: Path) -> Path:
    """A folder of seeds 0 to 3 of one setting, 0 and 1 of another, and one of another algorithm."""
    folder = tmp_path / "runs"
    for seed in range(4):
        said = {"seed": str(seed)}
        copy_of(finished_run, folder / "CartPole-v1" / f"ppo-s{seed}", said, seed=seed)
    for seed in range(2):
        said = {"seed": str(seed), "gamma": "0.9"}
        made = copy_of(finished_run, folder / "CartPole-v1" / f"ppo-s{seed}-2", said, seed=seed)
        lift(made, 50.0)
    copy_of(finished_run, folder / "Other-v0" / "ppo-s0", {"env": '"Other-v0"'}, env="Other-v0")
    return folder
