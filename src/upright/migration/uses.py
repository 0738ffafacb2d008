"""What a file does with its environments: which it makes, shows and records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import libcst as cst

from upright.migration.kinds import MAKE, Kind, Kinds
from upright.migration.knowledge import Knowledge, is_gym, normal
from upright.migration.registry import game_of, is_registered, newer
from upright.migration.syntax import (
    Function,
    arguments,
    dotted,
    has_keyword,
    literal,
    method,
    walk,
)

MONITOR = ("gym.wrappers.Monitor", "gym.wrappers.monitor.Monitor")
RECORDERS = (*MONITOR, "gym.wrappers.RecordVideo")
# What Monitor's two parts are called today.
VIDEO, COUNT = "RecordVideo", "RecordEpisodeStatistics"
# A render call's mode where it says none, and where no text says which.
BARE, UNKNOWN = "", "?"


def key_of(node: cst.CSTNode | None) -> str:
    """What an environment is called by: its name, or its attribute's."""
    name = dotted(node)
    return name.rpartition(".")[2] if "." in name else name


def mode_of(call: cst.Call) -> str:
    """The mode that a call of `render` asks for."""
    given = arguments(call, ("mode",))
    if given is None:
        return UNKNOWN
    if "mode" not in given:
        return BARE
    return literal(given["mode"]) or UNKNOWN


@dataclass
class Uses:
    """What each environment that is made has to show, and more of the kind.

    Attributes:
        makes: Each call that makes one, and by which names it is known.
        wanted: The modes that are asked for, by name.
        recorded: The names of those of which videos are made.
        recorded_makes: The calls that make such a one right there.
        monitors: What Monitor is called today, for the ways in which the file uses it.
        plays_games: Whether games of Atari's are made.
        first_import: The first statement that imports gym.
    """

    makes: dict[cst.Call, set[str]] = field(default_factory=dict)
    wanted: list[tuple[str, str]] = field(default_factory=list)
    recorded: set[str] = field(default_factory=set)
    recorded_makes: set[cst.Call] = field(default_factory=set)
    monitors: set[str] = field(default_factory=set)
    plays_games: bool = False
    first_import: cst.CSTNode | None = None

    def of_make(self, call: cst.Call) -> str:
        """The render mode that an environment should be made with; nothing where none is needed."""
        names = self.makes.get(call, set())
        if any(names & theirs and not can_be_told(other) for other, theirs in self.makes.items()):
            return ""  # where it is to be shown it is told so
        bound = {name for each in self.makes.values() for name in each}
        if call in self.recorded_makes or names & self.recorded or self.recorded - bound:
            return "rgb_array"
        modes = {mode for name, mode in self.wanted if name in names or name not in bound}
        modes -= {UNKNOWN}
        if not modes:
            return ""
        if modes <= {"human", BARE} and "human" in modes:
            return "human"
        if modes <= {"ansi", BARE} and "ansi" in modes:
            return "ansi"
        return "rgb_array"

    @property
    def has_import(self) -> bool:
        """Whether gym is imported here, so that another import can stand behind it."""
        return self.first_import is not None

    def makes_of(self, name: str) -> list[cst.Call]:
        """The calls that make the environment of a name; all, where none of them is called so."""
        named = [call for call, names in self.makes.items() if name in names]
        return named or list(self.makes)

    def of_name(self, name: str) -> str:
        """The mode that the environment of this name is, or should be, made with."""
        for call in self.makes_of(name):
            given = [arg for arg in call.args if dotted(arg.keyword) == "render_mode"]
            if given:
                return literal(given[0].value) or UNKNOWN
            return "" if is_of_another(call) else self.of_make(call)
        return ""


class _Reader(cst.CSTVisitor):
    def __init__(self, known: Knowledge, kinds: Kinds, uses: Uses) -> None:
        self.known, self.kinds, self.uses = known, kinds, uses
        self.scope: list[Function | cst.ClassDef] = []
        self.targets: list[set[str]] = [set()]

    def visit_FunctionDef(self, node: Function) -> None:  # noqa: N802
        self.scope.append(node)

    def leave_FunctionDef(self, original_node: Function) -> None:  # noqa: N802
        self.scope.pop()

    def visit_ClassDef(self, node: cst.ClassDef) -> None:  # noqa: N802
        self.scope.append(node)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:  # noqa: N802
        self.scope.pop()

    def visit_Assign(self, node: cst.Assign) -> None:  # noqa: N802
        self.targets.append({key_of(each.target) for each in node.targets} - {""})

    def leave_Assign(self, original_node: cst.Assign) -> None:  # noqa: N802
        self.targets.pop()

    def visit_Call(self, node: cst.Call) -> None:  # noqa: N802
        origin = self.known.full_name(node.func)
        if origin in MAKE:
            self.uses.makes[node] = self.targets[-1]
        elif origin in RECORDERS and node.args:
            self._recorder(node, origin)
        receiver, name = method(node)
        # A class of one's own renders as it likes.
        made = self.kinds.of(receiver, tuple(self.scope)) in (Kind.MADE, Kind.NAMED)
        if name == "render" and made:
            self.uses.wanted.append((key_of(receiver), mode_of(node)))

    def visit_Import(self, node: cst.Import) -> None:  # noqa: N802
        self._first(node, [dotted(alias.name) for alias in node.names])

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:  # noqa: N802
        self._first(node, [dotted(node.module)])

    def visit_SimpleString(self, node: cst.SimpleString) -> None:  # noqa: N802
        self.uses.plays_games |= game_of(literal(node) or "") is not None

    def _first(self, node: cst.CSTNode, names: list[str]) -> None:
        if self.uses.first_import is None and any(is_gym(normal(name)) for name in names):
            self.uses.first_import = node

    def _recorder(self, node: cst.Call, origin: str) -> None:
        if is_without_video(node):
            self.uses.monitors.add(COUNT)
            return
        self.uses.monitors |= {VIDEO} if origin in MONITOR else set()
        self.uses.recorded_makes |= set(self._makes(node.args[0].value))
        self.uses.recorded |= {key_of(node.args[0].value)} - {""}

    def _makes(self, node: cst.CSTNode) -> Iterator[cst.Call]:
        for each in walk(node):
            if isinstance(each, cst.Call) and self.known.full_name(each.func) in MAKE:
                yield each


def is_without_video(call: cst.Call) -> bool:
    """Whether a Monitor is told to make no videos."""
    given = [arg.value for arg in call.args if dotted(arg.keyword) == "video_callable"]
    return bool(given) and dotted(given[0]) == "False"


def can_be_told(call: cst.Call) -> bool:
    """Whether a call that makes an environment says nothing yet of how it shows itself."""
    return not has_keyword(call, "render_mode")


def is_of_another(call: cst.Call) -> bool:
    """Whether an id is named that Gymnasium itself has in no version, nor Atari."""
    env_id = literal(call.args[0].value) if call.args else None
    if env_id is None:
        return False
    known = is_registered(env_id) or newer(env_id) or game_of(env_id)
    return not known and not env_id.startswith("ALE/")


def uses_of(modules: Sequence[cst.Module], known: Knowledge, kinds: Kinds) -> Uses:
    """What the modules do with environments."""
    uses = Uses()
    for module in modules:
        module.visit(_Reader(known, kinds, uses))
    return uses
