"""Wrapping that are called otherwise today, above all Monitor."""

import libcst as cst

from upright.migration.idiom import Idiom
from upright.migration.scene import Scene
from upright.migration.syntax import arguments, dotted, keyword, with_argument, with_arguments
from upright.migration.uses import COUNT, MONITOR, VIDEO, is_without_video

# What Gymnasium calls them; their arguments are other ones where `ARGUMENTS` says so.
RENAMED = {
    **dict.fromkeys(MONITOR, "RecordVideo"),
    "gym.wrappers.FrameStack": "FrameStackObservation",
    "gym.wrappers.frame_stack.FrameStack": "FrameStackObservation",
    "gym.wrappers.GrayScaleObservation": "GrayscaleObservation",
    "gym.wrappers.gray_scale_observation.GrayScaleObservation": "GrayscaleObservation",
    "gym.wrappers.PixelObservationWrapper": "AddRenderObservation",
    "gym.wrappers.AutoResetWrapper": "Autoreset",
}
TRANSFORM, RESIZE = "gym.wrappers.TransformObservation", "gym.wrappers.ResizeObservation"
ARGUMENTS = {
    "FrameStackObservation": {"num_stack": "stack_size", "lz4_compress": ""},
    "RecordEpisodeStatistics": {"deque_size": "buffer_length"},
}
# Of Monitor, in the order in which it took them.
MONITOR_TAKES = (
    "env",
    "directory",
    "video_callable",
    "force",
    "resume",
    "write_upon_reset",
    "uid",
    "mode",
)
BY_VIDEO = (
    'RecordVideo makes the videos, of an environment made with render_mode="rgb_array", by '
    "MoviePy (pip install 'gymnasium[other]')."
)
RENAMED_PARTS = "What it takes is called otherwise today."
BY_COUNT = "RecordEpisodeStatistics counts returns and lengths where no videos are made."


def monitor_names(full: str, scene: Scene) -> list[str]:
    """What an import of Monitor is to import today, by how the file uses it."""
    return sorted(scene.uses.monitors or {VIDEO}) if full in MONITOR else []


class Wrapping(Idiom):
    """`gym.wrappers.Monitor(env, "videos", force=True)`, `FrameStack(env, 4)`."""

    name = "wrapper"
    nodes = (cst.Call,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The wrapper of today, with what it takes."""
        assert isinstance(original, cst.Call)
        assert isinstance(updated, cst.Call)
        return self._called(original, updated, scene)

    def _called(self, original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
        full = scene.known.full_name(original.func)
        if full in MONITOR:
            return self._monitor(original, updated, scene)
        if full in (TRANSFORM, RESIZE):
            return _of_a_space(full, updated, scene)
        name = full.rpartition(".")[2] if full.startswith("gym.wrappers.") else ""
        today = RENAMED.get(full, name)
        others = ARGUMENTS.get(today, {})
        given = {dotted(arg.keyword) for arg in original.args}
        if full not in RENAMED and not given & set(others):
            return updated
        scene.say(f"The wrapper is called {today} today." if full in RENAMED else RENAMED_PARTS)
        kept = [arg for arg in updated.args if others.get(dotted(arg.keyword)) != ""]
        args = [
            arg.with_changes(keyword=cst.Name(others[dotted(arg.keyword)]))
            if dotted(arg.keyword) in others
            else arg
            for arg in kept
        ]
        func = _called_today(updated.func, full, today) if full in RENAMED else updated.func
        return with_arguments(updated, args).with_changes(func=func)

    def _monitor(self, original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
        given = arguments(updated, MONITOR_TAKES)
        today = COUNT if is_without_video(original) else VIDEO
        why = BY_COUNT if today == COUNT else BY_VIDEO
        if given is None or "env" not in given or (today == VIDEO and "directory" not in given):
            scene.say_by_hand(why, 'env = gym.wrappers.RecordVideo(env, "videos")')
            return updated
        args = [cst.Arg(given["env"])]
        if today == VIDEO:
            args.append(cst.Arg(given["directory"]))
            trigger = given.get("video_callable")
            if trigger is not None and dotted(trigger) != "None":
                args.append(keyword("episode_trigger", trigger))
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        args = [*(arg.with_changes(comma=comma) for arg in args[:-1]), args[-1]]
        full = scene.known.full_name(original.func)
        scene.say(why)
        return updated.with_changes(func=_called_today(updated.func, full, today), args=args)


def _of_a_space(full: str, call: cst.Call, scene: Scene) -> cst.Call:
    """Two wrappers that want to know more than they did."""
    if full == TRANSFORM and len(call.args) == 2 and not any(arg.star for arg in call.args):
        scene.say("TransformObservation takes the space of what comes out; None is that of before.")
        return with_argument(call, keyword("observation_space", cst.Name("None")))
    given = arguments(call, ("env", "shape"))
    side = (given or {}).get("shape")
    if full == RESIZE and isinstance(side, cst.Integer):
        scene.say("ResizeObservation takes both sides.")
        both = cst.parse_expression(f"({side.value}, {side.value})")
        args = [arg.with_changes(value=both) if arg.value is side else arg for arg in call.args]
        return call.with_changes(args=args)
    return call


def _called_today(func: cst.BaseExpression, full: str, today: str) -> cst.BaseExpression:
    """The name of today, in the module where the file has it from."""
    if isinstance(func, cst.Attribute):
        inner = func.value
        if isinstance(inner, cst.Attribute) and full.count(".") > 2:
            inner = inner.value  # Gymnasium has them all in gym.wrappers
        return func.with_changes(value=inner, attr=cst.Name(today))
    return cst.Name(today)
