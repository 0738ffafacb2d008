"""What the names of a script or a notebook stand for, as far as its text says."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

import libcst as cst

from upright.migration.syntax import Function, dotted, method, walk_body

# What people call an environment, or keep it as in an object.
ENV_LIKE = re.compile(r"_?(\w+_)?env(ironment)?\d*(_\w+)?", re.IGNORECASE)
GYM = ("gym", "gymnasium")
# Their vector environments still step in four parts, and reset to observations alone.
FOUR_PARTS = ("stable_baselines3", "stable_baselines", "sb3_contrib")
AROUND_ONE = ("stable_baselines3.common.monitor", "stable_baselines3.common.atari_wrappers")
VECTORS = (
    "gym.vector.make",
    "gym.make_vec",
    "gym.vector.SyncVectorEnv",
    "gym.vector.AsyncVectorEnv",
)
BASES = ("gym.Env", "gym.core.Env", "gym.envs.")
WRAPPERS = (
    "gym.Wrapper",
    "gym.ObservationWrapper",
    "gym.RewardWrapper",
    "gym.ActionWrapper",
    "gym.core.",
    "gym.wrappers.",
)


class Kind(Enum):
    """What an expression is."""

    MADE = "an environment that Gymnasium makes"
    OWN = "an environment of a class in the file"
    VECTOR = "several environments of Gymnasium's"
    NAMED = "an environment by its name alone"
    UNSURE = "called as an environment, and perhaps none of Gymnasium's"
    OTHER = "no environment of Gymnasium's"

    @property
    def is_env(self) -> bool:
        """Whether it is taken for an environment, and what is done with it rewritten."""
        return self in (Kind.MADE, Kind.OWN, Kind.VECTOR, Kind.NAMED)


Scope = tuple[Function | cst.ClassDef, ...]


@dataclass
class Knowledge:
    """Names and their origins; `rewriting` asks while it walks.

    Attributes:
        origins: What an imported name is, in full, as `gym.wrappers.Monitor`.
        values: What is assigned to a name in a function (or to an attribute anywhere).
        classes: Of the file, by name.
        functions: Of the file, by name.
        names: Every name that stands anywhere.
        has_new_style: Whether somewhere a step has five parts or a reset two.
        has_old_style: Whether somewhere a step has four.
        reads_underscore: Whether `_` is more than a name for what nobody needs.
    """

    origins: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[cst.CSTNode | None, str], list[cst.BaseExpression]] = field(
        default_factory=lambda: defaultdict(list)
    )
    homes: dict[cst.CSTNode, Scope] = field(default_factory=dict)
    parameters: dict[cst.CSTNode, set[str]] = field(default_factory=dict)
    classes: dict[str, cst.ClassDef] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    has_new_style: bool = False
    has_old_style: bool = False
    reads_underscore: bool = False
    # Names whose value is taken apart somewhere, as a tuple of so many parts is.
    apart: set[tuple[str, int]] = field(default_factory=set)
    # Names that stand for one thing after the other.
    loop_names: set[str] = field(default_factory=set)
    _others: bool | None = None
    _busy: set[int] = field(default_factory=set)

    def full_name(self, node: cst.CSTNode | None) -> str:
        """Where a name or a chain of names comes from; `gymnasium` is called `gym` here."""
        first, dot, rest = dotted(node).partition(".")
        origin = self.origins.get(first, "")
        return f"{origin}{dot}{rest}" if origin else ""

    @property
    def speaks_gym(self) -> bool:
        """Whether the file is about environments at all."""
        return self.has_old_style or any(is_gym(each) for each in self.origins.values())

    @property
    def has_four_parts(self) -> bool:
        """Whether a library is imported whose environments step in four parts still."""
        return any(each.partition(".")[0] in FOUR_PARTS for each in self.origins.values())

    def is_taken_apart(self, name: str, parts: int) -> bool:
        """Whether the file treats a name's value as a tuple of so many parts."""
        return (name, parts) in self.apart or (name, 0) in self.apart

    @property
    def has_others(self) -> bool:
        """Whether something that is called an environment is none of Gymnasium's."""
        if self._others is None:
            self._others = False  # which holds for whoever asks while this is being answered
            self._others = any(
                self._of_values(values, self._scope_of(scope)) in (Kind.OTHER, Kind.UNSURE)
                for (scope, key), values in list(self.values.items())
                if ENV_LIKE.fullmatch(key.removeprefix("."))
            )
        return self._others

    def kind(self, node: cst.CSTNode | None, scope: Scope) -> Kind:
        """What an expression in a function is."""
        if node is None or id(node) in self._busy or not self.speaks_gym:
            return Kind.OTHER
        self._busy.add(id(node))
        try:
            return self._kind(node, scope)
        finally:
            self._busy.discard(id(node))

    def _kind(self, node: cst.CSTNode, scope: Scope) -> Kind:
        if isinstance(node, cst.Name):
            return self._of_name(node.value, scope)
        if isinstance(node, cst.Attribute):
            return self._of_attribute(node, scope)
        if isinstance(node, cst.Call):
            return self._of_call(node, scope)
        return Kind.OTHER

    def _of_name(self, name: str, scope: Scope) -> Kind:
        if name == "self":
            own = next((each for each in reversed(scope) if isinstance(each, cst.ClassDef)), None)
            return Kind.OWN if own and self.base_of(own) else Kind.OTHER
        return self._by_name(name, self._of_values(self._nearest(name, scope), scope))

    def _by_name(self, name: str, found: Kind | None) -> Kind:
        """What a name says where its values say nothing."""
        if found is not None and found is not Kind.UNSURE:
            return found
        if not ENV_LIKE.fullmatch(name):
            return Kind.OTHER
        return Kind.UNSURE if found or self.has_others else Kind.NAMED

    def _of_values(self, values: Iterable[cst.BaseExpression], scope: Scope) -> Kind | None:
        """What a name is that has these values in turn; None where they say nothing."""
        kinds: set[Kind] = set()
        for value in values:
            if isinstance(value, cst.Call | cst.Name | cst.Attribute) and dotted(value) != "None":
                if id(value) in self._busy:  # env = wrapped(env)
                    continue
                kinds.add(self.kind(value, scope))
        if not kinds:
            return None
        known = [each for each in Kind if each in kinds]
        if len(known) > 1 and not known[-1].is_env:
            return Kind.UNSURE
        return known[0]

    def _of_attribute(self, node: cst.Attribute, scope: Scope) -> Kind:
        if node.attr.value in ("unwrapped", "env"):
            inner = self.kind(node.value, scope)
            if inner in (Kind.MADE, Kind.VECTOR):
                return inner
        key = f".{node.attr.value}"
        values = self.values.get((None, key), ())
        return self._by_name(node.attr.value, self._of_values(values, ()) if values else None)

    def _of_call(self, call: cst.Call, scope: Scope) -> Kind:
        origin = self.full_name(call.func)
        if origin:
            return self._of_imported(origin, call, scope)
        if isinstance(call.func, cst.Name):
            return self._of_own(call.func.value, call, scope)
        receiver, name = method(call)
        if name == "super" or (isinstance(receiver, cst.Call) and dotted(receiver.func) == "super"):
            return self._of_name("self", scope)
        return Kind.OTHER if name == "get_env" else Kind.UNSURE

    def _of_imported(self, origin: str, call: cst.Call, scope: Scope) -> Kind:
        if origin in VECTORS or origin.startswith("gym.wrappers.vector."):
            return Kind.VECTOR
        if is_gym(origin):
            around = self.kind(call.args[0].value, scope) if call.args else Kind.OTHER
            return around if around in (Kind.OWN, Kind.VECTOR) else Kind.MADE
        if origin.startswith(AROUND_ONE):
            return Kind.MADE
        if origin.partition(".")[0] in FOUR_PARTS:
            return Kind.OTHER
        inside = {self.kind(arg.value, scope) for arg in call.args[:1]}
        return Kind.NAMED if any(each.is_env for each in inside) else Kind.UNSURE

    def _of_own(self, name: str, call: cst.Call, scope: Scope) -> Kind:
        """What a class or a function of the file gives."""
        if name == "super":
            return self._of_name("self", scope)
        if name in self.classes:
            return Kind.OWN if self.base_of(self.classes[name]) else Kind.OTHER
        function = self.functions.get(name)
        if function is None:
            return Kind.UNSURE
        given = [
            each.value
            for each in walk_body(function)
            if isinstance(each, cst.Return) and each.value is not None
        ]
        found = self._of_values(given, (*self._scope_of(function), function))
        return Kind.UNSURE if found is None else found

    def is_bare(self, node: cst.CSTNode, scope: Scope) -> bool:
        """Whether an environment is just as `gym.make` gives it, with its wrappers alone."""
        if isinstance(node, cst.Call):
            return self.full_name(node.func) == "gym.make"
        if isinstance(node, cst.Attribute):
            if node.attr.value == "env" and self.is_bare(node.value, scope):
                return True
            values = self.values.get((None, f".{node.attr.value}"), [])
        else:
            values = self._nearest(dotted(node), scope)
        return bool(values) and all(
            isinstance(each, cst.Call | cst.Attribute) and self.is_bare(each, ()) for each in values
        )

    def _nearest(self, name: str, scope: Scope) -> list[cst.BaseExpression]:
        """What is assigned to a name in the innermost function that has it."""
        for place in (*reversed(scope), None):
            if place is not None and name in self.parameters.get(place, ()):
                break
            if (place, name) in self.values and not isinstance(place, cst.ClassDef):
                return self.values[place, name]
        return []

    def _scope_of(self, node: cst.CSTNode | None) -> Scope:
        if node is None:
            return ()
        return self.homes.get(node, ())

    def base_of(self, own: cst.ClassDef, below: tuple[cst.ClassDef, ...] = ()) -> str:
        """What a class of the file derives from: "env" or "wrapper"; nothing for all else."""
        for arg in own.bases:
            name = dotted(arg.value)
            origin = self.full_name(arg.value)
            if origin.startswith(BASES):
                return "env"
            if origin.startswith(WRAPPERS):
                return "wrapper"
            if name in self.classes and self.classes[name] not in (own, *below):
                return self.base_of(self.classes[name], (own, *below))
        return ""


def is_gym(origin: str) -> bool:
    """Whether a full name is of gym or Gymnasium."""
    return origin == "gym" or origin.startswith("gym.")


def normal(name: str) -> str:
    """A full name in which Gymnasium is called gym."""
    first, dot, rest = name.partition(".")
    return f"gym{dot}{rest}" if first in GYM else name
