"""Who imports whom, what may not be loaded, and what the learning code may not do."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import upright
from conftest import THINNED
from upright.cli import VERBS

ROOT = Path(upright.__file__).parent

FLOORS: dict[str, int] = {
    "errors": 0,
    "seeding": 0,
    "files": 0,
    "settings": 0,
    "presets": 0,
    "recipe": 0,
    "returns": 0,
    "losses": 0,
    "optimizer": 0,
    "distributions": 0,
    "networks": 0,
    "statistics": 0,
    "spaces": 0,
    "events": 0,
    "state": 0,
    "reading": 0,
    "lock": 0,
    "signals": 0,
    "bundle": 1,
    "logs": 1,
    "budget": 1,
    "envs": 1,
    "policy": 1,
    "checkpoint": 1,
    "listing": 2,
    "rollout": 2,
    "faults": 3,
    "folders": 3,
    "evaluation": 2,
    "algorithms": 3,
    "verdict": 3,
    "trainer": 4,
    "run": 5,
    "writer": 5,
    "listener": 5,
    "metrics": 5,
    "show": 6,
    "experiment": 7,
    "verification": 7,
    "resumption": 8,
    "cli": 9,
    "__main__": 10,
}
# Within a floor, the few imports that are allowed; `errors` is below everything.
WITHIN_A_FLOOR: dict[str, set[str]] = {
    "recipe": {"presets", "reading", "settings"},
    "optimizer": {"state"},
    "checkpoint": {"policy"},
}
# A run shows itself; it looks for who draws it when it is asked, not before.
UPWARDS = {"run": "show"}
PACKAGES = {"algorithms", "cli", "envs", "show", "presets"}
LEARNING = ("algorithms", "trainer", "losses", "returns", "rollout", "policy", "optimizer")
HEAVY = ("torch", "gymnasium", "numpy", "matplotlib", "tensorboard", "rich", "starlette", "pygame")
WRITING = {"open", "write", "write_text", "write_bytes", "mkdir", "touch", "unlink", "rename"}


def modules() -> dict[str, Path]:
    """Every module below the package, by its dotted name without `upright.`."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


MODULES = modules()
NAMED = [name for name in MODULES if name]


def room(name: str) -> str:
    return name.split(".")[0]


def imports(name: str) -> Iterator[str]:
    """The package's own modules that a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if room(alias.name) == "upright":
                    yield alias.name.removeprefix("upright").removeprefix(".")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            if node.module is None or room(node.module) != "upright":
                continue
            base = node.module.removeprefix("upright").removeprefix(".")
            for alias in node.names:
                deeper = f"{base}.{alias.name}".removeprefix(".")
                yield deeper if deeper in MODULES else base


def calls(name: str) -> Iterator[str]:
    """The names of all functions and methods that a module calls."""
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
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
        timeout=60,
    )
    return done.stdout.strip()


def test_every_module_has_a_floor_and_every_floor_a_module() -> None:
    assert {room(name) for name in NAMED} == FLOORS.keys()
    assert {room(name) for name in NAMED if "." in name} <= PACKAGES


@pytest.mark.parametrize("name", NAMED)
def test_a_module_imports_only_from_floors_below_its_own(name: str) -> None:
    own = room(name)
    for imported in imports(name):
        target = room(imported)
        if target in ("", "errors"):  # the package itself, for its version
            continue
        if target == own:
            assert own in PACKAGES, f"{name} imports itself"
            continue
        if UPWARDS.get(own) == target:
            continue
        below = FLOORS[target] < FLOORS[own] or target in WITHIN_A_FLOOR.get(own, ())
        assert below, f"{name} (floor {FLOORS[own]}) imports {imported} (floor {FLOORS[target]})"


@pytest.mark.parametrize("name", UPWARDS)
def test_an_import_that_points_up_waits_until_it_is_needed(name: str) -> None:
    body = ast.parse(MODULES[name].read_text(encoding="utf-8")).body
    modules = [node.module or "" for node in body if isinstance(node, ast.ImportFrom)]
    assert UPWARDS[name] not in {each.split(".")[1] for each in modules if "." in each}
    assert UPWARDS[name] in {room(imported) for imported in imports(name)}


def test_no_modules_import_each_other_in_a_circle() -> None:
    below = {
        name: {each for each in imports(name) if UPWARDS.get(room(name)) != room(each)}
        for name in NAMED
    }
    TopologicalSorter(below).prepare()  # raises CycleError, which names the circle
    with pytest.raises(CycleError, match="upside"):
        TopologicalSorter(below | {"errors": {"upside"}, "upside": {"errors"}}).prepare()


def test_what_shows_a_run_knows_no_trainer() -> None:
    for name in NAMED:
        if room(name) == "show":
            assert not {"trainer", "algorithms", "rollout"} & {room(each) for each in imports(name)}


def test_errors_imports_nothing_of_the_package() -> None:
    assert list(imports("errors")) == []


def test_no_exception_within_a_floor_is_left_over() -> None:
    for name, allowed in WITHIN_A_FLOOR.items():
        assert all(FLOORS[each] == FLOORS[name] for each in allowed)
        assert allowed <= {room(imported) for imported in imports(name)}


def test_the_check_sees_an_import_that_points_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FLOORS, "policy", 9)
    with pytest.raises(AssertionError, match="imports policy"):
        test_a_module_imports_only_from_floors_below_its_own("rollout")


def test_the_package_itself_imports_its_modules_for_type_checkers_only() -> None:
    body = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8")).body
    at_import = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in at_import for alias in node.names}
    origins = {node.module for node in at_import if isinstance(node, ast.ImportFrom)}
    assert not {room(each or "") for each in origins | names} & {"upright", *HEAVY}


@pytest.mark.parametrize("name", [name for name in NAMED if room(name) in LEARNING])
def test_the_learning_code_neither_prints_nor_writes(name: str) -> None:
    assert not {"print", "input"} & set(calls(name))
    assert not WRITING & set(calls(name))


def test_the_check_sees_what_prints_and_what_writes() -> None:
    assert "print" in set(calls("cli.progress"))
    assert WRITING & set(calls("files"))


@pytest.mark.parametrize("name", ["", *NAMED])
def test_nothing_that_is_loaded_can_execute(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {room(each) for each in imported} & {"pickle", "cloudpickle", "dill", "marshal"}
    functions = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not functions & {"eval", "exec", "compile"}
    torch_calls = {
        node.func.attr
        for node in ast.walk(tree)
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
        f"    heavy = [name for name in {HEAVY} if name != 'numpy']\n"
        "    print(words, [name for name in heavy if name in sys.modules])\n"
    )
    lines = report.splitlines()
    assert len(lines) == len(words)
    assert all(line.endswith(" []") for line in lines)


def test_every_matrix_that_is_thinned_is_there() -> None:
    tests = Path(__file__).parent
    for room, names in THINNED.items():
        text = (tests / f"{room}.py").read_text(encoding="utf-8")
        assert all(f"def {name}(" in text for name in names if name != "*"), room
