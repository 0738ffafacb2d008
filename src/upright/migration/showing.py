"""What an environment shows is said where it is made, since Gym 0.26."""

import libcst as cst

from upright.migration.kinds import MAKE, VECTOR_MAKE
from upright.migration.scene import Scene
from upright.migration.syntax import (
    code_of,
    dotted,
    keyword,
    keywords,
    method,
    with_arguments,
    without_arguments,
)
from upright.migration.uses import BARE, UNKNOWN, can_be_told, is_of_another, key_of, mode_of

LATER = "What an environment shows is said where it is made"
HOW = {
    "rgb_array": (
        f"{LATER}: rgb_array gives pictures and needs no display, "
        'render_mode="human" opens a window.'
    ),
    "human": (
        f"{LATER}: human opens a window, and fails where there is no display; "
        'render_mode="rgb_array" gives pictures there.'
    ),
}
OLD_API = ("new_step_api", "apply_api_compatibility")


def mode_told(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`gym.make("CartPole-v1")` of what is rendered or recorded: one more argument."""
    mode = scene.uses.of_make(original) if original in scene.uses.makes else ""
    if not mode or not can_be_told(original):
        return updated
    why, added = HOW.get(mode, f"{LATER}."), keyword("render_mode", cst.SimpleString(f'"{mode}"'))
    if is_of_another(original):
        new = code_of(with_arguments(original, [*original.args, added]))
        why = f"{why} Whether this environment takes it is not seen here."
        scene.say_by_hand(original, why, new)
        return updated
    scene.say(original, why)
    return with_arguments(updated, [*updated.args, added])


def render_called(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`env.render(mode="rgb_array")`: bare, if the environment is told when it is made."""
    receiver, name = method(original)
    if receiver is None or name != "render" or not scene.kind(receiver).is_gyms:
        return updated
    mode = mode_of(original)
    if mode == BARE:
        _say_what_comes(original, key_of(receiver), scene)
    elif mode == scene.uses.of_name(key_of(receiver)):
        scene.say(original, f"{LATER}.")
        return updated.with_changes(args=())
    elif "close" in keywords(original):
        why = "What closes the window is close."
        scene.say_by_hand(original, why, f"{dotted(receiver)}.close()")
    else:
        today = "" if mode == UNKNOWN else f', render_mode="{mode}"'
        new = f"env = gym.make(...{today})\n{code_of(receiver)}.render()"
        scene.say_by_hand(original, f"{LATER}.", new)
    return updated


def _say_what_comes(call: cst.Call, key: str, scene: Scene) -> None:
    """Say of a call that stays what comes of it now."""
    told = [each for each in scene.uses.makes_of(key) if can_be_told(each)]
    mode = scene.uses.of_make(told[0]) if told else ""
    made = f'of an environment made with render_mode="{mode}"'
    if mode == "rgb_array":
        why = f"It opens no window but gives a picture, {made}; drop it where nobody looks."
        scene.say(call, why)
    elif mode:
        scene.say(call, f"It shows what it did, {made}.")


def make_asked(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`gym.make(..., new_step_api=True)`: without what is always so today."""
    if scene.known.full_name(original.func) not in (*MAKE, VECTOR_MAKE):
        return updated
    if not keywords(original).keys() & set(OLD_API):
        return updated
    scene.say(original, "Every environment steps in the new way; nothing asks for it.")
    return without_arguments(updated, *OLD_API)
