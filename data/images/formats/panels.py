"""Detectors that are built of panels: where each block of a stored frame goes in the picture.

A stored frame is looked at as a sheet, (rows, columns): panels of their own axis lie in it one below another. NXmx says
by its modules' vectors where each block stands; the picture is the detector as seen from the sample, each panel moved
to the nearest pixel and turned by quarters, and what lies between the panels is masked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from data.images.formats import vectors
from data.images.formats.frame import MOST_PIXELS, Peaks, Unreadable
from data.images.formats.links import Opened
from data.images.formats.vectors import Floats, Module
from data.images.plane import Plane

_NAMES = {"module", "modules", "module_identifier", "module_index", "panel", "panels", "panel_identifier"}
# (slow, fast) of panels that detectors are stacked of: JUNGFRAU, AGIPD, DSSC, ePix10k, CSPAD. Others that look so, as
# the 256 x 256 of LPD, are also whole detectors with thresholds.
_SIZES = {(512, 1024), (512, 128), (128, 512), (352, 384), (185, 388), (185, 194)}
_ROOMIER = 20  # times its own pixels, that a detector may be spread over
_OVERLAP = 0.01
_MOST = 600
_GAP = 128  # of so many pixels of a picture's side one is a gap between panels in no known place


@dataclass(frozen=True, slots=True)
class Panel:
    """A block of the sheet, and its place in the picture once it is turned (rows for columns), then flipped."""

    row: int
    column: int
    height: int
    width: int
    down: int
    across: int
    turned: bool = False
    flip_down: bool = False
    flip_across: bool = False

    @property
    def drawn(self) -> tuple[int, int]:
        """(height, width) in the picture."""
        return (self.width, self.height) if self.turned else (self.height, self.width)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a sheet of ``sheet`` (rows, columns) becomes a picture of ``shape``. ``placed``: the panels stand where they
    are drawn, on ``plane`` where the file also says where that is; ``words`` say how it was done."""

    sheet: tuple[int, int]
    shape: tuple[int, int]
    panels: tuple[Panel, ...]
    words: str
    placed: bool
    plane: Plane | None = None

    def picture(self, sheet: NDArray[Any], between: Any) -> NDArray[Any]:
        """The picture of a sheet, ``between`` the panels."""
        found = np.full(self.shape, between, sheet.dtype)
        for panel in self.panels:
            part = sheet[panel.row : panel.row + panel.height, panel.column : panel.column + panel.width]
            part = part.T if panel.turned else part
            part = part[:: -1 if panel.flip_down else 1, :: -1 if panel.flip_across else 1]
            height, width = panel.drawn
            found[panel.down : panel.down + height, panel.across : panel.across + width] = part
        return found

    def spots(self, peaks: Peaks) -> Peaks:
        """Spots of the sheet in the picture; those on no panel are left out."""
        x, y = np.full(len(peaks.x), np.nan), np.full(len(peaks.x), np.nan)
        for panel in self.panels:
            column, row = peaks.x - panel.column, peaks.y - panel.row
            on = (column >= 0) & (column < panel.width) & (row >= 0) & (row < panel.height)
            across, down = (row, column) if panel.turned else (column, row)
            height, width = panel.drawn
            x[on] = panel.across + (width - across if panel.flip_across else across)[on]
            y[on] = panel.down + (height - down if panel.flip_down else down)[on]
        kept = np.isfinite(x)
        return Peaks(x[kept], y[kept], peaks.sum[kept])


@dataclass(frozen=True, slots=True)
class Gathered:
    """The panels of a frame one below another, true where nothing is stored, and a sentence where panels are absent."""

    sheet: NDArray[Any]
    absent: NDArray[np.bool_]
    lost: str


def gathered(
    one: Callable[[int], tuple[NDArray[Any], NDArray[np.bool_] | None]], count: int, shape: tuple[int, int]
) -> Gathered:
    """The sheet of ``count`` panels, each of ``shape``. Raises Unreadable where none is there."""
    found: dict[int, tuple[NDArray[Any], NDArray[np.bool_] | None]] = {}
    problems: list[Unreadable] = []
    for number in range(count):
        try:
            found[number] = one(number)
        except Unreadable as problem:
            problems.append(problem)
    if not found:
        raise problems[0]
    height, width = shape
    sheet = np.zeros((count, height, width), next(iter(found.values()))[0].dtype)
    absent = np.ones(sheet.shape, np.bool_)
    for number, (part, hole) in found.items():
        sheet[number] = part
        absent[number] = False if hole is None else hole
    lost = f"{len(problems)} of {count} panels are absent from this frame. {problems[0]}" if problems else ""
    return Gathered(sheet.reshape(-1, width), absent.reshape(-1, width), lost)


