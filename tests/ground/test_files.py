"""Files are whole or absent, and JSON is strict."""

import shutil
from pathlib import Path

import pytest

from support import write_json
from upright.ground import files
from upright.ground.errors import UprightError, did_you_mean
from upright.ground.files import new_file, write_atomically
from upright.ground.reading import read_json


def test_what_is_written_is_there_and_nothing_else_is(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"\x00\x01")
    write_atomically(tmp_path / "b", "é")
    assert (tmp_path / "a").read_bytes() == b"\x00\x01"
    assert (tmp_path / "b").read_text(encoding="utf-8") == "é"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    write_atomically(path, "old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("upright.ground.files.os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"


def test_json_reads_back(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None], "b": {"c": "é"}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value


def test_a_number_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "3", '{"a": NaN}', '{"a": Infinity}', "[" * 100_000]
)
def test_what_is_not_a_json_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UprightError, match=r"x\.json"):
        read_json(path)


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UprightError, match=r"x\.json"):
        read_json(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="Cannot read"):
        read_json(tmp_path / "x.json")


def test_near_words_are_suggested_and_far_ones_are_not() -> None:
    assert did_you_mean("gama", ["gamma", "threads"]) == "Did you mean gamma?"
    assert did_you_mean("CARTPOLE-V1", ["CartPole-v1"]) == "Did you mean CartPole-v1?"
    assert did_you_mean("aab", ["aaa", "aac"]).startswith("Did you mean aa")
    assert did_you_mean("xyz", ["gamma"], "There is gamma.") == "There is gamma."


def test_an_error_is_its_sentence_and_its_hint() -> None:
    assert str(UprightError("It is so.", "Do this.")) == "It is so. Do this."
    assert str(UprightError("It is so.")) == "It is so."


def test_a_new_file_is_whole_or_absent(tmp_path: Path) -> None:
    def written(then: type[BaseException] | None) -> None:
        with new_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("a")
            if then is not None:
                raise then

    with pytest.raises(KeyboardInterrupt):
        written(then=KeyboardInterrupt)
    assert list(tmp_path.iterdir()) == []
    written(then=None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    with pytest.raises(UprightError, match="exists already"):
        written(then=None)


def test_a_name_that_was_taken_meanwhile_stays_the_others(tmp_path: Path) -> None:
    def both_write() -> None:
        with new_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("ours")
            (tmp_path / "a.txt").write_text("theirs")

    with pytest.raises(UprightError, match="exists already"):
        both_write()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["theirs"]


def test_a_folder_that_is_deleted_while_files_go_into_it_stays_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = tmp_path / "checkpoints"
    parent.mkdir()
    written = files.write_synced

    def write_and_lose(path: Path, data: bytes) -> None:
        written(path, data)
        shutil.rmtree(parent)

    monkeypatch.setattr(files, "write_synced", write_and_lose)
    with pytest.raises(FileNotFoundError), files.hidden_folder(parent, {"a": b"1", "in/b": b"2"}):
        pass
    assert not parent.exists()
