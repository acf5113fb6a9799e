"""The simulated facility on disk: written once, whole or not at all, and opened at every later start.

In its folder: ``ispyb.sqlite`` (what ISPyB would hold), ``files/`` (what beamlines would write; most files are made
when first asked for), ``files.sqlite`` (what each file shows), ``facility.json`` (version, seed, day of writing).
"""

import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from data.demo.people import DEMO_PEOPLE, RIGHTS, DemoPerson
from data.demo.plan import Plan
from data.demo.rows import settle_down, sqlite_file
from data.demo.shelf import STORED, Shelf
from data.demo.story import SEED, tell
from data.images.files import frame_file
from data.schema import Collection, Visit
from data.scope import Rights

log = logging.getLogger(__name__)

VERSION = 4
_DATABASE, _FILES, _INDEX, _CARD = "ispyb.sqlite", "files", "files.sqlite", "facility.json"
# Collections of each visit that runs now, newest first, whose snapshots are drawn at once: the others when asked for,
# as to draw all would be more than half of the time that the first start takes.
_SHOTS = 3
_MOST_BYTES = 300_000_000
Progress = Callable[[float, str], None]


class NotOurs(Exception):
    """The folder holds something else; its text may be shown to a person."""


@dataclass(frozen=True, slots=True)
class Facility:
    """An opened facility.

    ``url`` of its ISPyB; ``roots``, ``mapping`` and ``on_missing`` as ``data.images.files.Files`` takes them (stored
    paths begin with /simulated, so ``mapping`` is needed); ``people`` to sign in as; ``rights`` for ``scope_of``;
    ``anchor`` the day that it was written for.
    """

    url: str
    roots: tuple[Path, ...]
    on_missing: Callable[[Path], bool]
    people: tuple[DemoPerson, ...]
    mapping: tuple[tuple[str, str], ...]
    rights: Rights
    directory: Path
    anchor: date


def open_(directory: Path) -> Facility | None:
    """The facility in ``directory``, or None where there is none that this version can use: see `why_not`."""
    return None if why_not(directory) else _opened(Path(os.path.realpath(directory)))


def _opened(directory: Path) -> Facility:
    files = directory / _FILES
    return Facility(
        url=f"sqlite:///{directory / _DATABASE}",
        roots=(files,),
        on_missing=Shelf(files, directory / _INDEX).make,
        people=DEMO_PEOPLE,
        mapping=((STORED, str(files)),),
        rights=RIGHTS,
        directory=directory,
        anchor=date.fromisoformat(_card(directory)["anchor"]),
    )


def why_not(directory: Path) -> str:
    """Why `open_` finds no facility here, in words; empty when it does."""
    card = _card(directory)
    if not card:
        return f"There is no simulated facility in {directory}."
    if (card.get("version"), card.get("seed")) != (str(VERSION), str(SEED)):
        return f"The simulated facility in {directory} was written by another version; --reset writes it anew."
    if not all((directory / name).exists() for name in (_DATABASE, _FILES, _INDEX)):
        return f"The simulated facility in {directory} is incomplete; --reset writes it anew."
    return ""


def write(directory: Path, progress: Progress, *, anchor: date | None = None, seed: int = SEED) -> Facility:
    """Write the facility into ``directory``, in place of one that is there.

    ``progress`` is told a share (0 to 1) and what is being done. Nothing is left half-written: everything goes
    to a folder beside, which takes its place at the end. Raises NotOurs when the folder holds something else, and
    OSError when there is no room.
    """
    directory = Path(os.path.realpath(directory))
    if directory.exists() and (not directory.is_dir() or (any(directory.iterdir()) and not _card(directory))):
        raise NotOurs(f"{directory} holds something else than a simulated facility. Choose another --dir.")
    directory.parent.mkdir(parents=True, exist_ok=True)
    _sweep(directory)
    beside = directory.parent / f".{directory.name}.writing-{os.getpid()}"
    old = directory.parent / f".{directory.name}.old-{os.getpid()}"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir()
        _fill(beside, anchor or date.today(), seed, progress)
        if directory.exists():
            os.replace(directory, old)
        os.replace(beside, directory)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    progress(1.0, "Ready")
    return _opened(directory)


def _fill(directory: Path, anchor: date, seed: int, progress: Progress) -> None:
    progress(0.0, "Inventing proposals, visits and samples")
    plan = tell(anchor, seed)
    database = directory / _DATABASE
    engine = sqlite_file(database)
    try:
        plan.rows.insert(engine, lambda share: progress(0.08 + 0.4 * share, "Writing the database"))
    finally:
        engine.dispose()
    settle_down(database)
    progress(0.5, "Writing the index of files")
    shelf = Shelf(directory / _FILES, directory / _INDEX)
    shelf.root.mkdir()
    shelf.fill(plan)
    wanted = first_files(plan)
    used = 0
    for number, path in enumerate(wanted):
        progress(0.52 + 0.47 * number / len(wanted), "Drawing frames and pictures")
        target = shelf.root / path.removeprefix(STORED + "/")
        if used < _MOST_BYTES and not target.exists() and shelf.make(target):
            used += target.stat().st_size
    card = {"version": str(VERSION), "seed": str(seed), "anchor": anchor.isoformat()}
    (directory / _CARD).write_text(json.dumps(card), encoding="utf-8")


def first_files(plan: Plan) -> list[str]:
    """Stored paths of the files that are there from the start, those of the visits that run now:
    a few frames of one rotation set or serial run of each beamline, and the newest pictures."""
    current = {
        visit["visit_id"]: visit["beamline"]
        for visit in plan.rows.of(Visit)
        if visit["end"].date() > plan.anchor >= visit["start"].date()
    }
    wanted: list[str] = []
    done: dict[str, int] = {}
    shots: dict[str, int] = {}
    group_visit = plan.group_visits()
    for row in reversed(plan.rows.of(Collection)):
        beamline = current.get(group_visit[row["group_id"]])
        if beamline is None or not row["template"]:
            continue
        shots[beamline] = shots.get(beamline, 0) + 1
        if shots[beamline] <= _SHOTS:
            wanted += [row[name] for name in ("snapshot_1", "snapshot_2") if row.get(name) in plan.pictures]
        stem = f"{row['directory']}{row['prefix']}_{row['number']}"
        serial = beamline == "SX1"
        known = stem in plan.frames and stem not in plan.damaged
        if not known or done.get(beamline, 0):
            continue
        if serial or (row["images"] > 100 and row["axis_range"]):
            done[beamline] = done.get(beamline, 0) + 1
            wanted += _frames(row, stem)
    motions = [path for path in plan.pictures if path.endswith(("_mc.jpg", "_ctf.jpg"))]
    return wanted + motions[-2 * _SHOTS :]


def _frames(row: dict[str, object], stem: str) -> list[str]:
    template = str(row["template"])
    if template.endswith(".cbf"):
        return [frame_file(str(row["directory"]), template, image) for image in range(1, 3)]
    return [f"{stem}_master.h5", f"{stem}_data_000001.h5"]


def _card(directory: Path) -> dict[str, str]:
    try:
        card = json.loads((directory / _CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def _sweep(directory: Path) -> None:
    """Remove what a start that was killed left beside."""
    for left in directory.parent.glob(f".{directory.name}.*-*"):
        number = left.name.rsplit("-", 1)[1]
        if not number.isdigit() or not left.is_dir():
            continue
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            log.info("removing %s of an interrupted start", left)
            shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue
