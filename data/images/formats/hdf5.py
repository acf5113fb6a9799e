"""EIGER, NXmx and other HDF5 images, through h5py and the filters of hdf5plugin.

HDF5 follows links, virtual sources and external storage without asking, and gives zeros for what is
absent. So every other file is found, permitted and opened here, and a frame that was never written
is told by its storage, not by its values.
"""

import re
from dataclasses import replace
from itertools import islice, product
from math import prod
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (registers the compression filters)
import numpy as np
from numpy.typing import NDArray

from data.images.formats import contents, nexus, panels, vectors
from data.images.formats.chunk import Chunk, Rejected, place_of
from data.images.formats.frame import (
    MOST_PIXELS,
    Frame,
    FrameMeta,
    Frames,
    Peaks,
    Source,
    Unreadable,
    checked_index,
    checked_shape,
)
from data.images.formats.links import DEEPEST, Opened, datasets, inside
from data.images.formats.virtual import Piece, pieces

_MOST_LINKS = 20_000
_MOST_PIECES = 100_000  # in which one frame is stored
_LEAST_READ = 1_000_000  # pixels
_MOST_READ = 32  # times its own pixels, that a frame may be put together from


def open_hdf5(source: Source) -> Frames:
    """The frames of an HDF5 file: DECTRIS master or data file, NXmx, or any file with one image
    stack."""
    files = Opened(source)
    try:
        return _Hdf5(files)
    except Unreadable:
        files.close()
        raise
    except Exception as problem:
        files.close()
        raise Unreadable(f"“{source.name}” is damaged or cut short.") from problem


