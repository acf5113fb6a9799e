"""The serial runs of a visit side by side: counts, rates with their intervals, cells, and what each was taken with.

A hit rate is that of the site's results where there are any, else that of the per-image numbers; of runs with more
images than are counted here it is the list's, of up to 100 images, and has no interval. Which of these, the row says.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import case, func, select

from data.images.files import Files, State
from data.lists import Asked
from data.reader import Reader
from data.schema import (
    Collection,
    Component,
    ComponentType,
    ConcentrationType,
    Crystal,
    CrystalComposition,
    Event,
    EventChain,
    EventType,
    Group,
    ImageQuality,
    Sample,
    SampleComposition,
    Visit,
)
from data.sheet import Spec
from data.techniques.spots import most_spots
from data.techniques.ssx import queries
from data.techniques.ssx.attached import STATS, Stats, Unusable, attachments, read_stats
from data.techniques.ssx.intervals import rate, spread

Row = dict[str, Any]
MOST: Final = 500
"""Runs at most; the newest are kept."""
MOST_IMAGES: Final = 2_000_000
"""Images counted for one table; of older runs up to 100 images are looked at."""
_AT_ONCE: Final = 400_000  # images counted by one statement
_BLOCKS: Final = 64

_CELL: Final = ("a", "b", "c", "alpha", "beta", "gamma")
_GREEK: Final = {"alpha": "α", "beta": "β", "gamma": "γ"}
PER: Final = ("sample", "protein", "chip_model", "experiment", "prefix")
"""What runs may be put together by."""

SPECS: tuple[Spec, ...] = (
    Spec("id", "Run", "number", source="DataCollection.dataCollectionId"),
    Spec("start", "Time", "time", source="DataCollection.startTime"),
    Spec("sample", "Sample", source="BLSample.name"),
    Spec("protein", "Protein", source="Protein.acronym"),
    Spec("experiment", "Experiment", source="SSXDataCollection.experimentName"),
    Spec("prefix", "Prefix", source="DataCollection.imagePrefix"),
    Spec("kind", "Type", source="DataCollectionGroup.experimentType"),
    Spec("runs", "Runs", "number", digits=0),
    Spec("images", "Images", "number", digits=0, source="DataCollection.numberOfImages"),
    Spec("frames", "Judged", "number", digits=0, source="Images whose spots are known"),
    Spec("hits", "Hits", "number", digits=0),
    Spec("hit_rate", "Hit rate", "number", "%", 2),
    Spec("hit_low", "Hit rate, low", "number", "%", 2, "95 % interval"),
    Spec("hit_high", "Hit rate, high", "number", "%", 2, "95 % interval"),
    Spec("indexed", "Indexed", "number", digits=0),
    Spec("indexing_rate", "Indexing rate", "number", "%", 2, "Of all images"),
    Spec("indexed_low", "Indexing rate, low", "number", "%", 2, "95 % interval"),
    Spec("indexed_high", "Indexing rate, high", "number", "%", 2, "95 % interval"),
    Spec("crystals", "Crystals", "number", digits=0, source="SSXProcessingResult.nbCrystals"),
    Spec("by", "Rates from"),
    Spec("hit_resolution", "Hits' res.", "number", "Å", 2, "Mean resolution of hits"),
    Spec("ice", "Ice", "number", "%", 1, "Share of images with ice rings"),
    *(
        Spec(f"best_cell_{name}", _GREEK.get(name, name), "number", "Å" if len(name) == 1 else "°", 2, "Best merge")
        for name in _CELL
    ),
    Spec("best_space_group", "Space group", source="AutoProc.spaceGroup"),
    Spec("best_resolution_high", "Best res.", "number", "Å", 2, "High-resolution limit of the best merge"),
    Spec("best_cc_half", "CC½", "number", "", 3, "Best merge, overall"),
    Spec("best_completeness", "Compl.", "number", "%", 1, "Best merge, overall"),
    Spec("exposure", "Exposure", "number", "s", 6, "DataCollection.exposureTime"),
    Spec("repetition_rate", "Rate", "number", "Hz", 1, "SSXDataCollection.repetitionRate"),
    Spec("energy", "Energy", "number", "keV", 3, "DataCollection.wavelength"),
    Spec("transmission", "Transmission", "number", "%", 1, "DataCollection.transmission"),
    Spec("flux", "Flux", "number", "ph/s", None, "DataCollection.flux"),
    Spec("chip_model", "Chip", source="SSXDataCollection.chipModel"),
    Spec("chip_pattern", "Chip pattern", source="SSXDataCollection.chipPattern"),
    Spec("jet_size", "Jet size", "number", "µm", 1, "SSXDataCollection.jetSize"),
    Spec("jet_speed", "Jet speed", "number", "m/s", 3, "SSXDataCollection.jetSpeed"),
    Spec("laser_energy", "Laser", "number", "mJ", 2, "SSXDataCollection.laserEnergy"),
    Spec("reaction", "Delay", "number", "s", 4, "SSXDataCollection.reactionDuration"),
    Spec("chains", "Event chains", source="EventChain, Event"),
    Spec("in_sample", "Sample is in", source="SampleComposition"),
    Spec("in_crystal", "Crystal has", source="CrystalComposition"),
    Spec("comments", "Comments", source="DataCollection.comments"),
)
"""The columns of the table and of the export."""


def runs(reader: Reader, visit_id: int, files: Files | None = None) -> list[Row]:
    """The runs of a visit, newest first, at most ``MOST``: keys of SPECS, sample_id, and ``dispersion`` of hits.

    With ``files`` the counts that ESRF attaches to runs are read too. Rates in percent.
    None where nothing is known; no zero stands for that.
    """
    found: list[Row] = []
    last: tuple[int, int] | None = None
    while len(found) < MOST:
        page = queries.collections(reader, visit_id, Asked(), 0, 100, before=last)
        found += page.rows
        if page.done or not page.rows:
            break
        last = page.rows[-1]["group_id"], page.rows[-1]["id"]
    rows = {row["id"]: row for row in found[:MOST]}
    stated = _stated(reader, visit_id)
    attached = {} if files is None else _attached(reader, visit_id, files, [key for key in rows if key not in stated])
    counted = _counted(reader, visit_id, list(rows.values()))
    words, samples, crystals = _chains(reader, visit_id), *_compositions(reader, visit_id)
    for key, row in rows.items():
        _rate(row, stated.get(key), counted.get(key), attached.get(key))
        row["runs"] = 1
        row["chains"] = words.get(key)
        row["in_sample"] = samples.get(row["sample_id"])
        row["in_crystal"] = crystals.get(row["sample_id"])
        for name in _CELL:
            row.setdefault(f"best_cell_{name}", None)
    return sorted(rows.values(), key=lambda row: -row["id"])


def _stated(reader: Reader, visit_id: int) -> dict[int, tuple[float | None, float | None]]:
    """Hit and indexing rate (percent) that results state."""
    rates = queries.rates(visit_id)
    query = select(rates.c.collection_id, rates.c.hit_rate, rates.c.indexing_rate)
    return {row[0]: (row[1], row[2]) for row in reader.rows(query)}


def _attached(reader: Reader, visit_id: int, files: Files, ids: Sequence[int]) -> dict[int, Stats]:
    """The counts in the files attached to these runs; one that cannot be read says nothing."""
    found: dict[int, Stats] = {}
    for key, paths in attachments(reader, visit_id, ids).items() if ids else ():
        located = files.find(paths.get(STATS))
        if located.state is State.PRESENT and located.path is not None:
            try:
                found[key] = read_stats(located.path)
            except Unusable:
                continue
    return found


def _rate(
    row: Row, stated: tuple[float | None, float | None] | None, counted: Row | None, attached: Stats | None = None
) -> None:
    """The rates of one run with intervals. ISPyB states a share of all images; the counts follow from it.

    Not while the run goes on: ``images`` are those wanted then, and what is attached does not say of how many it is.
    """
    for key in ("frames", "hits", "hit_low", "hit_high", "indexed", "indexed_low", "indexed_high", "by",
                "hit_resolution", "ice"):  # fmt: skip
        row[key] = None
    dispersion, z = (counted["dispersion"], counted["z"]) if counted else (1.0, 1.96)
    row["dispersion"] = dispersion
    images = 0 if row["status"] == "running" else row["images"] or 0
    if counted:
        row["hit_resolution"], row["ice"] = counted["resolution"], counted["ice"]
    if stated is not None and stated[0] is not None and images:
        row["by"] = "results"
        share(row, "hit", "hits", round(stated[0] / 100 * images), images, dispersion, z)
        row["frames"] = images
    elif attached is not None and attached.hits is not None and 0 < images >= attached.hits:
        row["by"] = STATS
        share(row, "hit", "hits", attached.hits, images, dispersion, z)
        row["frames"] = images
    elif counted and counted["judged"]:
        row["by"] = "per-image numbers"
        share(row, "hit", "hits", counted["hits"], counted["judged"], dispersion, z)
        row["frames"] = counted["judged"]
    elif stated is not None and stated[0] is not None:
        row["by"], row["hit_rate"] = "results", stated[0]
    elif row["hit_rate"] is not None:
        row["by"] = "up to 100 images"
    if stated is not None and stated[1] is not None and images:
        share(row, "indexed", "indexed", round(stated[1] / 100 * images), images, dispersion, z)
        row["indexing_rate"] = stated[1]
    elif attached is not None and attached.indexed is not None and 0 < images >= attached.indexed:
        share(row, "indexed", "indexed", attached.indexed, images, dispersion, z)
    if attached is not None and row["hit_resolution"] is None:
        row["hit_resolution"] = attached.resolution


def share(row: Row, stem: str, count: str, hits: int, of: int, dispersion: float, z: float) -> None:
    """Set a rate (percent), its interval and its count in ``row``."""
    found = rate(hits, of, dispersion=dispersion, z=z)
    row[count] = hits
    row["hit_rate" if stem == "hit" else "indexing_rate"] = None if found is None else 100 * found.value
    row[f"{stem}_low"] = None if found is None else 100 * found.low
    row[f"{stem}_high"] = None if found is None else 100 * found.high


# -- per-image numbers


def _counted(reader: Reader, visit_id: int, rows: Sequence[Row]) -> dict[int, Row]:
    """Counts of the newest runs, as many as ``MOST_IMAGES`` allow: judged, hits, resolution (Å), ice (%), φ, z."""
    left, parts, size = MOST_IMAGES, [[]], 0  # type: ignore[var-annotated]
    for row in rows:
        images = row["images"] or 0
        if not images or images > left:
            continue
        left -= images
        if size and size + images > _AT_ONCE:
            parts.append([])
            size = 0
        parts[-1].append(row["id"])
        size += images
    found: dict[int, Row] = {}
    for ids in parts:
        if ids:
            found |= _blocks(reader, visit_id, ids)
    return found


def _blocks(reader: Reader, visit_id: int, ids: Sequence[int]) -> dict[int, Row]:
    """The counts of these runs, from blocks of their images in order, by which φ is known too. One statement."""
    spots, image = ImageQuality.spots, ImageQuality.image
    hit = spots > most_spots(reader.hits)
    known = case((hit, ImageQuality.resolution))
    first = func.coalesce(Collection.first_image, 1)
    block = func.floor((image - first) * float(_BLOCKS) / func.nullif(Collection.images, 0))
    query = (
        select(
            Collection.collection_id,
            block.label("block"),
            func.count(spots).label("judged"),
            func.sum(case((hit, 1), else_=0)).label("hits"),
            func.count(ImageQuality.ice_rings).label("looked"),
            func.sum(case((ImageQuality.ice_rings > 0, 1), else_=0)).label("iced"),
            func.sum(case((known > 0, known))).label("resolution"),
            func.sum(case((known > 0, 1), else_=0)).label("resolved"),
        )
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(ImageQuality, ImageQuality.collection_id == Collection.collection_id)
        .where(Visit.visit_id == visit_id, Collection.collection_id.in_(ids))
        .group_by(Collection.collection_id, block)
        .order_by(Collection.collection_id, block)
    )
    blocks: dict[int, list[tuple[float, ...]]] = {}
    for row in reader.rows(query):
        blocks.setdefault(row[0], []).append(tuple(float(value or 0) for value in row[2:]))
    found = {}
    for key, values in blocks.items():
        judged, hits, looked, iced, resolution, resolved = np.array(values).T
        dispersion, z = spread(hits, judged)
        found[key] = {
            "judged": int(judged.sum()),
            "hits": int(hits.sum()),
            "ice": 100 * float(iced.sum() / looked.sum()) if looked.sum() else None,
            "resolution": float(resolution.sum() / resolved.sum()) if resolved.sum() else None,
            "dispersion": dispersion,
            "z": z,
        }
    return found


# -- what a run was taken with


def _chains(reader: Reader, visit_id: int) -> dict[int, str]:
    """The event chains of each run in words. One statement."""
    query = (
        select(
            EventChain.collection_id, EventChain.chain_id, EventChain.name, EventType.name.label("kind"),
            Event.offset, Event.duration, Event.repetition,
        )
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Collection, Collection.group_id == Group.group_id)
        .join(EventChain, EventChain.collection_id == Collection.collection_id)
        .outerjoin(Event, Event.chain_id == EventChain.chain_id)
        .outerjoin(EventType, EventType.id == Event.type_id)
        .where(Visit.visit_id == visit_id)
        .order_by(EventChain.chain_id, Event.offset)
        .limit(20_000)
    )  # fmt: skip
    found: dict[int, dict[int, tuple[str, list[str]]]] = {}
    for row in reader.rows(query):
        chains = found.setdefault(row.collection_id, {})
        _, events = chains.setdefault(row.chain_id, (row.name or "chain", []))
        if row.kind is not None:
            events.append(_event(row.kind, row.offset, row.duration, row.repetition))
    return {
        key: "; ".join(
            f"{name}: {', '.join(events)}" if events else name for name, events in list(chains.values())[:10]
        )
        + (f"; {len(chains) - 10} more" if len(chains) > 10 else "")
        for key, chains in found.items()
    }


_EVENTS = {
    "XrayDetection": "X-rays",
    "XrayExposure": "exposure",
    "LaserExcitation": "laser",
    "ReactionTrigger": "trigger",
}


def _event(kind: str, offset: float | None, duration: float | None, repetition: float | None) -> str:
    words = [_EVENTS.get(kind, kind)]
    if offset is not None:
        words.append(f"at {seconds(offset)}")
    if duration:
        words.append(f"for {seconds(duration)}")
    if repetition and repetition != 1:
        words.append(f"× {repetition:g}")
    return " ".join(words)


def seconds(value: float) -> str:
    """A short time in the unit that suits it: ``-5 ms``."""
    size = abs(value)
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if size >= scale:
            return f"{value / scale:.4g} {unit}".replace("-", "\N{MINUS SIGN}")
    return "0 s" if not value else f"{value:.3g} s"


def _compositions(reader: Reader, visit_id: int) -> tuple[dict[int, str], dict[int, str]]:
    """What each sample, and the crystal of each sample, is made of, by the sample. Two statements."""
    in_sample = _components(reader, visit_id, SampleComposition, lambda q: q.join(
        SampleComposition, SampleComposition.sample_id == Sample.sample_id))  # fmt: skip
    in_crystal = _components(reader, visit_id, CrystalComposition, lambda q: q.join(
        Crystal, Crystal.crystal_id == Sample.crystal_id).join(
        CrystalComposition, CrystalComposition.crystal_id == Crystal.crystal_id))  # fmt: skip
    return in_sample, in_crystal


def _components(reader: Reader, visit_id: int, what: Any, join: Callable[[Any], Any]) -> dict[int, str]:
    query = join(
        select(
            Sample.sample_id, what.id, Component.name, ComponentType.name.label("kind"),
            ConcentrationType.symbol, what.abundance, what.ratio, what.ph,
        )
        .distinct()
        .select_from(Visit)
        .join(Group, Group.visit_id == Visit.visit_id)
        .join(Sample, Sample.sample_id == Group.sample_id)
    )  # fmt: skip
    query = (
        query.join(Component, Component.component_id == what.component_id)
        .outerjoin(ComponentType, ComponentType.id == Component.type_id)
        .outerjoin(ConcentrationType, ConcentrationType.id == what.concentration_id)
        # Of the visit's proposal alone, not of all that one may see: the answer is shared by all who watch the visit.
        .where(Visit.visit_id == visit_id, Component.proposal_id == Visit.proposal_id)
        .order_by(Sample.sample_id, what.id)
        .limit(5_000)
    )
    found: dict[int, list[str]] = {}
    for row in reader.rows(query):
        found.setdefault(row.sample_id, []).append(_substance(row))
    return {key: ", ".join(words) for key, words in found.items()}


def _substance(row: Any) -> str:
    words = [row.name or "unnamed"]
    if row.abundance is not None:
        words.append(f"{row.abundance:g} {row.symbol}" if row.symbol else f"{row.abundance:g}")
    if row.ratio is not None:
        words.append(f"ratio {row.ratio:g}")
    if row.ph is not None:
        words.append(f"pH {row.ph:.3g}")
    return f"{' '.join(words)} ({row.kind.lower()})" if row.kind else " ".join(words)


# -- together


def together(rows: Iterable[Row], per: str) -> list[Row]:
    """Sums over the runs of each value of ``per``, one of PER; runs without one stay by themselves.

    The dispersion of a sum is the mean of its runs', each by its frames: it tells how hits clump within runs, not how
    runs differ. A parameter stands in the row where all runs of it agree.
    """
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(("own", row["id"]) if row[per] is None else row[per], []).append(row)
    return [_sum(members) if len(members) > 1 else members[0] for members in groups.values()]


_SUMMED: Final = ("images", "frames", "hits", "indexed", "crystals", "runs")
_RATES: Final = ("hit_rate", "hit_low", "hit_high", "indexing_rate", "indexed_low", "indexed_high", "ice",
                 "hit_resolution")  # fmt: skip


def _sum(members: list[Row]) -> Row:
    total: Row = {}
    for key in members[0]:
        values = {row.get(key) if not isinstance(row.get(key), list | dict) else None for row in members}
        total[key] = values.pop() if len(values) == 1 else None
    for key in _SUMMED:
        known = [row[key] for row in members if row[key] is not None]
        total[key] = sum(known) if known else None
    total.update(dict.fromkeys(_RATES))
    total["id"] = max(row["id"] for row in members)
    total["start"] = min((row["start"] for row in members if row["start"] is not None), default=None)
    for stem, count, of in (("hit", "hits", "frames"), ("indexed", "indexed", "images")):
        told = [row for row in members if row[count] is not None and row[of]]
        frames = sum(row[of] for row in told)
        if frames:
            dispersion = sum(row["dispersion"] * row[of] for row in told) / frames
            share(total, stem, count, sum(row[count] for row in told), frames, dispersion, 1.96)
            total["dispersion"] = dispersion
    total["members"] = [row["id"] for row in members]
    return total