def layout(files: Opened, dataset: Any, known: Sequence[Module], wavelength: float | None) -> Layout | None:
    """How the frames of a dataset are put together; None where each is one picture as it lies."""
    stack = dataset.shape[1] if dataset.ndim == 4 else 0
    if stack > _MOST:
        return None
    height, width = dataset.shape[-2:]
    if stack:
        if not _of_panels(files, dataset, known):
            return None
        known = [module for module in known if module.begin is not None and len(module.begin) == 3]
    elif len(known) < 2:
        return None
    sheet = max(1, stack) * height, width
    blocks = _blocks(known, sheet, height if stack else 0)
    if blocks is None or not blocks:
        return _in_order(stack, height, width, _UNKNOWN) if stack else None
    if not stack and (_together(known, blocks) or len(blocks) < 2):
        return None
    try:
        return _stood(known, blocks, sheet, wavelength)
    except (_NoDetector, ValueError, np.linalg.LinAlgError) as problem:
        why = str(problem) if isinstance(problem, _NoDetector) else "they make no detector"
        return _in_order(stack, height, width, _UNUSABLE.format(n="{n}", why=why)) if stack else None


class _NoDetector(Exception):
    """The positions of the panels make no sense together."""


_UNKNOWN = "The file does not state where its {n} panels stand:"
_UNUSABLE = "Where the file states that its {n} panels stand, {why}:"


def _of_panels(files: Opened, dataset: Any, known: Sequence[Module]) -> bool:
    """Whether the second of four axes counts panels: by what the file says, else by sizes that only panels have."""
    if any(module.begin is not None and len(module.begin) == 3 for module in known):
        return True
    here = files.walk(files.first, vectors.detector(files))
    if isinstance(here, h5py.Group) and any(name.endswith("_channel") for name in list(here)[:1000]):
        return False  # thresholds, as DECTRIS and NeXus name them
    said = _words(dataset.attrs.get("axes")) | _words(dataset.parent.attrs.get("axes"))
    if said & _NAMES or any(name in dataset.parent for name in ("module_identifier", "panel_identifier")):
        return True
    return dataset.shape[1] > 1 and dataset.shape[-2:] in _SIZES


def _words(value: Any) -> set[str]:
    values: Any = [] if value is None else np.asarray(value).ravel()[:16]
    found = [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in values]
    return {word.strip().lower() for each in found for word in each[:200].split(":")}


Block = tuple[int, int, int, int]
"""row, column, height, width in the sheet."""


def _blocks(known: Sequence[Module], sheet: tuple[int, int], tall: int) -> list[Block] | None:
    """The block of each module; None where one is not stated, or not in the sheet. ``tall``: rows of a panel, or 0."""
    found = []
    for module in known:
        begin, size = module.begin, module.size
        if begin is None or size is None or len(begin) != len(size):
            return None
        row, column = begin[-2:]
        height, width = size[-2:]
        if tall:
            if size[0] != 1 or row < 0 or row + height > tall or begin[0] < 0:
                return None
            row += begin[0] * tall
        inside = row >= 0 and column >= 0 and row + height <= sheet[0] and column + width <= sheet[1]
        if not inside or height < 1 or width < 1:
            return None
        found.append((row, column, height, width))
    return found


def _together(known: Sequence[Module], blocks: Sequence[Block]) -> bool:
    """Whether the sheet already is the picture: each module stands where it lies beside the first, to half a pixel."""
    first = known[0]
    basis = np.column_stack((first.fast, first.slow))
    for module, (row, column, height, width) in zip(known, blocks, strict=True):
        for y in (row, row + height):
            for x in (column, column + width):
                there = module.first + x * module.fast + y * module.slow
                here = first.first + x * first.fast + y * first.slow
                if np.abs(np.linalg.lstsq(basis, there - here, rcond=None)[0]).max() > 0.5:
                    return False
    return True


def _axes(known: Sequence[Module]) -> tuple[Floats, Floats]:
    """Unit vectors across and down the picture: along the panels' own axes, as seen from the sample, upright."""
    along, up = _unit(known[0].fast), _unit(known[0].slow)
    signed = [sign * axis for axis in (along, up) for sign in (1, -1)]
    # NeXus has +y up, and +x to the left of who looks along the beam.
    across = max(signed, key=lambda axis: -axis[0])
    down = max((axis for axis in signed if abs(axis @ across) < 0.5), key=lambda axis: -axis[1])
    total = [np.zeros(3), np.zeros(3)]
    for module in known:
        for own in (_unit(module.fast), _unit(module.slow)):
            which = int(abs(own @ down) > abs(own @ across))
            total[which] += own * np.sign(own @ (across, down)[which])
    across = _unit(total[0])
    return across, _unit(total[1] - (total[1] @ across) * across)


