"""Readers of image files, one per family, chosen by what the file holds and not by its name."""

from collections.abc import Callable
from pathlib import Path

from data.images.formats.cbf import open_cbf
from data.images.formats.flat import open_flat, unpacked
from data.images.formats.frame import Frame, FrameMeta, Frames, Source, Unreadable
from data.images.formats.hdf5 import open_hdf5
from data.images.formats.mrc import is_mrc, open_mrc
from data.images.formats.tiff import MARKS, open_tiff

__all__ = ["Frame", "FrameMeta", "Frames", "Unreadable", "open_frames"]

_HDF5 = b"\x89HDF\r\n\x1a\n"


def open_frames(
    path: Path,
    allowed: Callable[[Path], bool] | None = None,
    supply: Callable[[Path], bool] | None = None,
) -> Frames:
    """The frames of an image file. Raises Unreadable with one sentence, and nothing else.

    `allowed`: whether a file that this one links to may be opened (`Files.permits`); without it,
    only files of the same folder may. `supply`: asked to make an absent one (`Files.supply`).
    """
    source = Source(path, allowed, supply)
    try:
        with path.open("rb") as file:
            start = file.read(4096)
        if not start:
            raise Unreadable(f"“{source.name}” is empty.")
        if start.startswith(_HDF5):
            return open_hdf5(source)
        packed = unpacked(source, start)
        if (packed or start).startswith(b"###CBF"):
            return open_cbf(source, packed)
        if packed is not None and packed.startswith(_HDF5):
            raise Unreadable(f"“{source.name}” is a compressed HDF5 file; it must be unpacked to be read.")
        if is_mrc((packed or start)[:1024], source.name, path.stat().st_size if packed is None else len(packed)):
            return open_mrc(source, packed)
        if (packed or start).startswith(MARKS) and (pages := open_tiff(source, packed or start, packed)) is not None:
            return pages
        return open_flat(source, packed or start, packed)
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable(f"The file “{source.name}” is not on disk.") from None
    except PermissionError:
        raise Unreadable(f"This server may not read “{source.name}”.") from None
    except Exception as problem:
        raise Unreadable(f"“{source.name}” cannot be read as an image.") from problem
