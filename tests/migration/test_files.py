"""Files of strangers: with magics in them, no Python in them, or malice."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upright.ground import UprightError
from upright.migration import Migration, migrated
from upright.migration.magics import put_back, set_aside, with_gymnasium

PYTHON = {"kernelspec": {"language": "python", "name": "python3", "display_name": "Python 3"}}


def notebook(*codes: str, **changes: Any) -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [], "source": code}
        for code in codes
    ]
    whole = {"cells": cells, "metadata": PYTHON, "nbformat": 4, "nbformat_minor": 5}
    return whole | changes


def migrate_notebook(folder: Path, *codes: str) -> tuple[list[str], Migration]:
    path = folder / "a.ipynb"
    path.write_text(json.dumps(notebook(*codes)))
    migration = migrated(path)
    return [cell["source"] for cell in json.loads(migration.data)["cells"]], migration


def test_names_flow_from_one_cell_to_the_next(tmp_path: Path) -> None:
    codes, migration = migrate_notebook(
        tmp_path,
        "import gym as g",
        "world = g.make('CartPole-v0')",
        "o = world.reset()",
        "o, r, d, _ = world.step(0)",
    )
    assert codes == [
        "import gymnasium as g",
        "world = g.make('CartPole-v1')",
        "o, _ = world.reset()",
        "o, r, terminated, truncated, _ = world.step(0)\nd = terminated or truncated",
    ]
    assert [each.place for each in migration.findings] == [
        f"code cell {number}, line 1" for number in range(1, 5)
    ]


def test_magics_stay_as_they_are_and_python_among_them_is_migrated(tmp_path: Path) -> None:
    magic = (
        "%matplotlib inline\n!apt-get install -y xvfb \\\n    ffmpeg > /dev/null\nfiles = !ls\n"
        "import gym\nif True:\n    %time env = gym.make('CartPole-v0')\n    !echo 'CartPole-v0'\n"
        "env = gym.make('CartPole-v0')\ngym.make?\n??env\nt = %timeit -o env.reset()\n"
        "left = 7 \\\n    % 4\n"
    )
    codes, _ = migrate_notebook(tmp_path, magic)
    new = magic.replace("import gym", "import gymnasium as gym")
    new = new.replace("\nenv = gym.make('CartPole-v0')", "\nenv = gym.make('CartPole-v1')")
    assert codes == [new]


@pytest.mark.parametrize(
    ("line", "today"),
    [
        ("!pip install gym", "!pip install gymnasium"),
        ("%pip install -q gym==0.21.0 numpy", "%pip install -q gymnasium numpy"),
        ("!pip3 install 'gym[atari,accept-rom-license]>=0.20'", "!pip3 install 'gymnasium[atari]'"),
        ('!pip install -U "gym[classic_control]"', '!pip install -U "gymnasium[classic-control]"'),
        ("!python -m pip install gym[box2d]==0.17.*", "!python -m pip install gymnasium[box2d]"),
        ("!{sys.executable} -m pip install gym torch", None),
        ("!pip install gym-minigrid", "!pip install gym-minigrid"),
        ("!pip install ./gym gymnasium", "!pip install ./gym gymnasium"),
        ("!git clone https://example.org/gym", "!git clone https://example.org/gym"),
        ("!echo gym", "!echo gym"),
    ],
)
def test_what_installs_the_old_package_installs_todays(line: str, today: str | None) -> None:
    assert with_gymnasium(line) == (line.replace("gym", "gymnasium") if today is None else today)


def test_a_cell_of_a_shell_is_no_python_and_what_it_installs_is_seen(tmp_path: Path) -> None:
    codes, migration = migrate_notebook(tmp_path, "%%bash\npip install gym\nls $HOME", "%%html\n<b")
    assert codes == ["%%bash\npip install gymnasium\nls $HOME", "%%html\n<b"]
    (found,) = migration.findings
    assert (found.idiom, found.place) == ("install", "code cell 1, line 2")


def test_a_timed_cell_is_python(tmp_path: Path) -> None:
    codes, _ = migrate_notebook(tmp_path, "%%time\nimport gym")
    assert codes == ["%%time\nimport gymnasium as gym"]


def test_a_cell_that_is_no_python_is_passed_over_and_the_others_go_on(tmp_path: Path) -> None:
    codes, migration = migrate_notebook(tmp_path, "import gym", "x = 1\nprint 'old'", "gym.make(")
    assert codes == ["import gymnasium as gym", "x = 1\nprint 'old'", "gym.make("]
    _, second, third = migration.findings
    assert (second.place, second.old, second.done) == ("code cell 2, line 2", "print 'old'", False)
    assert "Missing parentheses in call to 'print'" in second.why
    assert "never closed" in third.why
    assert migration.left == (second, third)


def test_an_empty_notebook_and_cells_of_words_are_left(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(b'{"nbformat":4,"nbformat_minor":2,"metadata":{},"cells":[]}')
    assert migrated(path).data == path.read_bytes()
    raw = {"cell_type": "raw", "metadata": {}, "source": "import gym"}
    path.write_text(json.dumps(notebook("x = 1", cells=[raw])))
    assert (migrated(path).findings, migrated(path).data) == ((), path.read_bytes())


def test_a_byte_order_mark_and_line_ends_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes("\ufeffimport gym\r\nenv = gym.make('CartPole-v1')\r\n".encode())
    text = "\ufeffimport gymnasium as gym\r\nenv = gym.make('CartPole-v1')\r\n"
    assert migrated(path).data == text.encode()
    path.write_bytes(b"import gym\r\nenv = gym.make('CartPole-v1')\r\no, r, d, i = env.step(0)\r\n")
    assert migrated(path).data.count(b"\r\n") == migrated(path).data.count(b"\n") == 4


def test_nothing_that_is_read_is_run(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    trap = f"open({str(tmp_path / 'trap')!r}, 'w')"
    path.write_text(
        f"import gym\n{trap}\nenv = gym.make({trap})\nenv.seed({trap})\n@{trap}\ndef f(): 0\n"
    )
    assert migrated(path).findings
    assert [each.name for each in tmp_path.iterdir()] == ["a.py"]


REFUSED: dict[str, tuple[str, bytes | None, str]] = {
    "missing": ("no.py", None, "No such file"),
    "another kind": ("a.txt", b"import gym", "is no .py and no .ipynb"),
    "Python 2": ("a.py", b"import gym\n\nprint 'x'\n", "line 3: Missing parentheses"),
    "broken": ("a.py", b"def f(:\n", "is no Python 3: line 1: invalid syntax"),
    "Latin": ("a.py", b"# ok\nname = '\xe9'\n", "is not UTF-8 (line 2)"),
    "a zero": ("a.py", b"import gym\0\n", "null bytes"),
    "large": ("a.py", b"x = 1\n" * 50_000, "more than the 262,144"),
    "deep brackets": ("a.py", b"x = " + b"(" * 5000 + b")" * 5000, "too many nested parentheses"),
    "deep sum": ("a.py", b"x = " + b"+".join([b"1"] * 50_000), "nested too deep"),
    "deep dots": ("a.py", b"x = " + b".".join([b"a"] * 20_000), "nested too deep"),
    "deep minus": ("a.py", b"x = " + b"-" * 20_000 + b"1", "nested too deep"),
    "deep blocks": (
        "a.py",
        b"".join(b" " * i + b"if 1:\n" for i in range(150)),
        "too many levels of indentation",
    ),
    "no JSON": ("a.ipynb", b"import gym", "is not valid JSON"),
    "a list": ("a.ipynb", b"[]", "does not hold a JSON object"),
    "deep JSON": ("a.ipynb", b'{"a":' * 5000, "brackets are more than"),
    "no notebook": ("a.ipynb", b"{}", "no notebook of format 4"),
    "an old notebook": ("a.ipynb", b'{"nbformat":3,"worksheets":[]}', "no notebook of format 4"),
    "R": (
        "a.ipynb",
        json.dumps(notebook(metadata={"kernelspec": {"language": "R"}})).encode(),
        "a notebook of r, not of Python",
    ),
    "a cell that is none": ("a.ipynb", json.dumps(notebook(cells=[3])).encode(), "cell 1 is none"),
    "a cell without text": (
        "a.ipynb",
        json.dumps(notebook(cells=[{"cell_type": "code", "source": [3]}])).encode(),
        "cell 1 holds no text",
    ),
    "half a character": ("a.ipynb", json.dumps(notebook("'\ud800'")).encode(), "half a character"),
    "much code": ("a.ipynb", json.dumps(notebook("x\n" * 150_000)).encode(), "letters of code"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_migrated_is_said_in_a_sentence(name: str, tmp_path: Path) -> None:
    file, data, said = REFUSED[name]
    if data is not None:
        (tmp_path / file).write_bytes(data)
    with pytest.raises(UprightError) as raised:
        migrated(tmp_path / file)
    assert said in raised.value.message
    assert raised.value.message.endswith(".")


def test_a_folder_a_link_and_a_giant_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").mkdir()
    (tmp_path / "b.py").write_text("import gym\n")
    (tmp_path / "link.py").symlink_to("b.py")
    with (tmp_path / "giant.ipynb").open("wb") as file:
        file.truncate(100 << 20)
    for name, said in (
        ("a.py", "a directory"),
        ("link.py", "a link"),
        ("giant.ipynb", "67,108,864"),
    ):
        with pytest.raises(UprightError, match=said):
            migrated(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.py")
    with pytest.raises(UprightError, match="regular"):
        migrated(tmp_path / "a.py")


def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "libcst", None)
    with pytest.raises(UprightError) as raised:
        migrated(tmp_path / "a.py")
    assert raised.value.message == "Migrating needs LibCST, which is not installed."
    assert raised.value.hint == "`pip install 'upright[migrate]'` adds it."


PIECES = st.sampled_from(
    [
        "%magic",
        "!pip install gym",
        "x = 1",
        "",
        "  ",
        "# upright sets this aside 0",
        "a?",
        "\\",
        "'''",
    ]
)


@given(st.lists(PIECES, max_size=8).map("\n".join))
def test_lines_that_are_set_aside_come_back(text: str) -> None:
    without, lines = set_aside(text)
    assert put_back(without, {mark: line.text for mark, line in lines.items()}) == text
    assert len(without.splitlines()) == len(text.splitlines())
