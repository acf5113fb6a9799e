"""`ispyb-lens check`: what works with a site's database and files, and what does not."""

import argparse
import importlib.util
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.orm import InstrumentedAttribute

from app.providers import State, states
from app.settings import Settings, SettingsError
from data import schema
from data.errors import DataError
from data.schema import Table
from data.schema.settle import Settlement
from data.source import Source

PACKAGES = ("app", "views", "data", "auth")

# What a page cannot be made without.
_MAIN: frozenset[type[Table]] = frozenset(
    {
        schema.Person,
        schema.Proposal,
        schema.ProposalHasPerson,
        schema.Visit,
        schema.VisitHasPerson,
        schema.Group,
        schema.Collection,
    }
)
_MAIN_COLUMNS: tuple[InstrumentedAttribute[object], ...] = (
    schema.Person.login,
    schema.Proposal.code,
    schema.Proposal.number,
    schema.ProposalHasPerson.proposal_id,
    schema.ProposalHasPerson.person_id,
    schema.Visit.proposal_id,
    schema.Visit.number,
    schema.Group.visit_id,
    schema.Collection.group_id,
)

# What a person does without where the site lacks a table.
COSTS: dict[type[Table], str] = {
    schema.Person: "nobody can sign in",
    schema.Proposal: "no proposal can be shown",
    schema.ProposalHasPerson: "nobody sees proposals by membership",
    schema.Visit: "no visit can be shown",
    schema.VisitHasPerson: "nobody sees visits by having been there",
    schema.VisitType: "visits have no labels such as Commissioning",
    schema.BeamlineSetup: "no ring mode, undulator or monochromator beside a visit",
    schema.UserGroup: "nobody sees a beamline or everything by a group",
    schema.Permission: "nobody sees a beamline or everything by a permission",
    schema.GroupHasPermission: "nobody sees a beamline or everything by a permission",
    schema.GroupHasPerson: "nobody sees a beamline or everything by a group",
    schema.AdminVar: "the version of the schema is not known",
    schema.Group: "no collection can be shown",
    schema.Collection: "no collection can be shown",
    schema.ExperimentType: "kinds of experiment are those named in each group",
    schema.Detector: "no resolution rings: the pixel size is not known",
    schema.ImageQuality: "no image quality plot",
    schema.CollectionImage: "images are found by their template only",
    schema.GridInfo: "no maps of grid scans",
    schema.WorkflowMesh: "grid scans without the best image of a workflow",
    schema.Centring: "no results of X-ray centring",
    schema.CentringResult: "no results of X-ray centring",
    schema.Program: "no processing results",
    schema.ProgramMessage: "no messages of pipelines",
    schema.ProgramAttachment: "no files of processing results",
    schema.Job: "no processing that is still waiting",
    schema.Integration: "no processing results",
    schema.ScalingHasIntegration: "no processing results",
    schema.Scaling: "no processing results",
    schema.AutoProc: "processing results without space group and cell",
    schema.Statistics: "processing results without resolution, Rmeas and completeness",
    schema.Screening: "no characterisation results",
    schema.ScreeningOutput: "characterisation without mosaicity and what the program said",
    schema.ScreeningLattice: "characterisation without space group and cell",
    schema.Strategy: "no strategies",
    schema.Wedge: "strategies without wedges",
    schema.SubWedge: "strategies without sub-wedges",
    schema.EnergyScan: "no energy scans",
    schema.Fluorescence: "no X-ray fluorescence spectra",
    schema.RobotAction: "no robot actions among the events of a visit",
    schema.CollectionComment: "no remarks on collections beside their comment",
    schema.CollectionAttachment: "no files of collections",
    schema.Phasing: "no results of phasing",
    schema.PhasingStep: "no results of phasing",
    schema.PhasingHasScaling: "no results of phasing",
    schema.PhasingRun: "no results of phasing",
    schema.PhasingStatistics: "phasing without statistics",
    schema.PhasingAttachment: "no files of phasing",
    schema.SpaceGroup: "phasing without space groups",
    schema.MRRun: "no results of molecular replacement and difference maps",
    schema.Blob: "no blobs of difference maps",
    schema.Shipment: "no shipments",
    schema.ShipmentHasVisit: "shipments are not tied to visits",
    schema.Dewar: "no dewars in shipments",
    schema.Container: "no containers in shipments",
    schema.Protein: "samples without a protein",
    schema.Crystal: "samples without a crystal form or protein",
    schema.Sample: "no samples",
    schema.SSXCollection: "serial collections without columns of their own",
    schema.EventChain: "no timing of serial collections",
    schema.Event: "no timing of serial collections",
    schema.EventType: "events of serial collections without a name",
    schema.SSXResult: "no hit rates of serial collections",
    schema.Component: "serial runs without what sample and buffer are made of",
    schema.ComponentType: "components of samples without a kind",
    schema.ConcentrationType: "components of samples without the unit of their concentration",
    schema.SampleComposition: "serial runs without what the sample is made of",
    schema.CrystalComposition: "serial runs without what the crystals are made of",
    schema.Movie: "no EM movies",
    schema.MotionCorrection: "no motion correction of EM movies",
    schema.CTF: "no CTF of EM movies",
}


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that the site's database does not have, and what a person does without."""

    what: str
    cost: str
    main: bool
    """Whether the main pages cannot work without it."""


