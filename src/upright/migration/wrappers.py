"""Wrapping that are called otherwise today, above all Monitor."""

import libcst as cst

from upright.migration.idiom import Idiom
from upright.migration.scene import Scene
from upright.migration.syntax import arguments, dotted, keyword, with_arguments
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
ARGUMENTS = {"FrameStackObservation": {"num_stack": "stack_size", "lz4_compress": ""}}
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
BY_VIDEO = "RecordVideo makes the videos; it needs MoviePy (pip install 'gymnasium[other]')."
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
        today = RENAMED.get(full)
        if today is None:
            return updated
        scene.say(f"The wrapper is called {today} today.")
        others = ARGUMENTS.get(today, {})
        args = []
        for arg in updated.args:
            name = others.get(dotted(arg.keyword), dotted(arg.keyword))
            if name or arg.keyword is None:
                args.append(arg.with_changes(keyword=cst.Name(name)) if name else arg)
        call = with_arguments(updated, args)
        return call.with_changes(func=_called_today(updated.func, full, today))

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


def _called_today(func: cst.BaseExpression, full: str, today: str) -> cst.BaseExpression:
    """The name of today, in the module where the file has it from."""
    if isinstance(func, cst.Attribute):
        inner = func.value
        if isinstance(inner, cst.Attribute) and full.count(".") > 2:
            inner = inner.value  # Gymnasium has them all in gym.wrappers
        return func.with_changes(value=inner, attr=cst.Name(today))
    return cst.Name(today)