class _Hdf5(Frames):
    def __init__(self, files: Opened) -> None:
        self._files = files
        self._name = files.source.name
        first = files.first
        self._parts: list[str] = []
        self._per_part = 0
        whole = self._stack(first)
        if whole is None:
            self._parts = self._linked(first)
        if whole is None and not self._parts:
            raise Unreadable(f"“{self._name}” holds no image.")
        self._whole = whole
        sample = whole if whole is not None else self._sample()
        if sample.dtype.kind not in "iuf":
            raise Unreadable(f"The images in “{self._name}” are not plain numbers.")
        self._stored_shape = checked_shape(sample.shape[-2], sample.shape[-1], self._name)
        modules = vectors.modules(files, nexus.millimetres)
        self._meta = nexus.read(files, modules)
        self._panels = sample.shape[1] if sample.ndim == 4 else 0
        self._layout = panels.layout(files, sample, modules, self._meta.wavelength)
        self.channels = max(1, self._panels)
        self.shape = self._stored_shape
        if self._layout is not None:
            self.channels, self.shape = 1, checked_shape(*self._layout.shape, self._name)
            self._meta = replace(
                self._meta,
                plane=self._layout.plane,
                panels="placed" if self._layout.placed else "loose",
                notes=(self._layout.words,),
            )
        else:
            self._panels = 0
        if whole is not None:
            self.count = 1 if whole.ndim == 2 else int(whole.shape[0])
        self._known: dict[tuple[str, str], list[Piece]] = {}
        self._looked = False
        self._pixel_mask: Rejected | None = None
        self._held: dict[tuple[Any, ...], NDArray[Any]] = {}
        self._lost = ""

    def read(self, index: int = 0, channel: int = 0) -> Frame:
        checked_index(index, self.count, self._name)
        if not 0 <= channel < self.channels:
            raise Unreadable(f"“{self._name}” has no channel {channel + 1}.")
        try:
            array, absent = self._decoded(index, channel)
            mask = self._masked(array)
        except Unreadable:
            raise
        except Exception as problem:
            raise Unreadable(f"Frame {index + 1} of “{self._name}” is damaged.") from problem
        if absent is not None:
            mask = mask | absent
        if self._layout is not None:
            array, mask = self._layout.picture(array, 0), self._layout.picture(mask, True)
        return Frame(array, mask, nexus.at(self._meta, index))

    def damage(self, index: int = 0) -> str | None:
        if self._layout is None:
            return None
        try:
            self.read(index)
        except Unreadable:  # said by whoever asks for the picture
            return None
        return self._lost or None

    def chunk(self, index: int = 0, channel: int = 0) -> Chunk | None:
        checked_index(index, self.count, self._name)
        if self._layout is not None:
            return None
        dataset, where = self._stored(index, channel)
        for _ in range(DEEPEST):
            if not dataset.is_virtual:
                break
            step = self._whole_piece(dataset, where)
            if step is None:
                return None
            dataset, where = step
        if dataset.is_virtual or dataset.external or dataset.shape[-2:] != self.shape:
            return None
        place = place_of(dataset, where)
        if place is None:
            return None
        rejected = self._rejected()
        return Chunk(*place, self.shape, dataset.dtype.itemsize, rejected, self.meta(index))

    def meta(self, index: int = 0) -> FrameMeta:
        checked_index(index, self.count, self._name)
        return nexus.at(self._meta, index)

    def text(self, index: int = 0) -> str:
        return contents.text(self._files)

    def peaks(self, index: int = 0) -> Peaks | None:
        checked_index(index, self.count, self._name)
        try:
            dataset, where = self._stored(index, 0)
            listed = contents.peaks(self._files, dataset.file, where[0] if where else 0, index)
            return listed if listed is None or self._layout is None else self._layout.spots(listed)
        except Unreadable:
            raise
        except Exception as problem:
            raise Unreadable(f"The list of spots in “{self._name}” is damaged.") from problem

    def close(self) -> None:
        self._files.close()

    # Where the images are

    def _stack(self, file: Any) -> Any:
        """The one dataset of all frames, or None where linked data files hold them."""
        for path in ("/entry/data/data", "/entry/instrument/detector/data"):
            if _is_images(found := self._files.walk(file, path)):
                return found
        if self._linked(file):
            return None
        if (default := self._default(file)) is not None:
            return default
        best = None
        for dataset in datasets(file):
            if _is_images(dataset) and (best is None or dataset.size > best.size):
                best = dataset
        return best

    def _default(self, file: Any) -> Any:
        """What NeXus says to plot: entry@default, then NXdata@signal."""
        path = ""
        for _ in range(3):
            here = self._files.walk(file, path)
            if not isinstance(here, h5py.Group):
                return None
            signal, default = _word(here, "signal"), _word(here, "default")
            if signal:
                found = self._files.walk(file, f"{path}/{signal}")
                return found if _is_images(found) else None
            if not default:
                return None
            path = f"{path}/{default}"
        return None

    def _linked(self, file: Any) -> list[str]:
        group = self._files.walk(file, "/entry/data") or self._files.walk(file, "/entry")
        if not isinstance(group, h5py.Group):
            return []
        names = sorted(
            (name for name in islice(group, _MOST_LINKS) if re.fullmatch(r"data_\d+", name)),
            key=lambda name: int(name[5:]),
        )
        return [f"{group.name}/{name}" for name in names]

    def _sample(self) -> Any:
        """The first part that can be opened, and from it and the header the number of frames."""
        problem: Unreadable | None = None
        sample, found_at = None, 0
        for at, path in enumerate(self._parts[:16]):
            try:
                sample = self._files.walk(self._files.first, path)
            except Unreadable as missing:
                problem = problem or missing
                continue
            if _is_images(sample) and sample.ndim > 2:
                found_at = at
                break
            sample = None
        if sample is None:
            raise problem or Unreadable(f"“{self._name}” holds no image.")
        self._per_part = int(sample.shape[0])
        stated = nexus.stated_frames(self._files)
        most = self._per_part * len(self._parts)
        # Only the last part may hold fewer frames; the detector states how many it meant to take.
        if found_at == len(self._parts) - 1 and found_at > 0:
            self.count = most if stated is None else stated
            self._per_part = -(-self.count // len(self._parts))
        elif len(self._parts) == 1:
            self.count = self._per_part
        else:
            self.count = self._exact(most) if stated is None else min(stated, most)
        return sample

    def _exact(self, most: int) -> int:
        try:
            last = self._files.walk(self._files.first, self._parts[-1])
        except Unreadable:
            return most
        if not _is_images(last) or last.ndim < 3:
            return most
        return most - self._per_part + int(last.shape[0])

    # One frame

    def _decoded(self, index: int, channel: int) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        self._left = _MOST_READ * max(_LEAST_READ, self.shape[0] * self.shape[1])
        if not self._panels:
            return self._taken(*self._stored(index, channel), index)
        try:
            gathered = panels.gathered(
                lambda number: self._taken(*self._stored(index, number), index), self._panels, self._stored_shape
            )
        finally:
            self._held.clear()
        self._lost = gathered.lost
        return gathered.sheet, gathered.absent

    def _stored(self, index: int, channel: int) -> tuple[Any, tuple[int, ...]]:
        """The dataset that holds a frame, and its place in it."""
        dataset, at = self._whole, index
        if dataset is None:
            part, at = divmod(index, self._per_part)
            dataset = self._files.walk(self._files.first, self._parts[part])
            if not _is_images(dataset) or dataset.shape[-2:] != self._stored_shape:
                raise Unreadable(f"The data file with frame {index + 1} holds other images.")
            if at >= dataset.shape[0]:
                raise Unreadable(f"Frame {index + 1} of “{self._name}” has not been written.")
        return dataset, (at, channel)[: dataset.ndim - 2]

    def _taken(
        self, dataset: Any, where: tuple[int, ...], index: int, depth: int = 0
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        if depth > DEEPEST:
            raise Unreadable(f"“{self._name}” has virtual images that lead too far.")
        if dataset.external:
            raise Unreadable(f"“{self._name}” keeps its images in a raw file, which is not read here.")
        if dataset.is_virtual:
            return self._assembled(dataset, where, index, depth)
        creation = dataset.id.get_create_plist()
        for number in range(creation.get_nfilters()):
            if not h5py.h5z.filter_avail(creation.get_filter(number)[0]):
                raise Unreadable(f"The images in “{self._name}” are compressed in a way that is not known here.")
        if not inside(dataset):
            raise Unreadable(f"“{self._name}” is stored in impossibly large pieces.")
        # Sources may be named again and again, and each may be put together in its turn.
        self._left -= max(1024, dataset.shape[-2] * dataset.shape[-1])
        if self._left < 0:
            raise Unreadable(f"“{self._name}” has frames that are put together from too much.")
        absent = self._absent(dataset, where, index)
        if not self._panels or dataset.ndim != 4 or prod(dataset.shape[1:]) > MOST_PIXELS:
            return np.asarray(dataset[where]), absent
        # Panels often lie in one chunk: it is unpacked once for all of them.
        key = (dataset.file.filename, dataset.name, where[0])
        if key not in self._held:
            self._held[key] = np.asarray(dataset[where[0]])
        return self._held[key][where[1]], absent

    def _absent(self, dataset: Any, where: tuple[int, ...], index: int) -> NDArray[np.bool_] | None:
        """True where no data was stored for a frame; None when all of it was."""
        unwritten = f"Frame {index + 1} of “{self._name}” has not been written."
        height, width = dataset.shape[-2:]
        if dataset.chunks is None:
            if dataset.id.get_storage_size() == 0:
                raise Unreadable(unwritten)
            return None
        tall, wide = dataset.chunks[-2:]
        if -(-height // tall) * -(-width // wide) > _MOST_PIECES:
            raise Unreadable(f"“{self._name}” is stored in too many small pieces.")
        corners = list(product(range(0, height, tall), range(0, width, wide)))
        lead = tuple(at - at % size for at, size in zip(where, dataset.chunks, strict=False))
        missing = [
            corner for corner in corners if dataset.id.get_chunk_info_by_coord((*lead, *corner)).byte_offset is None
        ]
        if len(missing) == len(corners):
            raise Unreadable(unwritten)
        if not missing:
            return None
        absent = np.zeros((height, width), np.bool_)
        for y, x in missing:
            absent[y : y + tall, x : x + wide] = True
        return absent

    def _assembled(
        self, dataset: Any, where: tuple[int, ...], index: int, depth: int
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """A frame of a virtual dataset, from the sources that we open ourselves."""
        owner = Path(dataset.file.filename)
        height, width = dataset.shape[-2:]
        array = np.zeros((height, width), dataset.dtype)
        absent = np.ones((height, width), np.bool_)
        for piece in self._pieces(dataset):
            if not piece.holds(where):
                continue
            source = self._source(owner, dataset, piece)
            inner = piece.inner(where, source.ndim)
            if any(at >= n for at, n in zip(inner, source.shape, strict=False)):
                raise Unreadable(f"Frame {index + 1} of “{self._name}” has not been written.")
            checked_shape(source.shape[-2], source.shape[-1], self._name)
            taken, hole = self._taken(source, inner, index, depth + 1)
            y, x = piece.low[-2:]
            tall, wide = piece.size[-2:]
            sy, sx = (piece.first or (0, 0))[-2:]
            part = taken[sy : sy + tall, sx : sx + wide]
            array[y : y + part.shape[0], x : x + part.shape[1]] = part
            absent[y : y + part.shape[0], x : x + part.shape[1]] = (
                False if hole is None else hole[sy : sy + tall, sx : sx + wide]
            )
        if absent.all():
            raise Unreadable(f"Frame {index + 1} of “{self._name}” has not been written.")
        return array, absent if absent.any() else None

    def _pieces(self, dataset: Any) -> list[Piece]:
        key = (dataset.file.filename, dataset.name)
        if key not in self._known:
            self._known[key] = pieces(dataset, self._name)
        return self._known[key]

    def _source(self, owner: Path, dataset: Any, piece: Piece) -> Any:
        file = dataset.file if piece.file_name == "." else self._files.beside(owner, piece.file_name)
        source = self._files.walk(file, piece.path)
        if not isinstance(source, h5py.Dataset) or source.ndim < 2:
            raise Unreadable(f"The data file “{Path(piece.file_name).name}” holds no image.")
        if piece.first is not None and len(piece.first) != source.ndim:
            raise Unreadable(f"“{self._name}” is put together in a way not read here.")
        return source

    def _whole_piece(self, dataset: Any, where: tuple[int, ...]) -> tuple[Any, tuple[int, ...]] | None:
        """The source and the frame in it that alone make a frame of a virtual dataset; None where several do."""
        holding = [piece for piece in self._pieces(dataset) if piece.holds(where)]
        if len(holding) != 1 or holding[0].low[-2:] != (0, 0) or holding[0].size[-2:] != self.shape:
            return None
        source = self._source(Path(dataset.file.filename), dataset, holding[0])
        inner = holding[0].inner(where, source.ndim)
        if any((holding[0].first or (0, 0))[-2:]) or any(at >= n for at, n in zip(inner, source.shape, strict=False)):
            return None
        return source, inner

    def _rejected(self) -> Rejected | None:
        if not self._looked:
            mask = nexus.pixel_mask(self._files, self._stored_shape, self._panels)
            self._pixel_mask = Rejected(mask) if mask.any() else None
            self._looked = True
        return self._pixel_mask

    def _masked(self, array: NDArray[Any]) -> NDArray[np.bool_]:
        if array.dtype.kind == "f":
            mask = ~np.isfinite(array)
        elif array.dtype.kind == "i":
            mask = array < 0
        else:
            mask = array == np.iinfo(array.dtype).max
        rejected = self._rejected()
        if rejected is not None and rejected.mask.shape == mask.shape:
            mask = mask | rejected.mask
        return np.asarray(mask)


def _is_images(thing: Any) -> bool:
    if not isinstance(thing, h5py.Dataset) or thing.ndim not in (2, 3, 4):
        return False
    return thing.dtype.kind in "iuf" and min(thing.shape[-2:]) >= 16 and thing.shape[0] > 0


def _word(group: Any, name: str) -> str:
    value = group.attrs.get(name, "")
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
