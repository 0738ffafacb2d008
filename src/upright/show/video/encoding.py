"""Pictures as a video file: one at a time through ffmpeg, whatever their number."""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from upright.ground import UprightError

Frame = NDArray[np.uint8]
GIF_FPS, GIF_WIDTH = 25.0, 480
MP4 = [
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"),
    *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-movflags", "+faststart"),
]
LOSSLESS = ["-c:v", "libx264rgb", "-preset", "ultrafast", "-qp", "0"]


def write_video(path: Path, images: Iterable[Frame], fps: float) -> None:
    """Write pictures of one size, [height, width, 3] uint8 each, as an .mp4 or .gif.

    Memory does not grow with their number. A .gif is made in a second pass, since its one palette
    depends on all pictures; they wait in a file beside it.

    Raises:
        UprightError: The file cannot be written; nothing changed then.
    """
    video, palette, gif = (
        path.with_name(f".{path.stem[:32]}.tmp{ending}") for ending in (".mp4", ".png", ".gif")
    )
    is_gif = path.suffix.lower() == ".gif"
    try:
        for each in (video, palette, gif):  # ffmpeg would write through a link
            each.unlink(missing_ok=True)
        _encode(images, fps, LOSSLESS if is_gif else MP4, video)
        if is_gif:
            _convert(video, palette, gif, fps)
        (gif if is_gif else video).replace(path)
    except OSError as error:
        raise UprightError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        for each in (video, palette, gif):
            with suppress(OSError):
                each.unlink()


def _encode(images: Iterable[Frame], fps: float, codec: list[str], out: Path) -> None:
    images = iter(images)
    first = next(images, None)
    if first is None:
        raise UprightError("There is nothing to record.")
    size = ["-s", f"{first.shape[1]}x{first.shape[0]}", "-r", f"{fps:g}"]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", *size, "-i", "-"]
    _ffmpeg([*source, "-an", *codec], out, _of_one_shape(chain([first], images), first.shape))


def _of_one_shape(images: Iterable[Frame], shape: tuple[int, ...]) -> Iterator[memoryview]:
    for image in images:
        if image.shape != shape:
            raise UprightError(f"A picture of shape {image.shape} among those of {shape}.")
        yield np.ascontiguousarray(image).data


def _convert(video: Path, palette: Path, gif: Path, fps: float) -> None:
    """A video as a .gif of one palette."""
    smaller = f"fps={min(fps, GIF_FPS):g},scale='min({GIF_WIDTH},iw)':-2:flags=area"
    source, colours = ["-i", str(video.absolute())], ["-i", str(palette.absolute())]
    used = f"[0:v]{smaller}[small];[small][1:v]paletteuse=diff_mode=rectangle"
    _ffmpeg([*source, "-vf", f"{smaller},palettegen", "-update", "1"], palette)
    _ffmpeg([*source, *colours, "-filter_complex", used, "-loop", "0"], gif)


def _ffmpeg(arguments: list[str], out: Path, data: Iterable[memoryview] = ()) -> None:
    """Let the ffmpeg that a wheel brought along make a file of the data that it is fed.

    Raises:
        UprightError: There is no ffmpeg, or it could not.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    try:
        program = get_ffmpeg_exe()
    except RuntimeError as error:
        raise UprightError(
            "There is no ffmpeg.", "`pip install imageio-ffmpeg` brings one along."
        ) from error
    command = [program, "-loglevel", "error", "-y", *arguments, str(out.absolute())]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
        )
        assert process.stdin is not None
        try:
            taken = all(_takes(process.stdin, each) for each in data)
            with suppress(BrokenPipeError):
                process.stdin.close()
            if process.wait() == 0 and taken:
                return
        finally:
            process.kill()
            process.wait()
            with suppress(OSError):
                process.stdin.close()
        errors.seek(0)
        lines = errors.read(4000).decode(errors="replace").split("\n")
    said = next((line for line in reversed(lines) if line.strip()), "it said nothing")
    said = said.strip().rstrip(".").replace(str(out.absolute()), "it")
    raise UprightError(f"ffmpeg could not write the video: {said}.")


def _takes(pipe: IO[bytes], data: memoryview) -> bool:
    """Write to a process, unless it has given up."""
    try:
        pipe.write(data)
    except BrokenPipeError:
        return False
    return True
