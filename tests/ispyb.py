"""A tiny ISPyB whose every row is written out here, in any of the schemas that we read.

Proposals mx1 (principal investigator Bob), em2 (Carol; Bob is a member), ssx3 and mx10 (Carol). Alice was at the visit
mx1-1 only; the staff hold the group of beamline I04, where mx1-2 and mx10-1 are; admin may see all proposals; nobody
may see nothing.
"""

import os
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import ispyb_compositions
import ispyb_phasing
import pages_files  # noqa: F401 - questions that belong to these rows
import pytest
from ispyb_scans import grids, scans, screenings
from servers import mariadb as mariadb_server
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from data import schema as s
from data.reader import Reader
from data.schema.settle import Settlement, settle
from data.scope import Rights, Scope, scope_of, scope_of_proposal
from data.source import Source, driver

RIGHTS = Rights(beamlines={"i04_staff": ("I04",)})
PEOPLE = ("alice", "bob", "staff", "admin", "nobody")
#: The people, and who signs in with the account of the proposal mx10, which is no person.
EVERYBODY = (*PEOPLE, "mx10")
DATABASES = ("sqlite", "diamond", "esrf")

# What only one of the schemas has room for, in the tests' words.
RATES = {"sqlite", "esrf"}
JOBS = {"sqlite", "diamond"}


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of March 2026."""
    return datetime(2026, 3, day, hour, minute)


@dataclass(frozen=True)
class Writer:
    """Writes rows as this site spells them; what the site has no place for is left out."""

    engine: Engine
    settlement: Settlement
    open: Connection | None = None
    """Where rows go while many are written; each goes by itself without."""

    def add(self, mapped: type[s.Table], **values: Any) -> None:
        """One row, by our attribute names."""
        name = mapped.__tablename__
        fit = self.settlement.fits[name]
        if fit.real is None:
            return
        ours = {p.key: p.columns[0].name for p in mapped.__mapper__.column_attrs}
        stored = {ours[key]: value for key, value in values.items() if ours[key] not in fit.absent}
        if name == "AutoProcProgram" and stored.get("processingStatus") is not None and self.words:
            stored["processingStatus"] = {"1": "SUCCESS", "0": "FAILED"}[stored["processingStatus"]]
        spelled = {fit.spelled.get(column, column): value for column, value in stored.items()}
        columns = ", ".join(f"`{column}`" for column in spelled)
        holders = ", ".join(f":v{n}" for n in range(len(spelled)))
        with self.engine.begin() if self.open is None else nullcontext(self.open) as connection:
            if self.open is None:
                self.prepare(connection)
            connection.execute(
                text(f"INSERT INTO `{fit.real}` ({columns}) VALUES ({holders})"),
                {f"v{n}": value for n, value in enumerate(spelled.values())},
            )

    def prepare(self, connection: Connection) -> None:
        """Let the server take rows in any order, and a zero for a key or a date."""
        if self.engine.dialect.name != "sqlite":
            connection.execute(text("SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO', FOREIGN_KEY_CHECKS=0"))

    @property
    def words(self) -> bool:
        """True where programs end with a word instead of a digit."""
        return "processingStatus" not in self.settlement.fits["AutoProcProgram"].to_text and (
            self.engine.dialect.name != "sqlite"
        )


def writer(url: Any) -> Writer:
    """A writer for the database at ``url``; a SQLite file gets the tables of our mapping first."""
    engine = create_engine(
        driver(str(url) if isinstance(url, str) else url.render_as_string(False)), poolclass=NullPool
    )
    if engine.dialect.name == "sqlite":
        s.Table.metadata.create_all(engine)
    # A second engine: settling teaches the compiler of its engine.
    other = create_engine(engine.url, poolclass=NullPool)
    return Writer(engine, settle(other))


def fill(write: Writer) -> None:
    """All rows of the tiny ISPyB."""
    with write.engine.begin() as connection:
        write.prepare(connection)
        w = replace(write, open=connection)
        for part in (_people, _proposals, _shipments, _mx, _em, _ssx, _events):
            part(w)


def _people(w: Writer) -> None:
    for number, (login, given, family) in enumerate(
        [
            ("alice", "Alice", "Adams"),
            ("bob", "Bob", "Brown"),
            ("staff", "Sam", "Staff"),
            ("admin", "Ada", "Admin"),
            ("nobody", "Nora", "Nobody"),
            ("carol", "Carol", "Clarke"),
        ],
        1,
    ):
        w.add(s.Person, person_id=number, login=login, given_name=given, family_name=family)
    w.add(s.UserGroup, id=1, name="i04_staff")
    w.add(s.UserGroup, id=2, name="super")
    w.add(s.Permission, id=1, name="all_proposals")
    w.add(s.GroupHasPermission, group_id=2, permission_id=1)
    w.add(s.GroupHasPerson, group_id=1, person_id=3)
    w.add(s.GroupHasPerson, group_id=2, person_id=4)


def _proposals(w: Writer) -> None:
    for key, code, number, pi, title in (
        (1, "mx", "1", 2, "Lysozyme, naïvely"),
        (2, "em", "2", 6, "Ribosomes"),
        (3, "ssx", "3", 6, "Chips"),
        (4, "mx", "10", 6, "Insulin"),
    ):
        w.add(s.Proposal, proposal_id=key, person_id=pi, code=code, number=number, title=title, state="Open")
    w.add(s.ProposalHasPerson, id=1, proposal_id=2, person_id=2, role="Co-Investigator")
    for key, proposal, number, beamline, day in (
        (11, 1, 1, "I03", 1),
        (12, 1, 2, "I04", 10),
        (21, 2, 1, "M02", 5),
        (31, 3, 1, "I24", 7),
        (41, 4, 1, "I04", 12),
    ):
        w.add(
            s.Visit,
            visit_id=key,
            proposal_id=proposal,
            number=number,
            beamline=beamline,
            start=at(day, 9),
            end=at(day + 1, 9),
            comments=f"100% of {beamline}_",
            local_contact="Sam Staff",
        )
    w.add(s.VisitHasPerson, visit_id=11, person_id=1, role="Team Member", remote=1)
    w.add(s.VisitHasPerson, visit_id=11, person_id=2, role="Principal Investigator", remote=0)
    w.add(s.VisitHasPerson, visit_id=21, person_id=6, role="Principal Investigator", remote=0)
    w.add(s.VisitType, id=1, visit_id=11, name="Remote")


def _shipments(w: Writer) -> None:
    for key, proposal, name, acronym in (
        (1, 1, "Lysozyme", "LYS"),
        (2, 4, "Insulin", "INS"),
        (3, 2, "Ribosome", "RIB"),
    ):
        w.add(s.Protein, protein_id=key, proposal_id=proposal, name=name, acronym=acronym)
        w.add(s.Crystal, crystal_id=key, protein_id=key, space_group="P43212", cell_a=79.0)
    for key, proposal in ((1, 1), (2, 1), (3, 4)):
        w.add(s.Shipment, shipment_id=key, proposal_id=proposal, name=f"box {key}", status="sent", created=at(key))
    w.add(s.ShipmentHasVisit, shipment_id=1, visit_id=11)
    for key, shipment in ((1, 1), (2, 1), (3, 3)):
        w.add(s.Dewar, dewar_id=key, shipment_id=shipment, code=f"DLS-{key}", kind="Dewar")
        w.add(s.Container, container_id=key, dewar_id=key, code=f"puck{key}", kind="Puck", capacity=16)
    for key, crystal, container, name, location in (
        (1, 1, 1, "lys_10", "10"),
        (2, 1, 1, "lys_2", "2"),
        (3, 1, 2, "<b>naïve</b>", None),
        (4, 2, 3, "ins_1", "1"),
        (5, 3, None, "grid_1", None),
    ):
        w.add(
            s.Sample,
            sample_id=key,
            crystal_id=crystal,
            container_id=container,
            name=name,
            location=location,
            comments="fished at 100%",
        )


def _group(w: Writer, key: int, visit: int, experiment: str | None, sample: int | None = None, **more: Any) -> None:
    w.add(
        s.Group, group_id=key, visit_id=visit, experiment=experiment, sample_id=sample, start=at(1), end=at(1), **more
    )


def _collection(w: Writer, key: int, group: int, **values: Any) -> None:
    usual = {
        "number": 1,
        "start": at(1, 10),
        "end": at(1, 10, 5),
        "status": "DataCollection Successful",
        "images": 3600,
        "first_image": 1,
        "exposure": 0.01,
        "directory": "/data/mx1-1",
        "prefix": "xtal",
        "suffix": "cbf",
        "template": "xtal_1_####.cbf",
        "wavelength": 1.0,
        "resolution": 1.5,
        "transmission": 40.0,
        "flux": 1.5e12,
        "axis_range": 0.1,
        "beam_size_x": 0.05,
        "beam_size_y": 0.02,
        "detector_id": 1,
    }
    w.add(s.Collection, collection_id=key, group_id=group, **(usual | values))


def _mx(w: Writer) -> None:
    w.add(s.Detector, detector_id=1, kind="Photon counting", maker="DECTRIS", model="PILATUS 6M", pixels_x=2463)
    _group(w, 101, 11, "OSC", 1)
    # An unknown type and no sample; and one more collection of the older group, written later.
    _group(w, 102, 11, None, comments="of the group")
    _group(w, 103, 12, "SAD", 2)
    _group(w, 401, 41, "OSC", 4)
    _collection(w, 1001, 101, visit_hint=11, comments="good Crystal", snapshot_1="/data/s.jpg", prefix="lys_a")
    _collection(w, 1002, 102, visit_hint=11, status="DataCollection Unsuccessful", resolution=2.5, prefix="lys%b")
    # Without SESSIONID, as some writers leave it, and still under way in no words.
    _collection(w, 1003, 101, visit_hint=None, status=None, end=None, wavelength=None, comments="", prefix="LYSé")
    _collection(w, 1004, 102, visit_hint=11, status="DataCollection Cancelled", resolution=1.75, images=2, prefix=None)
    _collection(w, 1005, 103, visit_hint=12, start=at(10, 10), end=at(10, 11))
    _collection(w, 4001, 401, visit_hint=41, start=at(12, 10), end=at(12, 11), prefix="ins")
    # Five pipelines on 1001: of two equal in resolution the more complete is the best; a failed one states the highest.
    for key, name, status, high, completeness, cc_half, r_meas in (
        (1, "fast_dp", "1", 1.9, 99.0, 0.998, 0.054),
        (2, "xia2 dials", "1", 1.7, 95.0, 0.997, 0.061),
        (3, "autoPROC", "1", 1.7, 97.5, 99.6, 7.25),
        (4, "xia2 3dii", "0", 1.2, 99.9, 0.9, 0.2),
        (5, "autoPROC+STARANISO", None, None, None, None, None),
    ):
        _result(w, key, 1001, name, status, high, completeness, cc_half, r_meas)
    _result(w, 6, 4001, "fast_dp", "1", 2.0, 90.0, 0.99, 0.1)
    # A job without an integration, where there are jobs; a program written on the collection, where that is done.
    w.add(s.Job, job_id=1, collection_id=1002, name="Dimple", recipe="postprocessing-dimple", automatic=1)
    w.add(s.Program, program_id=7, job_id=1, collection_hint=1002, name="dimple", status="0", message="no solution")
    w.add(s.ProgramAttachment, id=1, program_id=3, kind="Log", name="a.log", directory="/data/p")
    w.add(s.ProgramAttachment, id=2, program_id=7, kind="Log", name="dimple.log", directory="/data/p")
    w.add(s.ProgramMessage, id=1, program_id=3, severity="WARNING", message="ice rings")
    for key, collection in ((1, 1001), (2, 1005), (3, 4001)):
        w.add(s.CollectionAttachment, id=key, collection_id=collection, kind="log", path=f"/data/p/{collection}.log")
        w.add(s.CollectionComment, id=key, collection_id=collection, person_id=2, created=at(1, key), text="mind this")
    ispyb_phasing.fill(w, at)
    for image in range(1, 11):
        spots = None if image == 10 else image * 10
        w.add(
            s.ImageQuality, collection_id=1001, image=image, spots=spots, bragg=image, resolution=2.0, dozor=image / 2
        )
    w.add(s.ImageQuality, collection_id=4001, image=1, spots=5, resolution=3.0)
    for rows in (grids, screenings, scans):
        rows(w)


def _result(
    w: Writer, key: int, collection: int, name: str, status: str | None, high: float | None, *values: float | None
) -> None:
    completeness, cc_half, r_meas = values
    w.add(s.Program, program_id=key, name=name, status=status, start=at(1, 11), end=at(1, 11, key), recorded=at(1, 11))
    w.add(s.Integration, integration_id=key, collection_id=collection, program_id=key, first_image=1, last_image=3600)
    w.add(s.ScalingHasIntegration, id=key, integration_id=key, scaling_id=key)
    w.add(s.Scaling, scaling_id=key, auto_proc_id=key)
    w.add(s.AutoProc, auto_proc_id=key, program_id=key, space_group="P 43 21 2", cell_a=78.9, cell_b=78.9, cell_c=37.1)
    if high is None:
        return
    for shell, low, limit, factor in (
        ("overall", 40.0, high, 1.0),
        ("innerShell", 40.0, high * 3, 0.5),
        ("outerShell", high + 0.1, high, 6.0),
    ):
        w.add(
            s.Statistics,
            scaling_id=key,
            shell=shell,
            low=low,
            high=limit,
            completeness=completeness,
            cc_half=cc_half,
            r_meas=(r_meas or 0) * factor,
            i_over_sigma=12.5,
        )


def _em(w: Writer) -> None:
    w.add(s.ExperimentType, id=37, name="Single Particle", proposal_type="em")
    # Diamond's writer gives the number of the type, ESRF's its name.
    diamond = "experimentTypeId" not in w.settlement.fits["DataCollectionGroup"].absent
    _group(w, 201, 21, None if diamond else "EM", 5, experiment_type_id=37)
    for key in (2001, 2002):
        _collection(
            w,
            key,
            201,
            visit_hint=None,
            start=at(5, 10),
            end=None,
            status="DataCollection Successful",
            voltage=300.0,
            magnification=105000.0,
            pixel_on_image=0.83,
            exposed_dose=40.0,
            wavelength=None,
            axis_range=None,
            prefix=f"grid{key}",
        )
    # 2001: five movies, four corrected, three with a CTF; 2002 has none.
    for key, motion, fit in ((1, "10", "3.0"), (2, "20", "4.0"), (3, "30", "8.0"), (4, "n/a", None), (5, None, None)):
        w.add(s.Movie, movie_id=key, collection_id=2001, number=key, path=f"/data/{key}.mrc", created=at(5, 10, key))
        if motion is not None:
            text_site = w.settlement.fits["MotionCorrection"].to_number
            stored = motion if text_site else (None if motion == "n/a" else float(motion))
            w.add(s.MotionCorrection, motion_id=key, movie_id=key, total_motion=stored)
        if fit is not None:
            w.add(
                s.CTF,
                ctf_id=key,
                motion_id=key,
                resolution=float(fit),
                defocus=10000.0 * key,
                defocus_u=9000.0 * key,
                defocus_v=11000.0 * key,
            )


def _ssx(w: Writer) -> None:
    ispyb_compositions.fill(w)
    _group(w, 301, 31, "SSX-Chip", 6)
    _collection(w, 3001, 301, visit_hint=31, start=at(7, 10), images=100, prefix="chip1")
    _collection(w, 3002, 301, visit_hint=31, start=at(7, 11), images=100, prefix="chip2")
    _collection(w, 3003, 301, visit_hint=31, start=at(7, 12), images=100, prefix="chip3")
    w.add(s.SSXCollection, collection_id=3001, repetition_rate=231.25, chip_model="Oxford", experiment="chip run")
    # Rates in percent, from a preliminary and a final result; and one failed, which does not count.
    w.add(
        s.SSXResult, id=1, collection_id=3001, hit_rate=10.0, indexing_rate=5.0, stage="Preliminary", status="Success"
    )
    w.add(s.SSXResult, id=2, collection_id=3001, hit_rate=30.0, indexing_rate=20.0, stage="Final", status="Success")
    w.add(s.SSXResult, id=3, collection_id=3001, hit_rate=99.0, indexing_rate=99.0, stage="Final", status="Failed")
    w.add(s.EventType, id=1, name="XrayDetection")
    for key in (1, 2):
        w.add(s.EventChain, chain_id=key, collection_id=3001, name=f"chain {key}")
        w.add(s.Event, event_id=key, chain_id=key, type_id=1, name="Xray probe", offset=0.0, duration=0.001)
    # 3002: 4 images, 16 spots are no hit and 17 are.
    for image, spots in ((1, 16), (2, 17), (3, 0), (4, 200)):
        w.add(s.ImageQuality, collection_id=3002, image=image, spots=spots)


def _events(w: Writer) -> None:
    # Around the collections of visit 11 (10:00), one in visit 12, one in 41; one without a time, one without an end.
    for key, visit, sample, action, start, status in (
        (1, 11, 1, "LOAD", at(1, 9, 50), "SUCCESS"),
        (2, 11, 1, "UNLOAD", at(1, 10, 30), "ERROR"),
        (3, 11, None, "LOAD", None, None),
        (4, 12, 2, "LOAD", at(10, 9, 59), "SUCCESS"),
        (5, 41, 4, "WASH", at(12, 9, 59), "SUCCESS"),
    ):
        end = None if start is None else start.replace(second=20)
        # Where the column is a TIMESTAMP, what has no time has the zero date.
        stored = start if start or w.engine.dialect.name == "sqlite" else "0000-00-00 00:00:00"
        w.add(s.RobotAction, action_id=key, visit_id=visit, sample_id=sample, action=action, start=stored, end=end,
              status=status, message="pin <lost>" if status == "ERROR" else None)  # fmt: skip


@dataclass(frozen=True)
class Facility:
    """The tiny ISPyB in one database, and Readers of its people."""

    kind: str
    source: Source

    def scope(self, login: str) -> Scope:
        """What this one of EVERYBODY may see."""
        return scope_of_proposal(self.source, login) if login == "mx10" else scope_of(self.source, login, RIGHTS)

    def reader(self, login: str = "admin") -> Reader:
        """A Reader for this person."""
        return Reader(self.source, self.scope(login))


def facility(kind: str, url: str) -> Facility:
    """The tiny ISPyB, written into an empty database."""
    fill(writer(url))
    return Facility(kind, Source(url))


def at_server(server: mariadb_server.Server, kind: str, name: str) -> str:
    """An empty database of this flavour, of this worker's own. Skips where the flavour's package is not installed."""
    own = f"{name}_{kind}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    try:
        if kind == "diamond":
            made = mariadb_server.create_diamond(server, own, rows=False)
        else:
            made = mariadb_server.create_esrf(server, own)
    except mariadb_server.models.ModelsMissing as missing:
        pytest.skip(str(missing))
    return made.render_as_string(hide_password=False)


_SHARED: dict[str, Facility] = {}


def shared(request: pytest.FixtureRequest, kind: str) -> Facility:
    """The tiny ISPyB in one kind of database, for all modules that only read. Close its source; it opens again."""
    if kind not in _SHARED:
        _SHARED[kind] = _made(request, kind)
    return _SHARED[kind]


def _made(request: pytest.FixtureRequest, kind: str) -> Facility:
    if kind == "sqlite":
        folder = request.getfixturevalue("tmp_path_factory").mktemp("ispyb")
        return facility(kind, f"sqlite:///{folder / 'tiny.db'}")
    return facility(kind, at_server(request.getfixturevalue("mariadb"), kind, "tiny"))
