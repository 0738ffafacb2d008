"""`reset` gives an observation and an info since Gym 0.26, and takes the seed."""

import libcst as cst

from upright.migration.kinds import Kind
from upright.migration.knowledge import ANY, parameters_of
from upright.migration.scene import Scene, elsewhere
from upright.migration.syntax import (
    Function,
    code_of,
    dotted,
    elements,
    indexed,
    is_super,
    keyword,
    keywords,
    method,
    tuple_of,
    walk,
    without_arguments,
)

RESET_GIVES = "A reset gives the observation and an info."
RESET_TAKES = ("seed", "options")
ASKS = "return_info"  # as between Gym 0.22 and 0.25


def reset_assigned(original: cst.Assign, updated: cst.Assign, scene: Scene) -> cst.Assign:
    """`obs = env.reset()`: a second target."""
    receiver, _ = method(original.value)
    if not _names_both(original, scene) or not scene.kind(receiver).is_env:
        return updated
    kept = dotted(original.targets[0].target)
    if scene.known.is_taken_apart(kept, ANY) or _is_left(original.value, scene):
        return updated
    scene.say(original, f"{RESET_GIVES}{scene.named(receiver)}")
    info = "info" if _is_kept(original, scene) else "_"
    if info == "info":
        scene.notes[scene.function(original), "reset"] = True
    both = tuple_of(updated.targets[0].target, cst.Name(info))
    return updated.with_changes(targets=[cst.AssignTarget(both)])


def _names_both(assign: cst.Assign, scene: Scene) -> bool:
    """Whether a reset is assigned to one target, beside which a second can stand."""
    if method(assign.value)[1] != "reset" or len(assign.targets) > 1:
        return False
    single = isinstance(assign.targets[0].target, cst.Name | cst.Attribute | cst.Subscript)
    asked = isinstance(assign.value, cst.Call) and ASKS in keywords(assign.value)
    return single and not asked and not scene.known.reads_underscore


def _is_left(call: cst.CSTNode, scene: Scene) -> bool:
    """Whether the file knows the new way elsewhere, so that this may be no mistake."""
    known, parent = scene.known, scene.parent(call)
    if not known.has_new_style or known.has_old_style or scene.own_class(call) is not None:
        return False
    target = parent.targets[0].target if isinstance(parent, cst.Assign) else None
    if target is None or not known.is_taken_apart(dotted(target), 2):
        why = f"{RESET_GIVES} Elsewhere the file takes both."
        scene.say_by_hand(call, why, f"obs, info = {code_of(call)}")
    return True


def _is_kept(assign: cst.Assign, scene: Scene) -> bool:
    """Whether the info of a reset within a wrapper's own reset is there whenever that returns."""
    function = scene.own_method(assign, "reset")
    if function is None or scene.parent(assign) not in function.body.body:
        return False
    return all(dotted(each) != "info" for each in walk(function))


def reset_used(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call | cst.Subscript:
    """`f(env.reset())`: `[0]` where the value is used at once."""
    receiver, name = method(original)
    kind = scene.kind(receiver)
    if name != "reset" or not kind.is_env:
        if name == "reset" and kind is Kind.UNSURE:
            _point_at(original, scene)
        return updated
    if ASKS in keywords(original):
        scene.say(original, "Every reset gives an info; nothing asks for it.")
        return without_arguments(updated, ASKS)
    if _is_fine(original, scene) or _is_left(original, scene):
        return updated
    scene.say(original, f"{RESET_GIVES}{scene.named(receiver)}")
    return indexed(updated, 0)


def _point_at(call: cst.Call, scene: Scene) -> None:
    """Say of a reset of what may be no environment of Gymnasium's what may become of it."""
    if scene.known.has_old_style and not isinstance(scene.parent(call), cst.Expr):
        why = f"{RESET_GIVES} {elsewhere(method(call)[0])}"
        scene.say_by_hand(call, why, f"obs, info = {code_of(call)}")


def _is_fine(call: cst.Call, scene: Scene) -> bool:
    """Whether a reset's value is not used, taken apart, or handled with its assignment."""
    parent = scene.parent(call)
    if isinstance(parent, cst.Assign):
        both = elements(parent.targets[0].target) or ()
        return _names_both(parent, scene) or len(both) == 2
    if isinstance(parent, cst.Subscript):
        return parent.value is call
    if isinstance(parent, cst.Return):
        return scene.own_method(call, "reset") is not None
    return isinstance(parent, cst.Expr | cst.Await)


def reset_forwarded(
    original: cst.Call, updated: cst.Call | cst.Subscript, scene: Scene
) -> cst.CSTNode:
    """`self.env.reset()` in a wrapper's own reset: the seed and the options go through."""
    receiver, name = method(original)
    function, own = scene.own_method(original, "reset"), scene.own_class(original)
    if name != "reset" or original.args or function is None or own is None:
        return updated
    within = scene.known.base_of(own) == "wrapper" or is_super(receiver)
    if not within or not lacking(function, scene) or not scene.kind(receiver).is_env:
        return updated
    scene.say(original, "The seed and the options go through to the environment within.")
    call = updated.value if isinstance(updated, cst.Subscript) else updated
    args = [keyword(each, cst.Name(each)) for each in RESET_TAKES]
    return updated.with_deep_changes(call, args=args)


def lacking(function: Function, scene: Scene) -> list[str]:
    """What a reset of one's own does not take yet; nothing of any other function."""
    if scene.own_method(function, "reset") is None or function.params.star_kwarg is not None:
        return []
    return [name for name in RESET_TAKES if name not in parameters_of(function)]
