"""Merging statistics out of the files that pipelines leave: the content tells which program wrote a file."""

from collections.abc import Callable
from pathlib import Path

from data.techniques.mx.logs import aimless, crystfel, dials, graphs, ispyb_xml, reflections, xds, xdsapp
from data.techniques.mx.logs.plain import plain_text, too_large
from data.techniques.mx.logs.report import LABELS, Curve, Report, Unusable

__all__ = ["LABELS", "Curve", "Report", "Unusable", "read_file", "read_text"]

_MOST_MTZ = 120_000_000


def read_file(path: Path) -> Report:
    """The statistics of one file under a permitted root. Raises Unusable, with words that go after the file's name."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise Unusable("could not be read from disk") from error
    if size and (path.name.lower().removesuffix(".gz").endswith(".mtz") or head == b"MTZ "):
        if size > _MOST_MTZ:
            raise Unusable(too_large(size, _MOST_MTZ))
        try:
            return reflections.read_mtz(path)
        except OSError as error:
            raise Unusable("could not be read from disk") from error
    return read_text(plain_text(path))


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
        (crystfel.fits(start), crystfel.read),
        ("$TABLE:" in text and ("AIMLESS" in text or "Aimless" in text), aimless.read),
        ("Overall  InnerShell  OuterShell" in text, aimless.read),
        ("ummary of merging statistics" in text or "d_max  d_min    #obs" in text, dials.read),
        ("Overall merging statistics:" in text, dials.read),
        (xds._HEAD in text, xds.read),
    )  # fmt: skip
    for fits, reader in kinds:
        if fits:
            try:
                return reader(text)
            except (ValueError, ArithmeticError, LookupError, RecursionError) as error:  # a stranger's text
                raise Unusable("looks like statistics, but could not be understood") from error
    raise Unusable("is of no program whose statistics are read here")
