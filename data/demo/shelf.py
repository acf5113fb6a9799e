"""The index of the simulated files: from a path to what the file shows, and the making of absent ones."""

import json
import os
import re
import sqlite3
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

from data.demo import molecule, render, scans
from data.demo.curves import curves
from data.demo.drawing import at_image, recipe_of
from data.demo.logs import log_of, report_of
from data.demo.movie_files import write_movie
from data.demo.plan import Plan, Shown
from data.demo.recipe import Recipe
from data.demo.writers import whole

STORED = "/simulated"
_LOOK_EVERY = 20
_FRESH = 180.0  # seconds: longer than anybody reads one file
_REMADE = {".h5", ".cbf", ".jpg", ".json", ".fluo", ".efs", ".mca", ".txt", ".log", ".html", ".mtz", ".pdb",
           ".mrc", ".tiff"}  # fmt: skip
_FRAMES = re.compile(r"(?P<stem>[\w.+-]{1,150}_\d{1,5})_(?:master\.h5|data_\d{6}\.h5|\d{4}\.cbf)", re.ASCII)


class Shelf:
    """The files under ``root``; ``index`` is the SQLite file that knows them. Makes absent files when asked, and
    removes those longest unread when they hold more than ``most`` bytes: they can be made again."""

    def __init__(self, root: Path, index: Path, most: int = 260_000_000) -> None:
        self.root = Path(os.path.realpath(root))
        self._index = index
        self._most = most
        self._made = 0

    def fill(self, plan: Plan) -> None:
        """Write the index."""
        connection = sqlite3.connect(self._index)
        try:
            connection.execute(
                "CREATE TABLE file (path TEXT PRIMARY KEY, what TEXT NOT NULL, damage TEXT) WITHOUT ROWID"
            )
            entries = [
                (path.removeprefix(STORED), json.dumps(what), plan.damaged.get(path))
                for path, what in (
                    *((stem, asdict(shown)) for stem, shown in plan.frames.items()),
                    *plan.pictures.items(),
                )
            ]
            connection.executemany("INSERT INTO file VALUES (?, ?, ?)", entries)
            connection.commit()
        finally:
            connection.close()

    def make(self, path: Path) -> bool:
        """Make the absent file at ``path``, a real path. False where the facility knows no such file."""
        path = Path(os.path.realpath(path))
        if not path.is_relative_to(self.root) or path == self.root:
            return False
        relative = "/" + path.relative_to(self.root).as_posix()
        frames = _FRAMES.fullmatch(path.name)
        key = f"{os.path.dirname(relative)}/{frames['stem']}" if frames else relative
        found = self._look_up(key)
        self._made += 1
        if self._made % _LOOK_EVERY == 0:
            self.prune()
        if found is None:
            # Files of a run that was added later are planned in their own folder.
            return path.parent.is_dir() and render.make_missing(path)
        what, damage = found
        path.parent.mkdir(parents=True, exist_ok=True)
        if damage is not None and path.name.endswith(("_master.h5", ".cbf")):
            return _spoil(path, damage)
        return _frames(path, frames["stem"], what) if frames else _picture(path, what)

    def prune(self) -> int:
        """Remove what is longest unread until ``most`` bytes are left, but nothing of the last minutes.

        Returns the bytes freed.
        """
        found: list[tuple[float, int, Path]] = []
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                if path.suffix in _REMADE and not name.startswith("."):
                    with suppress(OSError):
                        status = path.stat()
                        found.append((max(status.st_atime, status.st_mtime), status.st_size, path))
        total = sum(size for _, size, _ in found)
        freed = 0
        for read, size, path in sorted(found):
            if total - freed <= self._most or time.time() - read < _FRESH:
                break
            path.unlink(missing_ok=True)
            freed += size
        return freed

    def _look_up(self, key: str) -> tuple[dict[str, Any], str | None] | None:
        connection = sqlite3.connect(self._index, timeout=5)
        try:
            row = connection.execute("SELECT what, damage FROM file WHERE path = ?", (key,)).fetchone()
        finally:
            connection.close()
        return None if row is None else (json.loads(row[0]), row[1])


def shown_from(what: dict[str, Any]) -> Shown:
    """A Shown from its JSON."""
    peak = what.get("peak")
    listed = {"cell": tuple(what["cell"]), "shape": tuple(what["shape"]), "peak": tuple(peak) if peak else None}
    return Shown(**{**what, **listed})


def _frames(path: Path, stem: str, what: dict[str, Any]) -> bool:
    shown = shown_from(what)
    recipe = recipe_of(shown, stem)
    image = recipe.image_of(path.name)
    if image is None:
        return False
    if image == 0:
        render.render(replace(recipe, images_to_write=0), path.parent)
    else:
        render.ensure(at_image(recipe, shown, image), path.parent, image)
    return True


def _picture(path: Path, what: dict[str, Any]) -> bool:
    if what["kind"] in _TEXTS:
        with whole(path) as name:
            name.write_text(_TEXTS[what["kind"]](what), encoding="utf-8")
        return True
    if what["kind"] == "chooch":
        with whole(path) as name:
            scans.chooch(what, name)
        return True
    if what["kind"] == "movie":
        with whole(path) as name:
            write_movie(what, name)
        return True
    if what["kind"] == "mtz":
        with suppress(molecule.NoGemmi), whole(path) as name:
            molecule.write_mtz(what, name)
        return path.exists()
    render.ensure(Recipe(file=path.name, **what), path.parent)
    return True


def _spoil(path: Path, damage: str) -> bool:
    """A file as a full disk or a crash leaves it."""
    if damage == "folder":
        path.mkdir(exist_ok=True)
    else:
        path.write_bytes(b"" if damage == "empty" else b"\x89HDF\r\n\x1a\n" + bytes(200))
    return True


def _drift(what: dict[str, Any]) -> str:
    """A drift plot as motion correction leaves it: traces of x and y in Å."""
    walk = Random(what["seed"])  # noqa: S311 - simulated data, not a secret
    frames = what["frames"]
    step = what["total"] / frames
    x, y = [0.0], [0.0]
    for frame in range(1, frames):
        settle = 2.0 / (1 + frame / 4)
        x.append(round(x[-1] + step * settle * walk.uniform(-0.2, 1.0), 3))
        y.append(round(y[-1] + step * settle * walk.uniform(-0.6, 0.6), 3))
    trace = {"type": "scatter", "mode": "lines+markers", "name": "simulated drift", "x": x, "y": y}
    layout = {"xaxis": {"title": "x shift (Å)"}, "yaxis": {"title": "y shift (Å)"}}
    return json.dumps({"data": [trace], "layout": layout})


_TEXTS = {"drift": _drift, "curves": curves, "log": log_of, "report": report_of,
          "pdb": molecule.pdb_of, "energy_scan": scans.energy_scan, "factors": scans.factors,
          "xrf": scans.xrf, "pymca": scans.pymca}  # fmt: skip
