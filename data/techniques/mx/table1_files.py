"""Table 1 where ISPyB lacks values that files of the same runs hold."""

from collections.abc import Sequence
from typing import Any

from data.images.files import Files
from data.reader import Reader
from data.techniques.mx.curves import statistics
from data.techniques.mx.table1 import chosen, completed

Row = dict[str, Any]
_NEEDED = ("r_merge", "r_meas", "r_pim", "cc_half", "completeness", "multiplicity", "i_over_sigma", "unique")


def chosen_with_files(reader: Reader, files: Files, scalings: Sequence[int]) -> list[Row]:
    """``chosen``, and what is absent from files. Files are read only for results that lack something."""
    rows = chosen(reader, scalings)
    found = []
    for row in rows:
        lacking = any((row[shell] or {}).get(key) is None for shell in ("overall", "outer") for key in _NEEDED)
        told = statistics(reader, files, row["collection_id"]).get(row["program_id"]) if lacking else None
        found.append(completed(row, told))
    return found
