"""A patient, and packages that are only said to be installed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from upright.doctor.patient import Patient

Installs = Callable[..., None]


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    """This machine, seen from an empty folder."""
    for name in ("here", "scratch"):
        (tmp_path / name).mkdir()
    return Patient(tmp_path / "here", tmp_path / "scratch")


@pytest.fixture
def installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installs:
    """Puts a package's metadata where pip would have put it, before what is there."""
    place = tmp_path / "site-packages"
    place.mkdir()
    monkeypatch.syspath_prepend(place)

    def install(name: str, version: str, *requires: str, extras: tuple[str, ...] = ()) -> None:
        folder = place / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Provides-Extra: {each}" for each in extras]
        lines += [f"Requires-Dist: {each}" for each in requires]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")

    return install
