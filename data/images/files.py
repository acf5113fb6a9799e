"""From a path stored in ISPyB to a file that this server may open.

A stored path is a stranger's text: it is mapped, resolved through every symbolic link and only then
compared with the permitted roots. Nothing here opens a file or raises.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from stat import S_ISREG

_LONGEST = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class State(StrEnum):
    """What became of a stored path."""

    PRESENT = "present"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    OUTSIDE = "outside"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Located:
    """The answer to a stored path.

    `path` is the real path (links followed) and is set only when `state` is `present`.
    `words` is a sentence for a person; it names the file, never its folder.
    """

    state: State
    path: Path | None
    words: str


class Files:
    """The only way from a path in the database to a file.

    `roots`: folders, links followed, under which files may be opened.
    `mapping`: (stored prefix, prefix here) pairs; the longest stored prefix of whole components
    wins. `on_missing`: asked with the permitted path of an absent file; true when it has just
    been made.
    """

    def __init__(
        self,
        roots: tuple[Path, ...],
        mapping: tuple[tuple[str, str], ...] = (),
        on_missing: Callable[[Path], bool] | None = None,
    ) -> None:
        self._roots = tuple(Path(os.path.realpath(root)) for root in roots)
        self._spelled = [(Path(root), real) for root, real in zip(roots, self._roots, strict=True)]
        pairs = [(PurePosixPath(stored).parts, PurePosixPath(here)) for stored, here in mapping]
        self._mapping = sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)
        self._on_missing = on_missing
        self.spelled = tuple(str(root) for root in roots), tuple(mapping)
        """Roots and mapping, to make the same in another process."""

    def find(self, stored: str | None) -> Located:
        """Locate the file of a stored path. Never raises."""
        if stored is None or not stored.strip():
            return Located(State.NONE, None, "ISPyB holds no file path here.")
        name = _name(stored)
        refused = Located(State.OUTSIDE, None, f"“{name}” is not in a folder that this server may read.")
        pure = PurePosixPath(stored)
        if len(stored) > _LONGEST or _CONTROL.search(stored) or not pure.is_absolute() or ".." in pure.parts:
            return Located(State.OUTSIDE, None, f"The path stored for “{name}” is not usable.")
        try:
            real = Path(os.path.realpath(self._mapped(pure)))
            if not self._inside(real):
                return refused
            if self._on_missing is not None and not real.exists() and self._on_missing(real):
                real = Path(os.path.realpath(real))
                if not self._inside(real):
                    return refused
            return self._examined(real, name)
        except PermissionError:
            return Located(State.UNREADABLE, None, f"This server may not read “{name}”.")
        except (OSError, ValueError, RuntimeError):
            return Located(State.UNREADABLE, None, f"“{name}” could not be reached.")

    def permits(self, path: Path) -> bool:
        """Whether a path, links followed, lies under one of the roots. Never raises."""
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError, RuntimeError):
            return False
        return self._inside(real)

    def _inside(self, real: Path) -> bool:
        return any(real.is_relative_to(root) for root in self._roots)

    def supply(self, path: Path) -> bool:
        """Ask `on_missing` for an absent file under the roots (a part that another file links
        to)."""
        return self._on_missing is not None and self.permits(path) and self._on_missing(path)

    def lane(self, stored: str) -> int:
        """The number of the root that a stored path names, as it is spelled; -1 for none. Touches no disk.

        Work on different roots goes to different threads, since a file server that hangs does so for any look at it.
        """
        try:
            here = Path(self._mapped(PurePosixPath(stored)))
        except ValueError:
            return -1
        return next((n for n, spelled in enumerate(self._spelled) if any(here.is_relative_to(s) for s in spelled)), -1)

    def _mapped(self, pure: PurePosixPath) -> PurePosixPath:
        for prefix, here in self._mapping:
            if pure.parts[: len(prefix)] == prefix:
                return here.joinpath(*pure.parts[len(prefix) :])
        return pure

    @staticmethod
    def _examined(real: Path, name: str) -> Located:
        try:
            mode = os.stat(real).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return Located(State.MISSING, None, f"The file “{name}” is not on disk any more.")
        if not S_ISREG(mode):
            return Located(State.UNREADABLE, None, f"“{name}” is not a file.")
        if not os.access(real, os.R_OK):
            return Located(State.UNREADABLE, None, f"This server may not read “{name}”.")
        return Located(State.PRESENT, real, f"“{name}” is on disk.")


_COUNTER = re.compile(r"#+|\?+|%(?:0?(\d{1,2}))?(?:\.\d{1,2})?[di]")


def frame_file(directory: str, template: str, image_number: int) -> str:
    """The stored path of one image: `directory` and `template` as ISPyB holds them.

    The last run of `####` or `????`, or `%05d`, becomes the image number. A template without a
    counter (`x_master.h5`, `x.nxs`) names the file of all images. A counter before `.h5` (the
    XDS way of naming EIGER data, `x_??????.h5`) means the master file, `x_master.h5`.
    An empty template gives an empty path.
    """
    name = template.strip()
    if not name:
        return ""
    found = list(_COUNTER.finditer(name))
    if found:
        last = found[-1]
        token = last.group(0)
        if name[last.end() :].lower() in (".h5", ".hdf5"):
            number = "master"
        elif token.startswith("%"):
            number = str(image_number).zfill(int(last.group(1) or 0))
        else:
            number = str(image_number).zfill(len(token))
        name = name[: last.start()] + number + name[last.end() :]
    if not directory:
        return name
    return directory + name if directory.endswith("/") else f"{directory}/{name}"


def _name(stored: str) -> str:
    """The last component, with nothing in it that could disturb a line of text."""
    name = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", stored.strip().rstrip("/").split("/")[-1])
    return name if len(name) <= 120 else f"{name[:60]}…{name[-50:]}"
