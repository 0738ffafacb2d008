"""`step` gives five values since Gym 0.26: what ended an episode is said."""

from collections.abc import Sequence

import libcst as cst

from upright.migration.kinds import Kind
from upright.migration.scene import Scene, elsewhere
from upright.migration.syntax import (
    code_of,
    dotted,
    elements,
    index_of,
    indexed,
    item_of,
    literal,
    method,
    small,
    spread,
)

STEP_GIVES = (
    "A step gives five values: terminated, an end of the task, and truncated, a time limit."
)
TIME_LIMIT_IS = "A time limit is a value of its own, truncated; the info says nothing of it."
LIMIT = "TimeLimit.truncated"
ENDS = ("terminated", "truncated")


def step_unpacked(original: cst.Assign, updated: cst.Assign, scene: Scene) -> cst.Assign:
    """`obs, reward, done, info = env.step(a)`: one more target, and done made of two behind it."""
    receiver, name = method(original.value)
    if name != "step":
        return updated
    kind, parts = scene.kind(receiver), elements(original.targets[0].target)
    if len(original.targets) > 1 or parts is None:
        _kept_whole(original, scene)
        return updated
    if kind is Kind.OTHER or not _are_four(parts):
        return updated
    done, info = code_of(parts[2].value), code_of(parts[3].value)
    ends = ("_", "_") if done == "_" else _ends(scene)
    joined = f"{done} = {ends[0]} {'|' if kind is Kind.VECTOR else 'or'} {ends[1]}"
    if not kind.is_env:
        new = f"{code_of(_with_ends(original, ends))}\n{joined}".removesuffix("\n_ = _ or _")
        scene.say_by_hand(original, f"{STEP_GIVES} {elsewhere(receiver)}", new)
        return updated
    if done != "_":
        scene.following[original].append(small(joined))
        if info not in scene.known.loop_names:
            scene.notes[scene.function(original), "info", info] = ends[1]
    scene.notes[scene.function(original), "done", done] = ends
    scene.say(original, f"{STEP_GIVES}{scene.named(receiver)}")
    return _with_ends(updated, ends)


def _are_four(parts: Sequence[cst.BaseElement]) -> bool:
    """Whether done has a name among a step's parts; the last may be a star."""
    return len(parts) == 4 and not any(isinstance(part, cst.StarredElement) for part in parts[:3])


def _ends(scene: Scene) -> Sequence[str]:
    """The names of a step's two ends that the file does not use for something else."""
    old = scene.known.has_old_style and not scene.known.has_new_style
    return [f"step_{end}" for end in ENDS] if old and scene.known.names & set(ENDS) else ENDS


def _with_ends(assign: cst.Assign, ends: Sequence[str]) -> cst.Assign:
    """The same with two targets in the place of the third."""
    (only,) = assign.targets
    target = spread(only.target, 2, [cst.Name(end) for end in ends])
    return assign.with_changes(targets=[only.with_changes(target=target)])


def _apart(call: cst.CSTNode, scene: Scene) -> str:
    """How a step is taken apart today."""
    return f"obs, reward, {', '.join(_ends(scene))}, info = {code_of(call)}"


def _apart_and_done(call: cst.CSTNode, scene: Scene) -> str:
    return f"{_apart(call, scene)}\ndone = {' or '.join(_ends(scene))}"


def _kept_whole(original: cst.Assign, scene: Scene) -> None:
    """A step that is kept in one name: what is taken out of it later is not followed."""
    target = original.targets[0].target
    env = scene.kind(method(original.value)[0]).is_env and not scene.known.has_new_style
    apart = elements(target) is not None or scene.known.is_taken_apart(dotted(target), 5)
    if env and not apart:
        why = f"{STEP_GIVES} They are kept in one name, whose third was done."
        scene.say_by_hand(original, why, _apart_and_done(original.value, scene))


def step_handed_on(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`return env.step(action)`: for a person."""
    handed_on = (cst.Return, cst.Arg, cst.StarredElement, cst.Yield)
    given = isinstance(scene.parent(original), handed_on) and scene.own_class(original) is None
    if given and _is_unnamed_step(original, scene):
        why = f"{STEP_GIVES} Whoever gets these takes them apart elsewhere."
        scene.say_by_hand(original, why, _apart(original, scene))
    return updated


def step_indexed(original: cst.Subscript, updated: cst.Subscript, scene: Scene) -> cst.Subscript:
    """`env.step(action)[3]`: the info has another place; the third is for a person."""
    number = index_of(original)
    if not _is_unnamed_step(original.value, scene) or number in (0, 1):
        return updated
    if number == 3:
        scene.say(original, f"{STEP_GIVES} The info is the fifth.")
        return indexed(updated.value, 4)
    why = f"{STEP_GIVES} The third was true for both ends."
    scene.say_by_hand(original, why, _apart_and_done(original.value, scene))
    return updated


def _is_unnamed_step(call: cst.BaseExpression, scene: Scene) -> bool:
    receiver, name = method(call)
    return name == "step" and not scene.known.has_new_style and scene.kind(receiver).is_env


def limit_asked(original: cst.BaseExpression, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
    """`info["TimeLimit.truncated"]`, and the like: the name that the step above gave it."""
    info = _asked(original)
    if info is None:
        return updated
    truncated = scene.notes.get((scene.function(original), "info", code_of(info)))
    if truncated:
        scene.say(original, TIME_LIMIT_IS)
        name = cst.Name(truncated)
        return cst.UnaryOperation(cst.Not(), name) if _is_denied(original) else name
    if not scene.known.has_four_parts:
        new = "obs, reward, terminated, truncated, info = env.step(action)"
        scene.say_by_hand(original, TIME_LIMIT_IS, new)
    return updated


def _is_denied(node: cst.CSTNode) -> bool:
    """Whether it is asked that the old key is not there."""
    return isinstance(node, cst.Comparison) and isinstance(node.comparisons[0].operator, cst.NotIn)


def _asked(node: cst.BaseExpression) -> cst.BaseExpression | None:
    """The info that is asked for the old key: `info[key]`, `info.get(key)`, `key in info`."""
    info, key = None, item_of(node)
    if isinstance(node, cst.Subscript):
        info = node.value
    elif isinstance(node, cst.Call) and node.args and method(node)[1] == "get":
        info, key = method(node)[0], node.args[0].value
    elif isinstance(node, cst.Comparison):
        first, key = node.comparisons[0], node.left
        info = first.comparator if isinstance(first.operator, cst.In | cst.NotIn) else None
    return info if literal(key) == LIMIT else None