@dataclass(frozen=True, slots=True)
class Root:
    """A folder of `files.roots`, and whether it can be read."""

    path: str
    state: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. ``problems`` are what the main pages cannot work with."""

    database: str
    flavour: str
    version: str
    lacks: tuple[Lack, ...]
    roots: tuple[Root, ...]
    problems: tuple[str, ...]
    logins: tuple[State, ...] = ()

    @property
    def works(self) -> bool:
        """Whether the main pages can work."""
        return not self.problems


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the report; 1 where the main pages cannot work, or people cannot sign in by a way that is set."""
    report = check(settings)
    if args.json:
        print(json.dumps(asdict(report) | {"works": report.works}, indent=2, ensure_ascii=False))
    else:
        print("\n".join(words(report)))
    return 0 if report.works and all(login.works for login in report.logins) else 1


def check(settings: Settings) -> Report:
    """Look at the installation, the database, the file roots and the ways to sign in that ``settings`` name.

    Raises `SettingsError` where they name no database, or one whose driver is not installed.
    """
    url = settings.ispyb_url()
    problems = list(_apart())
    flavour = version = "unknown"
    lacks: tuple[Lack, ...] = ()
    try:
        source = Source(
            url.render_as_string(hide_password=False),
            statement_seconds=settings.database.statement_seconds,
            pool=1,
        )
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise SettingsError(
            f"database.url names {url.drivername}, whose driver cannot be used: {error}. "
            "For MariaDB and MySQL: pip install 'ispyb-lens[mysql]'"
        ) from error
    try:
        settlement = source.settlement
        flavour = settlement.flavour
        lacks = tuple(_lacks(settlement))
        problems += [f"{lack.what} is missing: {lack.cost}" for lack in lacks if lack.main]
        version = _version(source, settlement)
    except DataError as error:
        cause = error.__cause__
        problems.append(f"the database does not answer: {getattr(cause, 'orig', cause) or error}")
    finally:
        source.close()
    roots = tuple(Root(root, _state(Path(root))) for root in settings.files.roots)
    shown = url.render_as_string(hide_password=True)
    logins = tuple(states(settings))
    if not any(given.trusted_logins for given in settings.login.providers):
        problems.append("login.providers: none has trusted_logins, so nobody who signs in is anybody in ISPyB")
    return Report(shown, flavour, version, lacks, roots, tuple(problems), logins)


def words(report: Report) -> Iterator[str]:
    """The report as lines of text."""
    yield f"Database   {report.database}"
    yield f"Flavour    {report.flavour}"
    yield f"Version    {report.version}"
    for lack in report.lacks:
        needed = " (the main pages need it)" if lack.main else ""
        yield f"Missing    {lack.what}: {lack.cost}{needed}"
    if not report.lacks and report.works:
        yield "Missing    nothing"
    for root in report.roots:
        yield f"Files      {root.path}: {root.state}"
    if not report.roots:
        yield "Files      files.roots is empty: no image and no file can be shown"
    for login in report.logins:
        yield f"Sign-in    {login.key} ({login.kind}): {'' if login.works else 'cannot be used: '}{login.state}"
    for problem in report.problems:
        yield f"Problem    {problem}"
    readable = sum(root.state == "readable" for root in report.roots)
    works = "The main pages work." if report.works else "The main pages cannot work."
    yield f"{works} {readable} of {len(report.roots)} folders can be read."


def _apart() -> Iterator[str]:
    """Packages of ours that come from elsewhere: other distributions have the same names."""
    home = Path(__file__).resolve().parents[2]
    for package in PACKAGES:
        found = importlib.util.find_spec(package)
        places = [Path(p).resolve() for p in (found and found.submodule_search_locations) or ()]
        if places != [home / package]:
            where = ", ".join(map(str, places)) or "nowhere"
            yield (
                f"the package {package} is found in {where} and not in {home}: "
                "install ISPyB Lens in an environment of its own"
            )


def _lacks(settlement: Settlement) -> Iterator[Lack]:
    """What is missing, the main things first."""
    found = []
    for mapper in Table.registry.mappers:
        kind: type[Table] = mapper.class_
        fit = settlement.fits[kind.__tablename__]
        if fit.real is None:
            found.append(Lack(kind.__tablename__, COSTS[kind], kind in _MAIN))
            continue
        keys = {column.name for column in mapper.primary_key}
        for attribute in mapper.column_attrs:
            column = attribute.columns[0].name
            if column not in fit.absent:
                continue
            needed = column in keys or any(one.class_ is kind and one.key == attribute.key for one in _MAIN_COLUMNS)
            cost = COSTS[kind] if needed else f"{attribute.key.replace('_', ' ')} stays empty"
            found.append(Lack(f"{kind.__tablename__}.{column}", cost, needed and kind in _MAIN))
    return iter(sorted(found, key=lambda lack: (not lack.main, lack.what)))


def _version(source: Source, settlement: Settlement) -> str:
    if settlement.fits[schema.AdminVar.__tablename__].real is None:
        return "not stated"
    rows = source.run(select(schema.AdminVar.value).where(schema.AdminVar.name == "schemaVersion"))
    return str(rows[0].value) if rows else "not stated"


def _state(root: Path) -> str:
    if not root.exists():
        return "not found"
    if not root.is_dir():
        return "not a folder"
    if not os.access(root, os.R_OK | os.X_OK):
        return "may not be read"
    return "readable"
