"""Which models came after a collection, with the maps and the peaks that belong to each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from data.core import attachments
from data.images.files import Files
from data.reader import Reader
from data.techniques.mx.density import MAPS, SEARCHED, Peak, Undrawn, kind_of_map, maps_of, read_density, read_model
from data.techniques.mx.downstream import Downstream, by_space_group

Row = dict[str, Any]

_MODELS = (".pdb", ".ent", ".mmcif", ".pdb.gz", ".ent.gz")
_MAPS = (".mtz", ".mtz.gz", ".map", ".ccp4", ".map.gz", ".ccp4.gz")
_MOST_MAPS = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be there: ``key`` of its file, what made it, and the files (key, name) that may hold its maps.

    ``blobs`` as in `downstream`.
    """

    key: str
    name: str
    label: str
    space_group: str | None
    maps: tuple[Row, ...]
    blobs: tuple[Row, ...] = ()


def candidates(found: Downstream, files: Sequence[Row]) -> list[Candidate]:
    """Every model: those of replacements by the lowest free R, those of phasing in the order of `by_space_group` with
    the last step first, then those among ``files``, the attachments of the collection's runs.
    """
    told: list[Candidate] = []
    later: dict[int | None, list[Row]] = {}
    for run in sorted(found.replacements, key=lambda run: (_or(run["r_free_end"]), -run["id"])):
        # One flavour names the files in the row, the other attaches them to the program.
        own = run["files"] or [one for one in files if one["program_id"] == run["program_id"] is not None]
        label = " · ".join(filter(None, (run["program"] or "Molecular replacement", run["pipeline"])))
        told += _of(own, label, run["space_group"], run["blobs"])
    for group, steps in by_space_group(found.steps):
        for step in reversed(steps):
            label = " · ".join(filter(None, (step["run"]["name"] or step["kind"], step["method"], step["pipeline"])))
            told += _of(step["files"], label, group or None)
    for one in files:
        later.setdefault(one["program_id"], []).append(one)
    for runs in later.values():
        told += _of(runs, runs[0]["program"] or "Pipeline", None)
    first: dict[str, Candidate] = {}
    for candidate in told:
        first.setdefault(candidate.key, candidate)
    return list(first.values())


def _or(value: float | None) -> float:
    return 9.0 if value is None else value


def _of(files: Iterable[Row], label: str, group: str | None, blobs: Iterable[Row] = ()) -> list[Candidate]:
    listed = [(one, (one["name"] or "").lower()) for one in files]
    maps = tuple(
        {"key": one["key"], "name": one["name"]}
        for one, name in listed
        if name.endswith(_MAPS) or (one["kind"] in {"Map", "Reflections"} and not name.endswith(_MODELS))
    )
    models = [one for one, name in listed if name.endswith(_MODELS) or one["kind"] in {"PDB", "Model"}]
    return [Candidate(one["key"], one["name"] or "", label, group, maps[:_MOST_MAPS], tuple(blobs)) for one in models]


@dataclass(frozen=True, slots=True)
class Scene:
    """A model to draw. ``maps``: kind, label, name and key of the file. ``peaks``: kind, `Peak`, and where it is from.

    ``words``: what could not be drawn and why, a sentence each.
    """

    candidate: Candidate
    form: str = ""
    atoms: int = 0
    maps: tuple[Row, ...] = ()
    peaks: tuple[Row, ...] = ()
    words: tuple[str, ...] = field(default=())

    @property
    def drawn(self) -> bool:
        """Whether there is a model to draw."""
        return self.atoms > 0


def scene(reader: Reader, files: Files, collection_id: int, one: Candidate) -> Scene:
    """What can be drawn of a model: reads its file, the heads of its maps, and the maps that are searched for peaks.

    Peaks are ISPyB's; of an anomalous or difference map of which it keeps none they are searched.
    """
    words: list[str] = []
    try:
        model = read_model(files, attachments.named(reader, collection_id, one.key)["path"])
    except Undrawn as problem:
        return Scene(one, words=(str(problem),))
    maps: list[Row] = []
    paths: dict[str, str | None] = {}
    for file in one.maps:
        paths[file["key"]] = attachments.named(reader, collection_id, file["key"])["path"]
        try:
            kinds = maps_of(files, paths[file["key"]], file["name"] or "")
        except Undrawn as problem:
            words.append(str(problem))
            continue
        known = {found["kind"] for found in maps}
        maps += [
            {"kind": kind, "label": MAPS[kind], "name": file["name"], "key": file["key"]}
            for kind in kinds
            if kind not in known
        ]
    if not one.maps:
        words.append("No file of a map was left beside this model.")
    peaks = _stored(model, one.blobs)
    stated = {peak["kind"] for peak in peaks}
    for drawn in maps:
        kind = drawn["kind"]
        if kind not in SEARCHED or kind in stated:
            continue
        try:
            found = read_density(files, paths[drawn["key"]], kind).peaks(model, SEARCHED[kind])
        except Undrawn as problem:
            words.append(str(problem))
            continue
        peaks += [{"kind": kind, "label": MAPS[kind], "from": drawn["name"], "peak": peak} for peak in found]
    peaks.sort(key=lambda row: -(row["peak"].height or 0.0))
    order = list(MAPS)
    maps.sort(key=lambda drawn: order.index(drawn["kind"]))
    return Scene(one, model.form, model.atoms, tuple(maps), tuple(peaks), tuple(words))


def _stored(model: Any, blobs: Sequence[Row]) -> list[Row]:
    """ISPyB's blobs and peaks beside the model; those without a place are left out."""
    told: list[Row] = []
    for label in dict.fromkeys(blob["map_kind"] for blob in blobs):
        placed = [blob for blob in blobs if blob["map_kind"] == label and None not in place_of(blob)]
        moved = model.beside([place_of(blob) for blob in placed], fractional(placed))
        for blob, at in zip(placed, moved, strict=True):
            peak = Peak(at.x, at.y, at.z, blob["height"], blob["nearest"] or at.nearest, blob["distance"])
            kind = kind_of_map(label or "") or ("fofc" if label else None)
            told.append({"kind": kind, "label": label or "Blob", "from": "ISPyB", "peak": peak})
    return told


def place_of(blob: Row) -> tuple[Any, Any, Any]:
    """x, y and z as stored."""
    return blob["x"], blob["y"], blob["z"]


def fractional(blobs: Sequence[Row]) -> bool:
    """Whether places are fractions of the cell: ISPyB defines them so, from -1 to 1; larger numbers are Å."""
    return all(abs(value) <= 1 for blob in blobs for value in place_of(blob) if value is not None)
