"""What an expression is: an environment of Gymnasium's, perhaps one, or none."""

from collections.abc import Hashable, Iterable
from enum import Enum

import libcst as cst

from upright.migration.knowledge import (
    BASES,
    ENV_LIKE,
    FOUR_PARTS,
    WRAPPERS,
    Knowledge,
    Scope,
    is_gym,
)
from upright.migration.syntax import dotted, method, walk_body

AROUND_ONE = ("stable_baselines3.common.monitor", "stable_baselines3.common.atari_wrappers")
MAKE = ("gym.make", "gym.envs.make", "gym.envs.registration.make")
VECTORS = (
    "gym.vector.make",
    "gym.make_vec",
    "gym.vector.SyncVectorEnv",
    "gym.vector.AsyncVectorEnv",
    "gym.wrappers.vector.",
)
_NAMED = (cst.Call, cst.Name, cst.Attribute)


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

    def of(self, node: cst.CSTNode | None, scope: Scope) -> Kind:
        """What an expression in a function is."""
        if not self._known.speaks_gym:
            return Kind.OTHER
        return self._judged(node, scope) or Kind.OTHER

    def _judged(self, node: cst.CSTNode | None, scope: Scope) -> Kind | None:
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
            own = next((each for each in reversed(scope) if isinstance(each, cst.ClassDef)), None)
            return Kind.OWN if own and self._known.base_of(own) else Kind.OTHER
        place = self._known.place_of(name, scope)
        annotation = self._known.parameters.get(place, {}).get(name) if place else None
        if annotation is not None:
            said = self._known.full_name(annotation.annotation)
            if said.startswith((*BASES, *WRAPPERS)):
                return Kind.MADE
            if said.partition(".")[0] in FOUR_PARTS:
                return Kind.OTHER
        return self._of_key(name, place)

    def _of_key(self, key: str, place: cst.CSTNode | None) -> Kind | None:
        """What a name is, by its values, or by itself where they say nothing."""
        if (place, key) in self._busy:
            return None
        name, given = key.removeprefix("."), place is not None
        values = self._known.values.get((place, key), ())
        if given and name in self._known.parameters.get(place, ()):
            values = ()  # what comes in is not seen
        found = self._of_values((place, key), values, self._known.around(place))
        if found is not None and found is not Kind.UNSURE:
            return found
        if not ENV_LIKE.fullmatch(name):
            return Kind.OTHER
        if self._known.has_four_parts:
            return Kind.UNSURE if self._known.imports_old else Kind.OTHER
        return Kind.UNSURE if found or self._has_others() else Kind.NAMED

    def _has_others(self) -> bool:
        """Whether something that is called an environment is none of Gymnasium's."""
        if self._others is None:
            self._others = False  # which holds for whoever asks while this is being answered
            self._others = any(
                self._of_values((place, key), values, self._known.around(place))
                in (Kind.OTHER, Kind.UNSURE)
                for (place, key), values in list(self._known.values.items())
                if ENV_LIKE.fullmatch(key.removeprefix("."))
            )
        return self._others

    def _of_values(
        self, key: Hashable, values: Iterable[cst.BaseExpression], scope: Scope
    ) -> Kind | None:
        """What has these values in turn; None where they say nothing."""
        if key not in self._found:
            self._busy.add(key)
            asked = [each for each in values if isinstance(each, _NAMED) and dotted(each) != "None"]
            kinds = {self._judged(each, scope) for each in asked} - {None}
            self._busy.discard(key)
            known = [each for each in Kind if each in kinds]
            mixed = len(known) > 1 and not known[-1].is_env
            self._found[key] = Kind.UNSURE if mixed else known[0] if known else None
        return self._found[key]

    def _of_attribute(self, node: cst.Attribute, scope: Scope) -> Kind | None:
        if node.attr.value in ("unwrapped", "env"):
            inner = self._judged(node.value, scope)
            if inner is None or inner in (Kind.MADE, Kind.VECTOR, Kind.NAMED):
                return inner
        return self._of_key(f".{node.attr.value}", None)

    def _of_call(self, call: cst.Call, scope: Scope) -> Kind | None:
        origin = self._known.full_name(call.func)
        if origin:
            return self._of_imported(origin, call, scope)
        if isinstance(call.func, cst.Name):
            return self._of_own(call.func.value, scope)
        receiver, name = method(call)
        if isinstance(receiver, cst.Call) and dotted(receiver.func) == "super":
            return self._of_name("self", scope)
        return Kind.OTHER if name == "get_env" else Kind.UNSURE

    def _of_imported(self, origin: str, call: cst.Call, scope: Scope) -> Kind | None:
        inside = self._judged(call.args[0].value, scope) if call.args else Kind.OTHER
        if origin.startswith(VECTORS):
            return Kind.VECTOR
        if origin in MAKE:
            return Kind.MADE
        if origin.startswith((*BASES, *WRAPPERS, *AROUND_ONE)):
            return inside if inside in (Kind.OWN, Kind.VECTOR, None) else Kind.MADE
        if is_gym(origin) or origin.partition(".")[0] in FOUR_PARTS:
            return Kind.OTHER
        if inside is None:
            return None
        return Kind.NAMED if inside.is_env else Kind.UNSURE

    def _of_own(self, name: str, scope: Scope) -> Kind | None:
        """What a class or a function of the file gives."""
        if name == "super":
            return self._of_name("self", scope)
        if name in self._known.classes:
            return Kind.OWN if self._known.base_of(self._known.classes[name]) else Kind.OTHER
        function = self._known.functions.get(name)
        if function is None:
            return Kind.UNSURE
        if function in self._busy:
            return None
        given = [
            each.value
            for each in walk_body(function)
            if isinstance(each, cst.Return) and each.value is not None
        ]
        return self._of_values(function, given, self._known.around(function)) or Kind.UNSURE

    def is_bare(
        self, node: cst.CSTNode, scope: Scope, asked: frozenset[Hashable] = frozenset()
    ) -> bool:
        """Whether an environment is just as `gym.make` gives it, with its wrappers alone."""
        if isinstance(node, cst.Call):
            return self._known.full_name(node.func) in MAKE
        if isinstance(node, cst.Attribute):
            if node.attr.value == "env" and self.is_bare(node.value, scope, asked):
                return True
            place, key = None, f".{node.attr.value}"
        else:
            key = dotted(node)
            place = self._known.place_of(key, scope)
        values = self._known.values.get((place, key), ())
        if (place, key) in asked or not values or key in self._known.parameters.get(place, ()):
            return False
        within = (self._known.around(place), asked | {(place, key)})
        return all(isinstance(each, _NAMED) and self.is_bare(each, *within) for each in values)
