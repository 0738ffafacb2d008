"""What an expression is: an environment of Gymnasium's, perhaps one, or none."""

from collections.abc import Hashable, Sequence
from enum import Enum

import libcst as cst

from upright.migration.knowledge import (
    BASES,
    ENV_LIKE,
    WRAPPERS,
    Knowledge,
    Scope,
    is_gym,
    is_of_four_parts,
    parameters_of,
)
from upright.migration.syntax import dotted, is_super, method, walk_body

AROUND_ONE = ("stable_baselines3.common.monitor", "stable_baselines3.common.atari_wrappers")
MAKE = ("gym.make", "gym.envs.make", "gym.envs.registration.make")
VECTOR_MAKE = "gym.vector.make"
VECTORS = (
    VECTOR_MAKE,
    "gym.make_vec",
    "gym.vector.SyncVectorEnv",
    "gym.vector.AsyncVectorEnv",
    "gym.wrappers.vector.",
)
_NAMED = (cst.Call, cst.Name, cst.Attribute)


class Kind(Enum):
    """What an expression is."""

    MADE = "an environment that Gymnasium makes, perhaps within others"
    BARE = "one just as `gym.make` gives it, with its wrappers alone"
    OWN = "an environment of a class in the file"
    VECTOR = "several environments of Gymnasium's"
    NAMED = "an environment by its name alone"
    UNSURE = "called as an environment, and perhaps none of Gymnasium's"
    OTHER = "no environment of Gymnasium's"

    @property
    def is_env(self) -> bool:
        """Whether it is taken for an environment, and what is done with it rewritten."""
        return self not in (Kind.UNSURE, Kind.OTHER)

    @property
    def is_gyms(self) -> bool:
        """Whether it is a single one of Gymnasium's, which renders as Gymnasium says."""
        return self in (Kind.MADE, Kind.BARE, Kind.NAMED)


class Kinds:
    """Answers what expressions are; a name is looked into once.

    Args:
        known: The names of the file.
    """

    def __init__(self, known: Knowledge) -> None:
        self._known = known
        self._found: dict[Hashable, Kind | None] = {}
        self._busy: set[Hashable] = set()
        self._others: bool | None = None

    def of(self, node: cst.CSTNode | None) -> Kind:
        """What an expression of the file is."""
        if node is None or not self._known.speaks_gym:
            return Kind.OTHER
        return self._judged(node, self._known.scope_of(node)) or Kind.OTHER

    def _judged(self, node: cst.CSTNode, scope: Scope) -> Kind | None:
        """The same; None where the very name that is asked for is in the answer."""
        if isinstance(node, cst.Name):
            return self._of_name(node.value, scope)
        if isinstance(node, cst.Attribute):
            return self._of_attribute(node, scope)
        if isinstance(node, cst.Call):
            return self._of_call(node, scope)
        return Kind.OTHER

    def _of_name(self, name: str, scope: Scope) -> Kind | None:
        if name == "self":
            return Kind.OWN if self._known.own_class(scope) else Kind.OTHER
        place = self._known.place_of(name, scope)
        annotation = parameters_of(place).get(name)
        said = self._known.full_name(annotation.annotation) if annotation else ""
        if said.startswith((*BASES, *WRAPPERS)):
            return Kind.MADE
        return Kind.OTHER if is_of_four_parts(said) else self._of_key(name, place)

    def _of_key(self, key: str, place: cst.CSTNode | None) -> Kind | None:
        """What a name is, by its values, or by itself where they say nothing."""
        if (place, key) in self._busy:
            return None
        values = self._known.values_of(place, key)
        found = self._of_each((place, key), values, self._known.within(place))
        if found is not None and found is not Kind.UNSURE:
            return found
        if not ENV_LIKE.fullmatch(key.removeprefix(".")):
            return Kind.OTHER
        if self._known.has_four_parts:
            return Kind.UNSURE if self._known.imports_old else Kind.OTHER
        return Kind.UNSURE if found or self._has_others() else Kind.NAMED

    def _has_others(self) -> bool:
        """Whether something that is called an environment is none of Gymnasium's."""
        if self._others is None:
            self._others = False  # which holds for whoever asks while this is being answered
            self._others = any(
                self._of_each(key, values, self._known.within(key[0])) in (Kind.OTHER, Kind.UNSURE)
                for key, values in list(self._known.values.items())
                if ENV_LIKE.fullmatch(key[1].removeprefix("."))
            )
        return self._others

    def _of_each(
        self, key: Hashable, values: Sequence[cst.BaseExpression], scope: Scope
    ) -> Kind | None:
        """What has these values in turn; None where they say nothing."""
        if key not in self._found:
            self._busy.add(key)
            asked = [each for each in values if isinstance(each, _NAMED) and dotted(each) != "None"]
            kinds = {self._judged(each, scope) for each in asked}
            self._busy.discard(key)
            if Kind.BARE in kinds and (len(kinds) > 1 or len(asked) < len(values)):
                kinds = kinds - {Kind.BARE} | {Kind.MADE}  # it is not always bare
            known = [each for each in Kind if each in kinds]
            mixed = len(known) > 1 and not known[-1].is_env
            self._found[key] = Kind.UNSURE if mixed else known[0] if known else None
        return self._found[key]

    def _of_attribute(self, node: cst.Attribute, scope: Scope) -> Kind | None:
        if node.attr.value in ("unwrapped", "env"):
            inner = self._judged(node.value, scope)
            if inner is Kind.BARE and node.attr.value == "unwrapped":
                return Kind.MADE
            if inner is None or inner.is_gyms or inner is Kind.VECTOR:
                return inner
        return self._of_key(f".{node.attr.value}", None)

    def _of_call(self, call: cst.Call, scope: Scope) -> Kind | None:
        origin, (receiver, name) = self._known.full_name(call.func), method(call)
        if origin:
            return self._of_imported(origin, call, scope)
        if is_super(call) or is_super(receiver):
            return self._of_name("self", scope)
        if isinstance(call.func, cst.Name):
            return self._of_own(call.func.value)
        return Kind.OTHER if name == "get_env" else Kind.UNSURE

    def _of_imported(self, origin: str, call: cst.Call, scope: Scope) -> Kind | None:
        inside = self._judged(call.args[0].value, scope) if call.args else Kind.OTHER
        if origin.startswith(VECTORS):
            return Kind.VECTOR
        if origin in MAKE:
            return Kind.BARE
        if origin.startswith((*BASES, *WRAPPERS, *AROUND_ONE)):
            return inside if inside in (Kind.OWN, Kind.VECTOR, None) else Kind.MADE
        if is_gym(origin) or is_of_four_parts(origin):
            return Kind.OTHER
        if inside is None:
            return None
        return Kind.NAMED if inside.is_env else Kind.UNSURE

    def _of_own(self, name: str) -> Kind | None:
        """What a class or a function of the file gives."""
        if name in self._known.classes:
            return Kind.OWN if self._known.base_of(self._known.classes[name]) else Kind.OTHER
        function = self._known.functions.get(name)
        if function is None:
            return Kind.UNSURE
        if function in self._busy:
            return None
        returns = [each for each in walk_body(function) if isinstance(each, cst.Return)]
        given = [each.value for each in returns if each.value is not None]
        found = self._of_each(function, given, self._known.within(function)) or Kind.UNSURE
        return Kind.MADE if found is Kind.BARE else found
