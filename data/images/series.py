"""Which file, and which frame in it, holds an image of a collection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.errors import NotFound
from data.images.files import Files, Located, State, frame_file
from data.images.formats import Unreadable

MOST_FRAMES = 100_000
"""Of a movie; no microscope makes more."""
_TITLES = {
    State.MISSING: "File missing",
    State.UNREADABLE: "File not readable",
    State.OUTSIDE: "File outside the permitted folders",
    State.NONE: "No file",
}


class Unplaced(Unreadable):
    """A stored path leads to no file that may be opened; ``title`` says in two words why."""

    def __init__(self, found: Located) -> None:
        super().__init__(found.words)
        self.title = _TITLES.get(found.state, "No file")


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame on disk. ``stamp`` changes when the file does; ``channel`` counts from 0."""

    path: str
    stamp: tuple[int, int]
    index: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """The images of a collection as ISPyB states them: numbered ``first`` to ``last``, in files of a template.

    ``whole``: the template is the path of the one file that holds all, and the file says how many there are.
    """

    directory: str
    template: str
    first: int
    last: int
    whole: bool = False

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Series":
        """From a row with directory, template, first_image and images, any of them None; or with ``movie``, a path."""
        if "movie" in row:
            return cls("", row["movie"], 1, MOST_FRAMES, whole=True)
        first = row.get("first_image") or 1
        return cls(row.get("directory") or "", row.get("template") or "", first, first + (row.get("images") or 1) - 1)

    def stored(self, image: int) -> str:
        """The stored path of the file of an image, and nothing of other images may be asked. Raises NotFound."""
        if not self.first <= image <= self.last:
            raise NotFound("This image")
        return self.template if self.whole else frame_file(self.directory, self.template, image)

    def index(self, image: int) -> int:
        """The place of an image in its file, from 0."""
        if self.whole:
            return image - self.first
        single = self.stored(image) != frame_file(self.directory, self.template, image + 1)
        return 0 if single else image - self.first

    def shot(self, files: Files, image: int, channel: int = 0) -> Shot:
        """Where an image is now. Looks at the disk; raises NotFound, or Unplaced with a sentence."""
        found = files.find(self.stored(image) or None)
        if found.state is not State.PRESENT or found.path is None:
            raise Unplaced(found)
        about = found.path.stat()
        return Shot(str(found.path), (about.st_mtime_ns, about.st_size), self.index(image), channel)