def _stood(
    known: Sequence[Module], blocks: Sequence[Block], sheet: tuple[int, int], wavelength: float | None
) -> Layout:
    """The layout by the modules' vectors. Raises _NoDetector."""
    across, down = _axes(known)
    first = known[0]
    lies = abs(_unit(first.fast) @ across) > abs(_unit(first.fast) @ down)
    sizes = float(np.linalg.norm(first.fast)), float(np.linalg.norm(first.slow))
    wide, tall = sizes if lies else sizes[::-1]
    normal = np.cross(across, down)
    reach = float(first.corner @ normal)
    if not abs(reach) > 0:
        raise _NoDetector("they have the sample between them")

    def meets(point: Floats) -> Floats:
        """(across, down) in pixels where the ray from the sample through a point meets the plane of the picture."""
        facing = float(point @ normal)
        if facing * reach <= 0:
            raise _NoDetector("they do not face the sample")
        there = point * (reach / facing) - first.corner
        return np.array([there @ across / wide, there @ down / tall])

    panels, shift = [], 0.0
    for module, (row, column, height, width) in zip(known, blocks, strict=True):
        fast, slow = _unit(module.fast), _unit(module.slow)
        turned = abs(fast @ across) < abs(fast @ down)
        own_across, own_down = (slow, fast) if turned else (fast, slow)
        flips = bool(own_down @ down < 0), bool(own_across @ across < 0)
        middle = meets(module.corner + width / 2 * module.fast + height / 2 * module.slow)
        size = np.array([height, width] if turned else [width, height])
        if not np.abs(middle).max() < 1e6:
            raise _NoDetector("they are too far apart")
        at = np.rint(middle - size / 2).astype(int)
        panel = Panel(row, column, height, width, int(at[1]), int(at[0]), bool(turned), *flips)
        panels.append(panel)
        for x, y in ((0, 0), (width, 0), (0, height), (width, height)):
            stands = meets(module.corner + x * module.fast + y * module.slow)
            a, b = (y, x) if turned else (x, y)
            drawn = at + np.array((size[0] - a if flips[1] else a, size[1] - b if flips[0] else b))
            shift = max(shift, float(np.abs(stands - drawn).max()))
    left, top = min(p.across for p in panels), min(p.down for p in panels)
    panels = [_moved(panel, -top, -left) for panel in panels]
    shape = max(p.down + p.drawn[0] for p in panels), max(p.across + p.drawn[1] for p in panels)
    _refuse_impossible(panels, shape)
    corner = first.corner + left * wide * across + top * tall * down
    return Layout(
        sheet,
        shape,
        tuple(panels),
        f"Put together from {len(panels)} panels where the file states that they stand, as seen from the sample, each "
        f"to the nearest pixel: no pixel is drawn more than {max(shift, 0.05):.1f} pixels from its place.",
        placed=True,
        plane=_plane(corner, across * wide, down * tall, wavelength),
    )


def _plane(corner: Floats, across: Floats, down: Floats, wavelength: float | None) -> Plane | None:
    try:
        return Plane(vectors.three(corner), vectors.three(across), vectors.three(down), wavelength or 1.0)
    except ValueError:
        return None


def _moved(panel: Panel, down: int, across: int) -> Panel:
    return Panel(
        panel.row, panel.column, panel.height, panel.width, panel.down + down, panel.across + across,
        panel.turned, panel.flip_down, panel.flip_across,
    )  # fmt: skip


def _refuse_impossible(panels: Sequence[Panel], shape: tuple[int, int]) -> None:
    pixels = sum(panel.height * panel.width for panel in panels)
    if shape[0] * shape[1] > min(MOST_PIXELS, _ROOMIER * pixels):
        raise _NoDetector("they are too far apart")
    taken = np.zeros(shape, np.bool_)
    for panel in panels:
        taken[panel.down : panel.down + panel.drawn[0], panel.across : panel.across + panel.drawn[1]] = True
    if pixels - int(np.count_nonzero(taken)) > _OVERLAP * pixels:
        raise _NoDetector("they lie on top of one another")


def _in_order(stack: int, height: int, width: int, words: str) -> Layout:
    """Panels in the order of the file, in rows that make the picture as square as it can be, with gaps between."""
    columns = min(range(1, stack + 1), key=lambda n: abs(n * width + (-stack // n) * height))
    rows = -(-stack // columns)
    gap = max(4, max(rows * height, columns * width) // _GAP)
    panels = [
        Panel(n * height, 0, height, width, n // columns * (height + gap), n % columns * (width + gap))
        for n in range(stack)
    ]
    shape = rows * height + (rows - 1) * gap, columns * width + (columns - 1) * gap
    said = (
        f"{words.format(n=stack)} they are drawn in its order, from left to right and down, without a resolution scale."
    )
    return Layout((stack * height, width), shape, tuple(panels), said, placed=False)


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector))
