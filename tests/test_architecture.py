"""Which room stands on which, who goes through which door, and what may not be loaded or done."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

import upright
from conftest import THINNED
from upright.cli import VERBS
from upright.runs.bundle import write_bundle
from upright.settings.hyperparameters import SETTINGS

ROOT = Path(upright.__file__).parent
PROJECT = ROOT.parents[1]

# A room imports from those above it only; the package's own door and __main__ stand below all.
ORDER = (
    "ground",
    "settings",
    "envs",
    "policy",
    "rollout",
    "scale",
    "learning",
    "judging",
    "runs",
    "experiment",
    "show",
    "study",
    "classes",
    "recipes",
    "api",
    "doctor",
    "migration",
    "cli",
    "",
    "__main__",
)
LEARNING = ("policy", "rollout", "scale", "learning")
# PyTorch is an extra: these files need it, and are loaded by what asks for it.
WITH_TORCH = {
    "policy.torch_network",
    "policy.torch_mlp",
    "policy.torch_cnn",
    "policy.torch_policy",
    "policy.torch_onnx",
    "learning.torch_loss",
}
HEAVY = (
    "torch",
    "gymnasium",
    "numpy",
    "matplotlib",
    "tensorboard",
    "rich",
    "starlette",
    "uvicorn",
    "pygame",
    "filelock",
    "asyncio",
    "libcst",
    "ray",
    "optuna",
)
WRITING = {"open", "write", "write_text", "write_bytes", "mkdir", "touch", "unlink", "rename"}
# What makes doors stands behind none.
DOOR = "ground.door"


def modules() -> dict[str, Path]:
    """Every file, by its dotted name without `upright.`; a package's door has the package's."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


MODULES = modules()
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}
FILES = [name for name in MODULES if name not in PACKAGES]


class Import(NamedTuple):
    """`from upright.MODULE import NAME`; without a name where the module is imported whole."""

    module: str
    name: str


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_in(source: ast.AST) -> Iterator[Import]:
    """What is imported of the package, wherever in a file the import stands."""
    packages: dict[str, str] = {}
    for node in ast.walk(source):
        if isinstance(node, ast.Import):
            whole = (alias.name.removeprefix("upright.") for alias in node.names)
            yield from (Import(name, "") for name in whole if name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            yield from _imported(node, packages)
    for node in ast.walk(source):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from (Import(packages[each], node.attr) for each in {node.value.id} & {*packages})


def _imported(node: ast.ImportFrom, packages: dict[str, str]) -> Iterator[Import]:
    """What one line imports; packages that it imports whole are noted, by what they are called."""
    assert node.level == 0, "a relative import"
    if node.module is None or node.module.split(".")[0] != "upright":
        return
    module = node.module.removeprefix("upright").removeprefix(".")
    for alias in node.names:
        deeper = f"{module}.{alias.name}".removeprefix(".")
        if deeper in PACKAGES:
            packages[alias.asname or alias.name] = deeper
        else:
            yield Import(deeper, "") if deeper in MODULES else Import(module, alias.name)


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    """What a file imports of the package; every file is asked about again and again."""
    return tuple(imports_in(tree(path)))


def imports(name: str) -> tuple[Import, ...]:
    return imports_of(MODULES[name])


def package_of(name: str) -> str:
    """The package that a file stands in; a door stands in its own."""
    return name if name in PACKAGES else name.rpartition(".")[0]


def room(name: str) -> str:
    """The row of ORDER that a module belongs to."""
    return name.split(".")[0]


def doors() -> dict[str, dict[str, str]]:
    """Every package's names, and the files that they come from."""
    found: dict[str, dict[str, str]] = {}
    for package in PACKAGES:
        names = [each for each in imports(package) if each.module != DOOR]
        found[package] = {each.name: each.module for each in names}
    return found


DOORS = doors()


def home(wanted: Import) -> str:
    """The file that an import ends at, behind the doors on its way."""
    while wanted.module in PACKAGES and wanted.name in DOORS[wanted.module]:
        wanted = Import(DOORS[wanted.module][wanted.name], wanted.name)
    return wanted.module


def is_within(inner: str, outer: str) -> bool:
    return outer == "" or inner == outer or inner.startswith(f"{outer}.")


def complaints(name: str, wanted: Import) -> Iterator[str]:
    """What is wrong with an import of a file, in sentences."""
    own, theirs = package_of(name), package_of(wanted.module)
    shown = f"{name or 'upright'} imports {wanted.name or 'all'} of upright.{wanted.module}"
    if wanted.module == DOOR:
        if name not in PACKAGES:
            yield f"{shown}: only doors are made of it"
        return
    above = ORDER.index(room(wanted.module)) < ORDER.index(room(name))
    if not above and room(name) != room(wanted.module):
        yield f"{shown}, which stands below it"
    inside = theirs != "" and is_within(own, theirs)  # its own package, or one that holds it
    if name in PACKAGES:
        return  # a door knows the files behind it
    if inside and wanted.module in PACKAGES and own == theirs:
        yield f"{shown}: the door of its own package"
    if not inside and wanted.module not in PACKAGES and "." in wanted.module:
        yield f"{shown}, past the front door of upright.{theirs}"


def circle(edges: dict[str, set[str]]) -> list[str]:
    """The first circle that is found; empty where there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def file_edges() -> dict[str, set[str]]:
    return {name: {home(each) for each in imports(name)} - {name} for name in FILES}


def package_edges(files: dict[str, set[str]]) -> dict[str, set[str]]:
    """Which package uses which; one that holds another is no user of it, nor used by it."""
    edges: dict[str, set[str]] = defaultdict(set)
    for name, targets in files.items():
        for target in targets:
            one, other = package_of(name), package_of(target)
            if not is_within(one, other) and not is_within(other, one):
                edges[one].add(other)
    return edges


def calls(name: str) -> Iterator[str]:
    """The names of all functions and methods that a module calls."""
    for node in ast.walk(tree(MODULES[name])):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout.strip()


def test_every_room_has_its_place_and_every_place_a_room() -> None:
    assert {room(name) for name in MODULES} == set(ORDER)


@pytest.mark.parametrize("name", MODULES)
def test_a_file_imports_from_rooms_above_its_own_through_their_doors(name: str) -> None:
    assert [said for each in imports(name) for said in complaints(name, each)] == []


def test_no_files_and_no_packages_import_each_other_in_a_circle() -> None:
    files = file_edges()
    assert circle(files) == []
    assert circle(package_edges(files)) == []


@pytest.mark.parametrize(
    ("name", "line", "complaint"),
    [
        ("policy.policy", "from upright.runs import Run", "stands below it"),
        ("ground.files", "from upright.settings import Recipe", "stands below it"),
        ("show.curves.picture", "from upright.api import Run", "stands below it"),
        ("experiment.training", "from upright import show\nshow.curves", "stands below it"),
        ("show.curves.picture", "from upright.runs.run import Run", "past the front door"),
        ("show.curves.picture", "import upright.runs.run", "past the front door"),
        ("show.pages.report", "from upright.show.curves.curve import Curve", "past the front door"),
        ("cli.verbs.plot", "from upright.show.curves.plotting import plot", "past the front door"),
        ("runs.run", "from upright.runs import unpack", "the door of its own package"),
        ("runs.run", "from upright.ground.door import opened", "only doors are made of it"),
    ],
)
def test_the_check_sees_an_import_against_the_order_or_past_a_door(
    name: str, line: str, complaint: str
) -> None:
    added = imports_in(ast.parse(line))
    (said,) = {each for wanted in added for each in complaints(name, wanted)}
    assert complaint in said


@pytest.mark.parametrize(
    ("name", "target"),
    [("runs.records", "runs.run"), ("show.playing.player", "show.pages.report")],
)
def test_the_check_sees_a_circle(name: str, target: str) -> None:
    files = file_edges()
    files[name].add(target)
    assert circle(files) or circle(package_edges(files))


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_front_door_says_what_lives_there_and_hands_out_what_others_use(package: str) -> None:
    if package == "settings.presets":  # TOML files, and the one file that reads them
        return
    said = ast.get_docstring(tree(MODULES[package]))
    assert said
    door = import_module(f"upright.{package}".removesuffix("."))
    if package in ("", "cli", "cli.verbs"):  # for people, and for `upright.cli:main`
        return
    for name, module in DOORS[package].items():
        assert is_within(module, package), f"{name} is not of this package"
        assert f"{package}.{name}" not in MODULES, f"{name} is a file's name too"
        assert getattr(door, name) is not None
    used = {each.name for each in everybody() if each.module == package}
    assert DOORS[package].keys() - used == set(), "handed out, and nobody takes it"
    if DOORS[package]:
        assert set(dir(door)) == set(door.__all__) == DOORS[package].keys()


def everybody() -> Iterator[Import]:
    """Every import of the package in the package, the benchmarks and the fuzzer."""
    others = [*(PROJECT / "benchmarks").glob("*.py"), *(PROJECT / "fuzz").glob("*.py")]
    for path in [*MODULES.values(), *others]:
        yield from imports_of(path)


@pytest.mark.parametrize("name", ["PyTorch", "__path__x"])
def test_a_door_knows_no_other_name(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(import_module("upright.runs"), name)


def named(body: list[ast.stmt]) -> Iterator[str]:
    """The classes, functions and constants that a file defines for others."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            targets = [each for target in node.targets for each in ast.walk(target)]
            yield from (each.id for each in targets if isinstance(each, ast.Name))


def test_one_name_is_one_thing() -> None:
    """No two files give one name to different things; a verb's two functions are the exception."""
    places: dict[str, list[str]] = defaultdict(list)
    for name in FILES:
        for each in set(named(tree(MODULES[name]).body)):
            verb = package_of(name) == "cli.verbs" and each in ("add_arguments", "run")
            if not each.startswith("_") and not verb:
                places[each].append(name)
    public = {"Run": "classes", "Trainer": "classes", "train": "api", "resume": "api"}
    twice = {each: found for each, found in places.items() if len(found) > 1}
    assert {each: twice[each] for each in twice if each not in public} == {}
    # what `import upright` gives, around what it stands for
    assert all(len(twice[each]) == 2 and public[each] in twice[each] for each in public)


def test_the_tests_stand_in_the_rooms_of_what_they_test() -> None:
    tests = Path(__file__).parent
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    rooms = {Path(*name.split(".")) for name in PACKAGES}
    beside = {Path("benchmarks"), Path("docs"), Path("lessons")}  # they stand beside the rooms
    assert folders <= {*rooms, *beside}
    alone = {"show"}  # all that it holds stands in rooms of its own
    assert {Path(each) for each in ORDER if each in PACKAGES and each not in alone} <= folders


def test_what_shows_a_run_knows_no_trainer() -> None:
    for name in MODULES:
        if room(name) == "show":
            used = {room(each.module) for each in imports(name)}
            assert not {"rollout", "learning", "experiment"} & used


def test_what_trains_knows_no_pictures() -> None:
    for name in MODULES:
        if room(name) in ("learning", "judging", "runs", "experiment"):
            assert "show" not in {room(each.module) for each in imports(name)}


@pytest.mark.parametrize("name", [name for name in MODULES if room(name) in LEARNING])
def test_the_learning_code_neither_prints_nor_writes(name: str) -> None:
    assert not {"print", "input"} & set(calls(name))
    assert not WRITING & set(calls(name))


def test_the_check_sees_what_prints_and_what_writes() -> None:
    assert "print" in set(calls("cli.terminal.lines"))
    assert WRITING & set(calls("ground.files"))


@pytest.mark.parametrize("name", MODULES)
def test_nothing_that_is_loaded_can_execute(name: str) -> None:
    nodes = list(ast.walk(tree(MODULES[name])))
    imported = {
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not {room(each) for each in imported} & {"pickle", "cloudpickle", "dill", "marshal"}
    functions = {
        node.func.id
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not functions & {"eval", "exec", "compile"}
    torch_calls = {
        node.func.attr
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "torch"
    }
    assert not torch_calls & {"load", "save"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = run_python(
        "import sys, upright\n"
        f"print([name for name in {HEAVY} if name in sys.modules], upright.__version__)"
    )
    assert loaded == f"[] {upright.__version__}"


def test_a_room_is_found_by_its_name_and_nothing_else_is() -> None:
    report = run_python(
        "import upright\n"
        "print(upright.experiment.Listener.__name__, upright.study.Onlooker.__name__,\n"
        "    *(hasattr(upright, name) for name in ('Experiment', 'nothing', '__nothing__')))"
    )
    assert report == "Listener Onlooker False False False"


def test_no_help_loads_anything_heavy() -> None:
    words = [["--help"], *([verb, "--help"] for verb in VERBS)]
    report = run_python(
        "import contextlib, io, sys\n"
        "from upright.cli import main\n"
        f"for words in {words}:\n"
        "    shown = io.StringIO()\n"
        "    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):\n"
        "        main(words)\n"
        "    assert 'usage: upright' in shown.getvalue(), words\n"
        f"    print(words, [name for name in {HEAVY} if name in sys.modules])\n"
    )
    lines = report.splitlines()
    assert len(lines) == len(words)
    assert all(line.endswith(" []") for line in lines)


def loaded_with(node: ast.AST) -> Iterator[ast.stmt]:
    """The imports that run when a file is loaded: none of a function, none for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from (each for part in child.orelse for each in loaded_with(part))
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        else:
            yield from loaded_with(child)


def foreign(nodes: Iterable[ast.AST]) -> set[str]:
    """The packages that imports name."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {room(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(room(node.module or ""))
    return found


@pytest.mark.parametrize("name", MODULES)
def test_no_file_needs_pytorch_but_those_that_are_loaded_when_they_are_asked_for(
    name: str,
) -> None:
    source = tree(MODULES[name])
    assert ("torch" in foreign(ast.walk(source))) is (name in WITH_TORCH)
    if name not in WITH_TORCH:
        at_the_top = ast.Module(list(loaded_with(source)), [])
        assert not {each.module for each in imports_in(at_the_top)} & WITH_TORCH
        assert "torch" not in foreign(loaded_with(source))


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("import torch.nn as nn", True),
        ("try:\n    from torch import nn\nexcept ImportError: pass", True),
        ("class Policy:\n    import torch", True),
        ("if not TYPE_CHECKING:\n    import torch", True),
        ("if TYPE_CHECKING:\n    import torch", False),
        ("def exported():\n    import torch", False),
    ],
)
def test_the_check_sees_what_a_file_imports_when_it_is_loaded(line: str, seen: bool) -> None:
    assert foreign(loaded_with(ast.parse(line))) == ({"torch"} if seen else set())


@pytest.mark.long
def test_no_verb_loads_pytorch(finished_run: Path, tmp_path: Path) -> None:
    run, small = str(finished_run), ["--total-timesteps", "256", "--out", "runs"]
    write_bundle(finished_run, tmp_path / "bundled.zip")
    (tmp_path / "new.py").write_text("import gymnasium as gym\n")
    for seed in (1, 2):
        shape = {"preset": "default", "total_timesteps": 256, "seed": seed}
        upright.train("CartPole-v1", out=tmp_path / "others", **shape)
    words: dict[str, list[str]] = {
        "check": ["CartPole-v1", "--steps", "100"],
        "play": ["CartPole-v1", "--random"],
        "train": ["CartPole-v1", "--preset", "default", *small],
        "seeds": ["CartPole-v1", "--seeds", "5-6", "--out", "seeds", "--no-media", *small[:2]],
        "search": [
            "CartPole-v1",
            "--preset",
            "default",
            "--trials",
            "1",
            "--confirm",
            "1",
            "--no-media",
            *small[:2],
        ],
        "resume": ["bundled.zip", "--total-timesteps", "4096", "--out", "resumed", "--no-media"],
        "evaluate": [run, "--episodes", "1"],
        "verify": [run],
        "grade": [str(tmp_path)],
        "diagnose": [run],
        "watch": [run, "--as", "terminal", "--episodes", "1", "--speed", "100"],
        "record": [run, "--out", "video.gif"],
        "plot": [run],
        "compare": ["seeds", "others", "--out", "compared.png"],
        "report": [run, "--out", "report.html"],
        "export": [run, "--html", "policy.html", "--onnx", "policy.onnx"],
        "bundle": [run, "--out", "run.zip"],
        "runs": ["runs"],
        "board": ["runs"],
        "envs": ["CartPole"],
        "doctor": [],
        "migrate": ["new.py"],
    }
    assert words.keys() == VERBS.keys()
    report = run_python(
        "import contextlib, io, os, signal, sys\n"
        "from upright.cli import main\n"
        "os.environ.pop('UPRIGHT_NO_MEDIA')\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "os.environ['TERM'] = 'xterm'\n"
        "class Terminal(io.StringIO):\n"
        "    encoding = 'utf-8'\n"
        "    def isatty(self):\n"
        "        return True\n"
        "    def write(self, text):\n"
        "        if verb == 'board' and text.startswith('http://'):\n"
        "            signal.raise_signal(signal.SIGINT)\n"  # as a person ends it
        "        return super().write(text)\n"
        "for verb, words in " + repr(words) + ".items():\n"
        "    with contextlib.redirect_stdout(Terminal()), contextlib.redirect_stderr(Terminal()):\n"
        "        code = main([verb, *words])\n"
        "    print(verb, code, 'torch' in sys.modules)\n"
    )
    assert report.splitlines() == [f"{verb} 0 False" for verb in VERBS]
    assert (tmp_path / "runs" / "CartPole-v1" / "ppo-s0" / "replay.mp4").is_file()


@pytest.mark.parametrize("algo", SETTINGS)
def test_a_whole_training_its_verdict_and_its_policy_load_no_pytorch(
    algo: str, tmp_path: Path
) -> None:
    """With everything that shapes a network; and PyTorch could not be imported if it were."""
    shape = {"shared_network": True, "hidden_sizes": [8], "normalize_obs": True}
    report = run_python(
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "import numpy as np, upright\n"
        f"run = upright.train('CartPole-v1', {algo!r}, preset='default', total_timesteps=1024,\n"
        f"    out={str(tmp_path)!r}, {'' if algo == 'reinforce' else '**' + repr(shape)})\n"
        "print(run.status, len(run.evaluate(2).returns), upright.verify(run).holds,\n"
        "    run.policy.predict(np.zeros(4))[0] in (0, 1), sys.modules['torch'])\n"
    )
    assert report == "finished 2 True True None"


def test_every_matrix_that_is_thinned_is_there() -> None:
    tests = Path(__file__).parent
    for name, names in THINNED.items():
        text = (tests / f"{name}.py").read_text(encoding="utf-8")
        assert all(f"def {each}(" in text for each in names if each != "*"), name


def test_the_ways_through_the_house_name_its_files_and_none_twice() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    ways = text.split("### Three ways through the house")[1].split("## How to add")[0]
    _, *lists = re.split(r"^\*\*One ", ways, flags=re.MULTILINE)
    assert len(lists) == 3
    for way in lists:
        steps = re.findall(r"\b\d+\. `([a-z_/]+(?:\.py)?)`", way)
        assert len(steps) == len(set(steps)) > 9
        assert all((ROOT / step).exists() for step in steps)
