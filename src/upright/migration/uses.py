"""What a file does with its environments: which it makes, shows and records."""

from dataclasses import dataclass, field

import libcst as cst

from upright.migration.kinds import MAKE, Kinds
from upright.migration.knowledge import OF_WRAPPERS, Knowledge, is_gym, normal
from upright.migration.registry import game_of, is_registered, newer
from upright.migration.syntax import arguments, dotted, keywords, literal, method, walk

# What Monitor's two parts are called today.
VIDEO, COUNT = "RecordVideo", "RecordEpisodeStatistics"
# A render call's mode where it says none, and where no text says which.
BARE, UNKNOWN = "", "?"


def key_of(node: cst.CSTNode | None) -> str:
    """What an environment is called by: its name, or its attribute's."""
    return dotted(node).rpartition(".")[2]


def mode_of(call: cst.Call) -> str:
    """The mode that a call of `render` asks for."""
    given = arguments(call, ("mode",))
    if given is None:
        return UNKNOWN
    return (literal(given["mode"]) or UNKNOWN) if "mode" in given else BARE


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
    recorded_makes: set[cst.CSTNode] = field(default_factory=set)
    monitors: set[str] = field(default_factory=set)
    plays_games: bool = False
    first_import: cst.CSTNode | None = None

    def of_make(self, call: cst.Call) -> str:
        """The render mode that an environment should be made with; nothing where none is needed."""
        names = self.makes.get(call, set())
        if any(names & theirs and not can_be_told(other) for other, theirs in self.makes.items()):
            return ""  # where it is to be shown it is told so
        bound = set[str]().union(*self.makes.values())
        if call in self.recorded_makes or names & self.recorded or self.recorded - bound:
            return "rgb_array"
        modes = {mode for name, mode in self.wanted if name in names or name not in bound}
        modes -= {UNKNOWN}
        for mode in ("human", "ansi"):
            if mode in modes and modes <= {mode, BARE}:
                return mode
        return "rgb_array" if modes else ""

    def makes_of(self, name: str) -> list[cst.Call]:
        """The calls that make the environment of a name; all, where none of them is called so."""
        named = [call for call, names in self.makes.items() if name in names]
        return named or list(self.makes)

    def of_name(self, name: str) -> str:
        """The mode that the environment of this name is, or should be, made with."""
        for call in self.makes_of(name):
            given = keywords(call)
            if "render_mode" in given:
                return literal(given["render_mode"]) or UNKNOWN
            return "" if is_of_another(call) else self.of_make(call)
        return ""


def is_monitor(full: str) -> bool:
    """Whether a full name is that of the wrapper Monitor."""
    return full.startswith(OF_WRAPPERS) and full.endswith(".Monitor")


def is_without_video(call: cst.Call) -> bool:
    """Whether a Monitor is told to make no videos."""
    return dotted(keywords(call).get("video_callable")) == "False"


def can_be_told(call: cst.Call) -> bool:
    """Whether a call that makes an environment says nothing yet of how it shows itself."""
    return not keywords(call).keys() & {"render_mode", "**"}


def is_of_another(call: cst.Call) -> bool:
    """Whether an id is named that Gymnasium itself has in no version, nor Atari."""
    env_id = literal(call.args[0].value) if call.args else None
    if env_id is None or env_id.startswith("ALE/"):
        return False
    return not (is_registered(env_id) or newer(env_id) or game_of(env_id))


def uses_of(known: Knowledge, kinds: Kinds) -> Uses:
    """What the file does with environments."""
    uses = Uses()
    for node in known.nodes:
        if isinstance(node, cst.Call):
            _read_call(node, uses, known, kinds)
        elif isinstance(node, cst.Import | cst.ImportFrom):
            if uses.first_import is None and _imports_gym(node):
                uses.first_import = node
        elif isinstance(node, cst.SimpleString):
            uses.plays_games |= game_of(literal(node) or "") is not None
    return uses


def _imports_gym(node: cst.Import | cst.ImportFrom) -> bool:
    if isinstance(node, cst.ImportFrom):
        return is_gym(normal(dotted(node.module)))
    return any(is_gym(normal(alias.evaluated_name)) for alias in node.names)


def _read_call(call: cst.Call, uses: Uses, known: Knowledge, kinds: Kinds) -> None:
    full, (receiver, name) = known.full_name(call.func), method(call)
    if full in MAKE:
        assigned = known.nearest(call, cst.Assign)
        targets = assigned.targets if assigned else ()
        uses.makes[call] = {key_of(each.target) for each in targets} - {""}
    elif is_monitor(full) and call.args and is_without_video(call):
        uses.monitors.add(COUNT)
    elif (is_monitor(full) or full == f"{OF_WRAPPERS}{VIDEO}") and call.args:
        uses.monitors |= {VIDEO} if is_monitor(full) else set()
        inner = call.args[0].value
        uses.recorded |= {key_of(inner)} - {""}
        uses.recorded_makes |= {each for each in walk(inner) if _is_make(each, known)}
    # A class of one's own renders as it likes.
    if name == "render" and kinds.of(receiver).is_gyms:
        uses.wanted.append((key_of(receiver), mode_of(call)))


def _is_make(node: cst.CSTNode, known: Knowledge) -> bool:
    return isinstance(node, cst.Call) and known.full_name(node.func) in MAKE
