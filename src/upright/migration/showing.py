"""What an environment shows is said where it is made, since Gym 0.26."""

import libcst as cst

from upright.migration.idiom import Idiom
from upright.migration.kinds import MAKE, Kind
from upright.migration.scene import Scene
from upright.migration.syntax import (
    dotted,
    keyword,
    method,
    with_argument,
    without_arguments,
)
from upright.migration.uses import BARE, UNKNOWN, can_be_told, is_of_another, key_of, mode_of

HOW = {
    "rgb_array": (
        "What an environment shows is said where it is made: rgb_array gives pictures and needs "
        'no display, render_mode="human" opens a window.'
    ),
    "human": (
        "What an environment shows is said where it is made: human opens a window, and fails "
        'where there is no display; render_mode="rgb_array" gives pictures there.'
    ),
}
LATER = "What an environment shows is said where it is made."
OLD_API = ("new_step_api", "apply_api_compatibility")


class RenderMode(Idiom):
    """`env = gym.make("CartPole-v1")` of an environment that is rendered or recorded."""

    name = "render-mode"
    nodes = (cst.Call,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """One more argument."""
        assert isinstance(original, cst.Call)
        if original not in scene.uses.makes:
            return updated
        mode = scene.uses.of_make(original)
        if not mode or not can_be_told(original):
            return updated
        why, added = HOW.get(mode, LATER), keyword("render_mode", cst.SimpleString(f'"{mode}"'))
        if is_of_another(original):
            new = scene.code(with_argument(original, added))
            scene.say_by_hand(f"{why} Whether this environment takes it is not seen here.", new)
            return updated
        scene.say(why)
        assert isinstance(updated, cst.Call)
        return with_argument(updated, added)


class Render(Idiom):
    """`env.render()`, `env.render(mode="rgb_array")`."""

    name = "render"
    nodes = (cst.Call,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """Without an argument, if the environment is told what to show when it is made."""
        receiver, name = method(original)
        if name != "render" or scene.kind(receiver) not in (Kind.MADE, Kind.NAMED):
            return updated
        assert isinstance(original, cst.Call)
        assert isinstance(updated, cst.Call)
        mode, given = mode_of(original), scene.uses.of_name(key_of(receiver))
        if mode == BARE:
            _bare(original, scene)
            return updated
        if given == mode:
            scene.say(LATER)
            return updated.with_changes(args=())
        if any(dotted(arg.keyword) == "close" for arg in original.args):
            scene.say_by_hand("What closes the window is close.", f"{dotted(receiver)}.close()")
            return updated
        today = "" if mode == UNKNOWN else f', render_mode="{mode}"'
        scene.say_by_hand(
            LATER, f"env = gym.make(...{today})\n{scene.code(receiver or original)}.render()"
        )
        return updated


def _bare(call: cst.Call, scene: Scene) -> None:
    """Say of a call that stays what comes of it now."""
    key = key_of(method(call)[0])
    told = [each for each in scene.uses.makes_of(key) if can_be_told(each)]
    if not told:
        return
    mode = scene.uses.of_make(told[0])
    made = f'of an environment made with render_mode="{mode}"'
    if mode == "rgb_array":
        scene.say(f"It opens no window but gives a picture, {made}; drop it where nobody looks.")
    elif mode:
        scene.say(f"It shows what it did, {made}.")


class MakeArguments(Idiom):
    """`gym.make(..., new_step_api=True)`."""

    name = "make-arguments"
    nodes = (cst.Call,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """Without what is always so today."""
        assert isinstance(original, cst.Call)
        if scene.known.full_name(original.func) not in (*MAKE, "gym.vector.make"):
            return updated
        if not any(dotted(arg.keyword) in OLD_API for arg in original.args):
            return updated
        scene.say("Every environment steps in the new way; nothing asks for it.")
        assert isinstance(updated, cst.Call)
        return without_arguments(updated, *OLD_API)
