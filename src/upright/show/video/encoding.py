"""Pictures as a video file: one at a time through ffmpeg, whatever their number."""

import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

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
    video, is_gif = _beside(path, ".mp4"), path.suffix.lower() == ".gif"
    palette, gif = _beside(path, ".png"), _beside(path, ".gif")
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


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.stem[:32]}.tmp{ending}")


def _encode(images: Iterable[Frame], fps: float, codec: list[str], out: Path) -> None:
    ffmpeg, shape = None, (0, 0, 0)
    try:
        for image in images:
            if ffmpeg is None:
                shape = image.shape
                size = ["-s", f"{shape[1]}x{shape[0]}", "-r", f"{fps:g}"]
                source = ["-f", "rawvideo", "-pix_fmt", "rgb24", *size, "-i", "-"]
                ffmpeg = Ffmpeg([*source, "-an", *codec], out)
            if image.shape != shape:
                raise UprightError(f"A picture of shape {image.shape} among those of {shape}.")
            ffmpeg.feed(np.ascontiguousarray(image).data)
        if ffmpeg is None:
            raise UprightError("There is nothing to record.")
        ffmpeg.finish()
    finally:
        if ffmpeg is not None:
            ffmpeg.stop()


def _convert(video: Path, palette: Path, gif: Path, fps: float) -> None:
    """A video as a .gif of one palette."""
    smaller = f"fps={min(fps, GIF_FPS):g},scale='min({GIF_WIDTH},iw)':-2:flags=area"
    source, colours = ["-i", str(video.absolute())], ["-i", str(palette.absolute())]
    used = f"[0:v]{smaller}[small];[small][1:v]paletteuse=diff_mode=rectangle"
    for arguments, out in (
        ([*source, "-vf", f"{smaller},palettegen", "-update", "1"], palette),
        ([*source, *colours, "-filter_complex", used, "-loop", "0"], gif),
    ):
        ffmpeg = Ffmpeg(arguments, out)
        try:
            ffmpeg.finish()
        finally:
            ffmpeg.stop()


class Ffmpeg:
    """The ffmpeg that a wheel brought along, at work.

    Args:
        arguments: What stands before the name of the file that it makes.
        out: That file.

    Raises:
        UprightError: There is no ffmpeg.
    """

    def __init__(self, arguments: list[str], out: Path) -> None:
        from imageio_ffmpeg import get_ffmpeg_exe

        try:
            program = get_ffmpeg_exe()
        except RuntimeError as error:
            raise UprightError(
                "There is no ffmpeg.", "`pip install imageio-ffmpeg` brings one along."
            ) from error
        self._out = out
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [program, "-loglevel", "error", "-y", *arguments, str(out.absolute())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    def feed(self, data: Any) -> None:
        """Give it bytes.

        Raises:
            UprightError: It has given up.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            self._fail()

    def finish(self) -> None:
        """Wait until the file is made.

        Raises:
            UprightError: It could not be.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        if self._process.wait() != 0:
            self._fail()

    def stop(self) -> None:
        """End the process, finished or not."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._errors.close()

    def _fail(self) -> None:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read(4000).decode(errors="replace").split("\n")
        said = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        said = said.strip().rstrip(".").replace(str(self._out.absolute()), "it")
        raise UprightError(f"ffmpeg could not write the video: {said}.")
