"""`step` gives five values since Gym 0.26: what ended an episode is said."""

from collections.abc import Sequence

import libcst as cst

from upright.migration.idiom import Idiom
from upright.migration.kinds import Kind
from upright.migration.scene import Scene
from upright.migration.syntax import (
    dotted,
    elements,
    index_of,
    indexed,
    literal,
    method,
    small,
    spread,
)

STEP_GIVES = (
    "A step gives five values: terminated, an end of the task, and truncated, a time limit."
)
LIMIT = "TimeLimit.truncated"


class Stepping(Idiom):
    """`obs, reward, done, info = env.step(action)`."""

    name = "step"
    nodes = (cst.Assign,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """One more target, and `done` made of the two on the next line."""
        assert isinstance(original, cst.Assign)
        assert isinstance(updated, cst.Assign)
        receiver, name = method(original.value)
        if name != "step":
            return updated
        target = original.targets[0].target
        parts, kind = elements(target), scene.kind(receiver)
        if len(original.targets) > 1 or parts is None:
            _whole(original, scene, kind)
            return updated
        if kind is Kind.OTHER or not _are_four(parts):
            return updated
        if not kind.is_env:
            scene.say_by_hand(f"{STEP_GIVES} {scene.elsewhere(receiver)}", _today(scene, original))
            return updated
        return self._rewritten(original, updated, scene)

    def _rewritten(self, original: cst.Assign, updated: cst.Assign, scene: Scene) -> cst.Assign:
        receiver, _ = method(original.value)
        target, ends = updated.targets[0].target, list(scene.ends())
        assert isinstance(target, cst.Tuple | cst.List)
        done = target.elements[2].value
        info = scene.code(target.elements[3].value)
        if dotted(done) == "_":
            ends = ["_", "_"]
        else:
            join = "|" if scene.kind(receiver) is Kind.VECTOR else "or"
            text = f"{scene.code(done)} = {ends[0]} {join} {ends[1]}"
            scene.follow(original, small(text))
        if ends[1] != "_" and info not in scene.known.loop_names:
            scene.notes[scene.function, "info", info] = ends[1]
        scene.notes[scene.function, "done", dotted(done)] = ends
        scene.say(f"{STEP_GIVES}{scene.named(receiver)}")
        new = spread(target, 2, ends)
        return updated.with_changes(targets=[updated.targets[0].with_changes(target=new)])


def _are_four(parts: Sequence[cst.BaseElement]) -> bool:
    """Whether done has a name among a step's parts; the last may be a star."""
    starred = [isinstance(part, cst.StarredElement) for part in parts]
    return len(parts) == 4 and not any(starred[:3])


def _today(scene: Scene, original: cst.Assign) -> str:
    """The line that works today, for a person to write."""
    target = original.targets[0].target
    assert isinstance(target, cst.Tuple | cst.List)
    done = scene.code(target.elements[2].value)
    ends = ["_", "_"] if done == "_" else list(scene.ends())
    new = original.with_changes(
        targets=[original.targets[0].with_changes(target=spread(target, 2, ends))]
    )
    joined = "" if done == "_" else f"\n{done} = {' or '.join(ends)}"
    return f"{scene.code(new)}{joined}"


def _whole(original: cst.Assign, scene: Scene, kind: Kind) -> None:
    """A step that is kept in one name: what is taken out of it later is not followed."""
    target = original.targets[0].target
    if not kind.is_env or scene.known.has_new_style or isinstance(target, cst.Tuple | cst.List):
        return
    if scene.known.is_taken_apart(dotted(target), 5):
        return
    call, ends = scene.code(original.value), " or ".join(scene.ends())
    scene.say_by_hand(
        f"{STEP_GIVES} They are kept in one name, whose third was done.",
        f"obs, reward, {', '.join(scene.ends())}, info = {call}\ndone = {ends}",
    )


class StepInside(Idiom):
    """`env.step(action)[2]`, `return env.step(action)`: values that no assignment names."""

    name = "step-inside"
    nodes = (cst.Call, cst.Subscript)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The info has another place; all else is for a person."""
        if scene.known.has_new_style:
            return updated
        if isinstance(original, cst.Subscript):
            return self._part(original, updated, scene)
        receiver, name = method(original)
        handed_on = (cst.Return, cst.Arg, cst.StarredElement, cst.Yield)
        inside_own = scene.own_class is not None
        if name != "step" or not scene.kind(receiver).is_env or inside_own:
            return updated
        if isinstance(scene.parent, handed_on):
            scene.say_by_hand(
                f"{STEP_GIVES} Whoever gets these takes them apart elsewhere.",
                f"obs, reward, {', '.join(scene.ends())}, info = {scene.code(original)}",
            )
        return updated

    def _part(self, original: cst.Subscript, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        receiver, name = method(original.value)
        if name != "step" or not scene.kind(receiver).is_env:
            return updated
        number = index_of(original)
        assert isinstance(updated, cst.Subscript)
        if number == 3:
            scene.say(f"{STEP_GIVES} The info is the fifth.")
            return indexed(updated.value, 4)
        if number not in (0, 1):
            call = scene.code(original.value)
            scene.say_by_hand(
                f"{STEP_GIVES} The third was true for both ends.",
                f"obs, reward, {', '.join(scene.ends())}, info = {call}\n"
                f"done = {' or '.join(scene.ends())}",
            )
        return updated


class Truncation(Idiom):
    """`info["TimeLimit.truncated"]`, `info.get("TimeLimit.truncated", False)`, `... in info`."""

    name = "time-limit"
    nodes = (cst.Subscript, cst.Call, cst.Comparison)
    why = "A time limit is a value of its own, truncated; the info says nothing of it."

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The name that the step above gave it."""
        info = _asked(original)
        if info is None:
            return updated
        truncated = scene.notes.get((scene.function, "info", scene.code(info)))
        if truncated:
            scene.say(self.why)
            name = cst.Name(truncated)
            return cst.UnaryOperation(cst.Not(), name) if _is_denied(original) else name
        if scene.known.has_four_parts:
            return updated
        scene.say_by_hand(self.why, "obs, reward, terminated, truncated, info = env.step(action)")
        return updated


def _is_denied(node: cst.CSTNode) -> bool:
    """Whether it is asked that the old key is not there."""
    return isinstance(node, cst.Comparison) and isinstance(node.comparisons[0].operator, cst.NotIn)


def _asked(node: cst.CSTNode) -> cst.BaseExpression | None:
    """The info that is asked for the old key."""
    if isinstance(node, cst.Subscript) and len(node.slice) == 1:
        inside = node.slice[0].slice
        if isinstance(inside, cst.Index) and literal(inside.value) == LIMIT:
            return node.value
    if isinstance(node, cst.Comparison) and literal(node.left) == LIMIT:
        (compared,) = node.comparisons[:1]
        return compared.comparator if isinstance(compared.operator, cst.In | cst.NotIn) else None
    receiver, name = method(node)
    if name == "get" and isinstance(node, cst.Call) and node.args:
        return receiver if literal(node.args[0].value) == LIMIT else None
    return None
