"""Merging statistics out of the files that pipelines leave: the content tells which program wrote a file."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

from data.techniques.mx.logs import aimless, dials, graphs, ispyb_xml, reflections, xds, xdsapp
from data.techniques.mx.logs.report import LABELS, Curve, Report, Unusable

__all__ = ["LABELS", "Curve", "Report", "Unusable", "read_file", "read_text"]

_MOST_TEXT, _MOST_MTZ = 20_000_000, 120_000_000
_NOUGHT = b"\0"


def read_file(path: Path) -> Report:
    """The statistics of one file under a permitted root. Raises Unusable, with words that go after the file's name."""
    try:
        size = path.stat().st_size
        if size == 0:
            raise Unusable("is empty")
        with path.open("rb") as file:
            head = file.read(4)
            if path.name.lower().removesuffix(".gz").endswith(".mtz") or head == b"MTZ ":
                if size > _MOST_MTZ:
                    raise Unusable(_too_large(size, _MOST_MTZ))
                return reflections.read_mtz(path)
            if size > _MOST_TEXT:
                raise Unusable(_too_large(size, _MOST_TEXT))
            data = head + file.read(_MOST_TEXT)
    except OSError as error:
        raise Unusable("could not be read from disk") from error
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(data)
    if _NOUGHT in data[:100_000]:
        raise Unusable("is not text")
    return read_text(data.decode("utf-8", "replace"))


def _too_large(size: int, most: int) -> str:
    return f"is too large: {size / 1e6:.0f} MB, and only {most / 1e6:.0f} MB are read"


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(31)
    try:
        found = unpacker.decompress(data, _MOST_TEXT + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise Unusable("is a damaged gzip file") from error
    if len(found) > _MOST_TEXT:
        raise Unusable(f"is too large once unpacked: only {_MOST_TEXT / 1e6:.0f} MB are read")
    return found


def read_text(text: str) -> Report:
    """The statistics of a text, whichever of the known programs wrote it. Raises Unusable."""
    start = text[:2000].lstrip("\ufeff \t\r\n")
    kinds: tuple[tuple[bool, Callable[[str], Report]], ...] = (
        (start[:1] in {"{", "["}, graphs.read),
        (start.startswith("<?xml") or "<AutoProcContainer" in start, ispyb_xml.read),
        ("var graphs_" in text, dials.read_html),
        (("_reflns" in text and "\n_" in text and start[:5] in {"data_", "#", "loop_"}) or start.startswith("data_"),
         reflections.read_cif),
        ("***** CORRECT *****" in start or "***** XSCALE *****" in start, xds.read),
        ("Processing summary for data set" in start, xdsapp.read),
        ("$TABLE:" in text and ("AIMLESS" in text or "Aimless" in text), aimless.read),
        ("Overall  InnerShell  OuterShell" in text, aimless.read),
        ("ummary of merging statistics" in text or "d_max  d_min    #obs" in text, dials.read),
        ("Overall merging statistics:" in text, dials.read),
        (xds._HEAD in text, xds.read),
    )  # fmt: skip
    for fits, reader in kinds:
        if fits:
            return reader(text)
    raise Unusable("is of no program whose statistics are read here")
