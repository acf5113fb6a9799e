"""Texts of strangers are read in a moment and never raise more than words.

A pattern that tries each way to match a run of blanks or digits holds the whole process for minutes.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from data.images.formats import flat, header
from data.techniques.mx.logs import Unusable, dials, read_text, xdsapp

LONG = 20_000
DIGITS, BLANKS, LINES = "1" * LONG, " " * LONG, "\n" * LONG
TEXTS: dict[str, Callable[[], object]] = {
    "the type of an EDF": lambda: flat._text_bytes(f"SIZE1=1;SIZE2=1;TYPE={BLANKS}!".encode(), "x"),
    "a pixel size of digits": lambda: header.dectris(f"Pixel_size {DIGITS}"),
    "a beam of digits": lambda: header.dectris(f"Beam_xy ({DIGITS}"),
    "a DIALS log of blank lines": lambda: dials._bins(LINES),
    "a report of one line": lambda: dials.read_html("var graphs_a = {" * LONG),
    "a summary of digits": lambda: xdsapp.read(f"Resolution limit [A] {DIGITS}"),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_long_run_of_one_character_takes_no_time(what: str) -> None:
    began = time.perf_counter()
    with suppress(Unusable):
        TEXTS[what]()
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        "Processing summary for data set\nResolution limit [A] 1.2.3-..\n",
        "Overall merging statistics:\n| Resolution (Å) | 1.2.3 - . | 1-2 | 3-4 |\n",
        "<AutoProcContainer>" * 2000,
        "[" * 100_000,
        "{" + '"a":{' * 100_000,
    ],
)
def test_a_text_that_only_looks_like_statistics_is_told_of_in_words(text: str) -> None:
    with pytest.raises(Unusable, match=re.compile("^(is|has|looks|could)")):
        read_text(text)
