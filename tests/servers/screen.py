"""A screen without a monitor, for programs that open windows."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageGrab


def xvfb() -> str | None:
    """Where Xvfb is."""
    return shutil.which("Xvfb")


class Screen:
    """``name`` is what DISPLAY must be."""

    def __init__(self, name: str) -> None:
        self.name = name

    def picture(self) -> Image.Image:
        """What is to be seen now."""
        return ImageGrab.grab(xdisplay=self.name)

    def colours(self) -> int:
        """How many colours are to be seen; 1 where nothing is."""
        return len(self.picture().convert("RGB").getcolors(1 << 24) or [])


@contextmanager
def screen(folder: Path, width: int = 1440, height: int = 960) -> Iterator[Screen]:
    """A screen of that size, with a number that nobody else has."""
    reading, writing = os.pipe()
    with (folder / "xvfb").open("wb") as out:
        process = subprocess.Popen(
            [xvfb() or "Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"],
            pass_fds=(writing,),
            stdout=out,
            stderr=out,
        )
    os.close(writing)
    with os.fdopen(reading) as said:
        number = said.readline().strip()
    try:
        assert number, (folder / "xvfb").read_text(errors="replace")
        yield Screen(f":{number}")
    finally:
        process.terminate()
        process.wait(20)
