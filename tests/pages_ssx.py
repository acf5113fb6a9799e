"""Questions of the pages of serial runs, of their sources and of the watch: asked by test_queries for everybody."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ispyb import at

from data.core import visits
from data.errors import NotFound
from data.exports import Wanted, ask
from data.images.files import Files
from data.lists import Asked
from data.live.runs import Runs
from data.reader import Reader
from data.techniques.ssx import queries
from data.techniques.ssx import runs as side_by_side
from data.techniques.ssx.about import about
from data.techniques.ssx.attached import Attached, attachments, experiment_lists
from data.techniques.ssx.compare import against
from data.techniques.ssx.merging import Target
from data.techniques.ssx.sources import ImageRows, Stills
from views.techniques import ssx_numbers as numbers

RUNS = (3001, 3002, 3003)


def _rows(reader: Reader) -> list[tuple[int, int]]:
    """What the monitor reads of one run."""
    batch = ImageRows(reader, 31, 3002).read()
    return list(zip(batch.frame.tolist(), batch.hit.tolist(), strict=True))


def _counted(reader: Reader) -> list[dict[str, Any]]:
    """What the page of a comparison shows of the runs: their heads, and differences from the first."""
    runs = Runs(reader._source, Files(()))
    runs.close()  # counted here
    watched = []
    for number in (*RUNS, 1001, 99_999):
        try:
            watched.append(runs.watch(reader, number, lambda: None))
        except NotFound:
            continue
    for one in watched:
        while one.turn():
            pass
    made = [
        {
            "id": one.about.collection_id,
            "whole": numbers.head(one, 0.0, Target())["whole"],
            "from first": against(one.run, watched[0].run).hit,
        }
        for one in watched
    ]
    for one in made:
        runs.leave(one["id"], lambda: None)
    return made


def _going_at(reader: Reader, beamline: str, now: datetime) -> list[dict[str, Any]]:
    """What the watch asks for a wish about a beamline."""
    found = [row["id"] for row in visits.current(reader, now) if row["beamline"] == beamline]
    return queries.going(reader, found, now, 10)


def _export(reader: Reader, **view: str) -> list[Any]:
    return [row for part in ask(reader, "runs", Wanted("ssx3", 1, view=view)).parts for row in part]


PAGES: dict[str, Callable[[Reader], Any]] = {
    "ssx.about": lambda r: about(r, 3001),
    "ssx.collections": lambda r: queries.collections(r, 31, Asked(), 0, 10),
    "ssx.count": lambda r: queries.count(r, 31),
    "ssx.newer": lambda r: queries.newer(r, 31, 0),
    "ssx.changed": lambda r: queries.changed(r, 31, [3001, 3002]),
    "ssx.fits": lambda r: queries.fits(r, 31, Asked(search="s"), [3001, 3002]),
    "runs.runs": lambda r: side_by_side.runs(r, 31),
    "runs.runs with files": lambda r: side_by_side.runs(r, 31, Files(())),
    "runs.together": lambda r: side_by_side.together(side_by_side.runs(r, 31), "sample"),
    "runs.chains": lambda r: side_by_side._chains(r, 31),
    "runs.compositions": lambda r: [*side_by_side._compositions(r, 31)[0], *side_by_side._compositions(r, 31)[1]],
    "runs.export": _export,
    "runs.export of some": lambda r: _export(r, runs="3002,9,x"),
    "runs.export of sums": lambda r: _export(r, per="chip_model"),
    "compare": _counted,
    "sources.rows": _rows,
    "sources.stills": lambda r: Stills(r, Files(()), 31, 3001, 1).read().frame.tolist(),
    "sources.attachments": lambda r: attachments(r, 31),
    "sources.attachments of one": lambda r: attachments(r, 31, [3002]),
    "sources.attached": lambda r: Attached(r, Files(()), 31, 3002).look() and [],
    "sources.experiment_lists": lambda r: experiment_lists(r, 31, 3001),
    "watch.going": lambda r: queries.going(r, [31, 11], at(7, 13)),
    "watch.going at a beamline": lambda r: _going_at(r, "I24", at(7, 9) + timedelta(hours=4)),
}
