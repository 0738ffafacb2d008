"""What the board knows of a folder: every run, its group, and what of it is news to whom."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from upright.ground import UprightError
from upright.runs import Glance, Sheet, run_folders
from upright.show.board.row import in_a_cell, row_at
from upright.show.curves import names_apart, shared_settings

UNREAD = "settings that cannot be read"
# New runs that are read before those who ask get to know of them.
BATCH = 50
# A look at everything waits so long, and so many times longer than it took, before the next.
LEAST_SECONDS, PATIENCE = 1.0, 10.0


class Known:
    """A run that was found.

    Attributes:
        number: What a page calls it.
        glance: Its folder.
        row: What the page shows of it; empty for what is no run.
        version: When that changed.
    """

    def __init__(self, number: int, glance: Glance) -> None:
        self.number, self.glance = number, glance
        self.row: dict[str, Any] = {}
        self.version = 0


class Board:
    """The runs under a folder; one thread looks, any number asks what is new.

    Args:
        folder: Where the runs are.

    Raises:
        UprightError: There is no such folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        # What a page knows of another board's runs says nothing of this one's.
        self._born = secrets.token_hex(8)
        self._runs: dict[Path, Known] = {}
        self._by_number: dict[int, Known] = {}
        self._gone: list[tuple[int, int]] = []
        self._groups: dict[str, tuple[int, dict[str, Any]]] = {}
        self._sheets: dict[int, tuple[Sheet, int]] = {}
        self._named: list[dict[str, Any]] = []
        self._version = self._groups_version = self._numbers = 0
        self._problem = ""
        self._unread: Iterator[Known] = iter(())
        self._waiting = 0
        self._lock, self._asked = threading.Lock(), threading.Event()
        self._find()

    def look(self) -> bool:
        """Read some of the new runs; where there are none, whatever has changed.

        Returns:
            Whether there are new runs left to read.
        """
        if self._waiting:
            self._read(islice(self._unread, BATCH))
            self._waiting = max(0, self._waiting - BATCH)
        else:
            self._look_again()
        return self._waiting > 0

    def keep_looking(self) -> None:
        """Look for as long as somebody asks; a signal ends it."""
        while True:
            began = time.monotonic()
            if self.look():
                continue
            self._asked.clear()
            time.sleep(max(LEAST_SECONDS, PATIENCE * (time.monotonic() - began)))
            while not self._asked.wait(LEAST_SECONDS):
                pass

    def changes(self, since: int = 0) -> dict[str, Any]:
        """What is new since a version that an earlier answer named; 0 is all of it."""
        self._asked.set()
        with self._lock:
            runs = [known for known in self._by_number.values() if known.row]
            answer: dict[str, Any] = {
                "born": self._born,
                "version": self._version,
                "folder": in_a_cell(self.folder),
                "problem": self._problem,
                "waiting": self._waiting,
                "now": round(time.time(), 1),
                "runs": [known.row for known in runs if known.version > since],
                "gone": [number for version, number in self._gone if version > since],
            }
            if self._groups_version > since:
                answer["groups"] = self._named
            return answer

    def run_at(self, number: int) -> Path | None:
        """The folder of the run that a page calls so; None where there is none."""
        known = self._by_number.get(number)
        return known.glance.path if known else None

    def _look_again(self) -> None:
        try:
            self._find()
            problem = ""
        except UprightError as error:
            problem = in_a_cell(error.message)
            self._keep([])
        with self._lock:
            self._problem = problem
        if not self._waiting:
            self._read(iter(list(self._runs.values())))

    def _find(self) -> None:
        """Note which runs there are now."""
        new = self._keep(run_folders(self.folder))
        self._unread, self._waiting = iter(new), len(new)

    def _keep(self, found: list[Path]) -> list[Known]:
        """Forget the runs that are gone; those that were not known."""
        with self._lock:
            there = set(found)
            lost = [path for path in self._runs if path not in there]
            self._version += bool(lost)
            for path in lost:
                known = self._runs.pop(path)
                del self._by_number[known.number]
                self._gone.append((self._version, known.number))
            return [self._added(path) for path in found if path not in self._runs]

    def _added(self, path: Path) -> Known:
        self._numbers += 1
        known = Known(self._numbers, Glance(path))
        self._runs[path] = self._by_number[known.number] = known
        return known

    def _read(self, every: Iterator[Known]) -> None:
        """Look at these; what has changed becomes the newest version."""
        changed = [(known, self._row_of(known)) for known in every if known.glance.look()]
        if not changed:
            return
        with self._lock:
            self._version += 1
            for known, row in changed:
                if known.row and not row:
                    self._gone.append((self._version, known.number))
                known.row, known.version = row, self._version
            if len(self._named) < len(self._groups):
                self._named, self._groups_version = self._names(), self._version

    def _row_of(self, known: Known) -> dict[str, Any]:
        glance = known.glance
        if not glance.is_run:
            return {}
        path = glance.path
        name = path.relative_to(self.folder) if path != self.folder else path.absolute().name
        return {"id": known.number, "group": self._group_of(glance), **row_at(glance, str(name))}

    def _group_of(self, glance: Glance) -> int:
        sheet = glance.sheet
        if id(sheet) not in self._sheets:  # many seeds are of one
            settings = shared_settings(sheet.recipe) if sheet.recipe else _garbled(glance)
            key = json.dumps(settings, sort_keys=True, default=str)
            number, _ = self._groups.setdefault(key, (len(self._groups), settings))
            self._sheets[id(sheet)] = (sheet, number)
        return self._sheets[id(sheet)][1]

    def _names(self) -> list[dict[str, Any]]:
        every = [settings for _, settings in self._groups.values()]
        apart = iter(names_apart([each for each in every if UNREAD not in each]))
        names = [f"{each['algo']}, {UNREAD}" if UNREAD in each else next(apart) for each in every]
        return [
            {"id": number, "env": in_a_cell(settings["env"]), "name": in_a_cell(name)}
            for (number, settings), name in zip(self._groups.values(), names, strict=True)
        ]


def _garbled(glance: Glance) -> dict[str, Any]:
    """What stands for the settings of a run that has none to be read."""
    said = {name: str(glance.record.get(name, "?")) for name in ("env", "algo")}
    return said | {UNREAD: True}
