"""Fills a MariaDB with a facility of any size, for the benchmarks. Sizes are a guess, and the same at each run.

    python benchmarks/facility.py --collections 1000000 --keep

One visit has 25,000 collections, the newest of the database and interleaved with those of other
beamlines. Three pipelines gave results for a third of the others and for nearly all of that visit.
Per-image numbers: 1,800 rows for each collection on its first two pages and on its pages 799 to
801, 10 for each of its others, 100,000 for one.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from unittest import mock

import paths  # noqa: F401
from servers import mariadb, models
from sqlalchemy import URL, create_engine

from data import schema
from data.scope import Scope

BIG_VISIT = 1
BIG_COLLECTIONS = 25_000
PAGE = 25
FAR_PAGE = 800
LONG_RANK = 10_000
"""Place in the big visit, from the newest, of the collection with 100,000 images."""
_VISIT_COLLECTIONS = 25
_BEAMLINES = tuple(f"i{number:02d}" for number in range(1, 31))
_BIG_BEAMLINE = "i03"
_STAFF_BEAMLINES = ("i03", "i04", "i24")
_USER, _STAFF, _OTHERS = 1, 2, 100


@dataclass(frozen=True, slots=True)
class Facility:
    """A filled database, and what it holds."""

    url: URL
    collections: int
    visits: int
    every: int
    """The big visit has every so-manieth id, counted from the newest."""
    rows: int
    seconds: float
    schema: str

    def id_at(self, rank: int) -> int:
        """The collection of the big visit with ``rank`` newer ones."""
        return self.collections - rank * self.every

    def scopes(self) -> dict[str, Scope]:
        """The people whose pages are measured."""
        return {
            "everything": Scope(name="administrator", everything=True),
            "user": Scope(_USER, name="of two proposals"),
            "scientist": Scope(_STAFF, frozenset(_STAFF_BEAMLINES), name="of three beamlines"),
        }


@contextmanager
def server(memory: str = "3G") -> Iterator[mariadb.Server]:
    """A server on a socket of its own, gone with the block. Raises ``ServerMissing``."""
    # Servers that share a folder for temporary tables remove each other's when they start.
    with TemporaryDirectory(prefix="lens-facility-") as folder:
        with mock.patch.dict(os.environ, TMPDIR=folder):
            running = mariadb.start(os.getpid())
        yield from _tuned(running, memory)


def _tuned(running: mariadb.Server, memory: str) -> Iterator[mariadb.Server]:
    try:
        running.run(f"SET GLOBAL innodb_buffer_pool_size = {_bytes(memory)}")
        running.run("SET GLOBAL innodb_log_file_size = 1073741824")
        yield running
    finally:
        mariadb.stop(running)


def _bytes(words: str) -> int:
    return int(float(words[:-1]) * {"M": 2**20, "G": 2**30}[words[-1]])


def fill(
    running: mariadb.Server,
    name: str,
    collections: int,
    big: int = BIG_COLLECTIONS,
    processed: int = 3,
) -> Facility:
    """Make the database ``name`` with this many collections, ``big`` of them of one visit.

    One in ``processed`` of the others has results.
    """
    began = time.perf_counter()
    plan = _Plan(max(collections, big + _VISIT_COLLECTIONS), big, processed)
    flavour = _schema(running, name)
    switches = "SET SESSION foreign_key_checks=0, unique_checks=0, sql_mode='', group_concat_max_len=1000000"
    running.run(";\n".join([switches, *plan.statements(), *_ANALYSE]), database=name)
    counts = " UNION ALL ".join(f"SELECT COUNT(*) FROM `{table}`" for table in _TABLES)
    rows = sum(int(str(row[0])) for row in running.rows(counts, name))
    return Facility(
        running.url(name).set(drivername="mysql"),
        plan.collections,
        plan.visits,
        plan.every,
        rows,
        time.perf_counter() - began,
        flavour,
    )


def _schema(running: mariadb.Server, name: str) -> str:
    """The full schema of Diamond's flavour where its package is installed, else our part of it."""
    try:
        mariadb.create_diamond(running, name, rows=False)
        return "full"
    except models.ModelsMissing:
        running.run(f"DROP DATABASE IF EXISTS `{name}`", f"CREATE DATABASE `{name}` CHARACTER SET latin1")
        engine = create_engine(running.url(name))
        schema.Table.metadata.create_all(engine)
        engine.dispose()
        return "our part"


_TABLES = (
    "Person",
    "Proposal",
    "ProposalHasPerson",
    "BLSession",
    "Session_has_Person",
    "Shipping",
    "Dewar",
    "Container",
    "Protein",
    "Crystal",
    "BLSample",
    "DataCollectionGroup",
    "DataCollection",
    "ProcessingJob",
    "AutoProcProgram",
    "AutoProcIntegration",
    "AutoProc",
    "AutoProcScaling",
    "AutoProcScaling_has_Int",
    "AutoProcScalingStatistics",
    "ImageQualityIndicators",
)
_ANALYSE = [f"ANALYZE TABLE `{table}`" for table in _TABLES]


class _Plan:
    """Which collection belongs where, as SQL over the sequence of ids."""

    def __init__(self, collections: int, big: int, processed: int) -> None:
        self.share = processed
        self.collections = collections
        self.size = big
        # The big visit takes every n-th id of the newest.
        self.every = max(1, min(25, collections // big))
        beamlines = len(_BEAMLINES)
        self.blocks = collections // (beamlines * _VISIT_COLLECTIONS) + 1
        self.visits = self.blocks * beamlines + 1
        self.proposals = self.visits // 8 + 2
        self.people = max(300, self.visits * 3 // 10)
        self.samples = max(1000, collections // 5)

    @property
    def _first(self) -> int:
        return self.collections - self.size * self.every

    def big(self, i: str) -> str:
        return f"({i} > {self._first} AND ({self.collections} - {i}) % {self.every} = 0)"

    def rank(self, i: str) -> str:
        """0 for the newest collection of the big visit."""
        return f"(({self.collections} - {i}) DIV {self.every})"

    def visit(self, i: str) -> str:
        beamlines = len(_BEAMLINES)
        plain = f"2 + ({i} DIV {beamlines * _VISIT_COLLECTIONS}) * {beamlines} + {i} % {beamlines}"
        return f"IF({self.big(i)}, {BIG_VISIT}, {plain})"

    def proposal_of_visit(self, v: str) -> str:
        """The user has proposals 1 (the big visit) and 2 (eight visits); nobody else is in them."""
        return f"IF({v} = {BIG_VISIT}, 1, 1 + ({v} + 6) DIV 8)"

    def processed(self, i: str) -> str:
        return f"IF({self.big(i)}, {i} % 11 <> 0, {i} % {self.share} = 0)"

    def statements(self) -> Iterator[str]:
        yield from self._people()
        yield from self._samples()
        yield from self._collections()
        yield from self._results()
        yield from self._images()

    def _people(self) -> Iterator[str]:
        names = ",".join(f"'{name}'" for name in _BEAMLINES)
        yield (
            "INSERT INTO Person (personId, familyName, givenName, login) SELECT seq, CONCAT('Family', seq),"
            f" CONCAT('Given', seq), CONCAT('abc', seq) FROM seq_1_to_{self.people + _OTHERS}"
        )
        yield (
            "INSERT INTO Proposal (proposalId, personId, title, proposalCode, proposalNumber, proposalType)"
            f" SELECT seq, {_OTHERS} + seq * 7 % {self.people}, CONCAT('Structure of complex ', seq),"
            f" 'mx', 10000 + seq, 'MX' FROM seq_1_to_{self.proposals}"
        )
        yield (
            "INSERT INTO ProposalHasPerson (proposalId, personId, role)"
            f" SELECT p.seq, {_OTHERS} + (p.seq * 13 + n.seq * 101) % {self.people}, 'Co-Investigator'"
            f" FROM seq_1_to_{self.proposals} p JOIN seq_1_to_7 n WHERE p.seq > 2"
        )
        yield (
            "INSERT INTO ProposalHasPerson (proposalId, personId, role)"
            f" VALUES (1, {_USER}, 'Co-Investigator'), (2, {_USER}, 'Co-Investigator')"
        )
        start = "'2015-01-01' + INTERVAL seq * 2 HOUR"
        yield (
            "INSERT INTO BLSession (sessionId, proposalId, visit_number, beamLineName, startDate, endDate)"
            f" SELECT seq, {self.proposal_of_visit('seq')}, 1 + (seq + 6) % 8,"
            f" IF(seq = {BIG_VISIT}, '{_BIG_BEAMLINE}',"
            f" ELT(1 + (seq + {len(_BEAMLINES) - 2}) % {len(_BEAMLINES)}, {names})),"
            f" {start}, {start} + INTERVAL 1 DAY FROM seq_1_to_{self.visits}"
        )
        yield (
            "INSERT IGNORE INTO Session_has_Person (sessionId, personId, role)"
            f" SELECT v.seq, {_OTHERS} + (v.seq * 17 + n.seq * 997) % {self.people}, 'Team Member'"
            f" FROM seq_1_to_{self.visits} v JOIN seq_1_to_6 n"
        )
        yield (
            "INSERT INTO Session_has_Person (sessionId, personId, role)"
            f" SELECT seq, {_STAFF}, 'Local Contact' FROM seq_1_to_{self.visits} WHERE seq % 200 = 3"
        )

    def _samples(self) -> Iterator[str]:
        proposals = self.proposals
        plain = {
            "Shipping (shippingId, proposalId, shippingName)": f"seq, seq, 'run' FROM seq_1_to_{proposals}",
            "Dewar (dewarId, shippingId, code)": f"seq, seq, 'DLS-MX-1' FROM seq_1_to_{proposals}",
            "Container (containerId, dewarId, code)": (
                f"seq, 1 + seq % {proposals}, CONCAT('CPS-', seq) FROM seq_1_to_{self.samples // 16 + 1}"
            ),
            "Protein (proteinId, proposalId, name, acronym)": (
                f"seq, 1 + seq % {proposals}, CONCAT('Protein ', seq), CONCAT('P', seq) FROM seq_1_to_{proposals * 4}"
            ),
            "Crystal (crystalId, proteinId, spaceGroup)": (
                f"seq, 1 + seq % {proposals * 4}, 'P212121' FROM seq_1_to_{proposals * 8}"
            ),
            "BLSample (blSampleId, crystalId, containerId, name, location)": (
                f"seq, 1 + seq % {proposals * 8}, 1 + seq DIV 16, CONCAT('xtal_', seq), 1 + seq % 16"
                f" FROM seq_1_to_{self.samples}"
            ),
        }
        for into, what in plain.items():
            yield f"INSERT INTO {into} SELECT {what}"

    def _collections(self) -> Iterator[str]:
        n, visit = self.collections, self.visit("seq")
        start = "'2015-01-01' + INTERVAL seq * 5 MINUTE"
        yield (
            "INSERT INTO DataCollectionGroup (dataCollectionGroupId, sessionId, blSampleId, experimentType,"
            f" startTime, endTime) SELECT seq, {visit}, 1 + seq % {self.samples},"
            f" ELT(1 + seq % 10, 'Mesh', 'Characterization', 'OSC', 'SAD', 'SAD', 'SAD', 'SAD', 'SAD', 'SAD', 'SAD'),"
            f" {start}, {start} + INTERVAL 3 MINUTE FROM seq_1_to_{n}"
        )
        columns = {
            "dataCollectionId": "seq",
            "dataCollectionGroupId": "seq",
            "SESSIONID": visit,
            "BLSAMPLEID": f"1 + seq % {self.samples}",
            "dataCollectionNumber": "1 + seq % 9",
            "startTime": start,
            "endTime": f"{start} + INTERVAL 3 MINUTE",
            "runStatus": "'DataCollection Successful'",
            "axisStart": "0",
            "axisEnd": "0.1",
            "axisRange": "0.1",
            "numberOfImages": (f"IF({self.big('seq')}, IF({self.rank('seq')} = {LONG_RANK}, 100000, 1800), 3600)"),
            "startImageNumber": "1",
            "exposureTime": "0.01",
            "imageDirectory": "CONCAT('/dls/i03/data/2026/mx415-3/xtal_', seq, '/')",
            "imagePrefix": "CONCAT('xtal_', seq DIV 3)",
            "fileTemplate": "CONCAT('xtal_', seq, '_1_master.h5')",
            "wavelength": "0.9 + (seq % 100) / 500",
            "resolution": "1.2 + (seq % 90) / 60",
            "detectorDistance": "200 + seq % 300",
            "xBeam": "155.2",
            "yBeam": "166.1",
            "transmission": "10 + seq % 90",
            "flux": "1e12",
            "beamSizeAtSampleX": "0.05",
            "beamSizeAtSampleY": "0.02",
            "comments": "IF(seq % 7 = 0, CONCAT('ice rings, try another loop ', seq), NULL)",
            "xtalSnapshotFullPath1": "CONCAT('/dls/i03/data/2026/mx415-3/jpegs/xtal_', seq, '_0.0.png')",
        }
        yield (
            f"INSERT INTO DataCollection ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM seq_1_to_{n}"
        )

    def _results(self) -> Iterator[str]:
        """Three results a collection; the ids of one result are the same in all tables."""
        result = "(d.seq - 1) * 3 + p.seq"
        source = f"FROM seq_1_to_{self.collections} d STRAIGHT_JOIN seq_1_to_3 p WHERE {self.processed('d.seq')}"
        failed = "(d.seq + p.seq) % 10 = 0"
        at = "'2015-01-01' + INTERVAL d.seq * 5 MINUTE"
        tables = {
            "ProcessingJob (processingJobId, dataCollectionId, displayName, automatic)": (
                f"{result}, d.seq, 'xia2', 1"
            ),
            "AutoProcProgram (autoProcProgramId, processingJobId, processingPrograms, processingStatus,"
            " processingStartTime, processingEndTime, recordTimeStamp)": (
                f"{result}, {result}, ELT(p.seq, 'xia2 dials', 'xia2 3dii', 'autoPROC'), NOT ({failed}),"
                f" {at}, {at} + INTERVAL 4 MINUTE, {at}"
            ),
        }
        good = {
            "AutoProc (autoProcId, autoProcProgramId, spaceGroup, refinedCell_a, refinedCell_b,"
            " refinedCell_c, refinedCell_alpha, refinedCell_beta, refinedCell_gamma)": (
                f"{result}, {result}, 'P 21 21 21', 57.1, 68.2, 103.4, 90, 90, 90"
            ),
            "AutoProcScaling (autoProcScalingId, autoProcId, recordTimeStamp)": f"{result}, {result}, {at}",
            "AutoProcIntegration (autoProcIntegrationId, dataCollectionId, autoProcProgramId)": (
                f"{result}, d.seq, {result}"
            ),
            "AutoProcScaling_has_Int (autoProcScaling_has_IntId, autoProcScalingId, autoProcIntegrationId)": (
                f"{result}, {result}, {result}"
            ),
        }
        for into, what in tables.items():
            yield f"INSERT INTO {into} SELECT {what} {source}"
        for into, what in good.items():
            yield f"INSERT INTO {into} SELECT {what} {source} AND NOT ({failed})"
        yield (
            "INSERT INTO AutoProcScalingStatistics (autoProcScalingId, scalingStatisticsType, resolutionLimitLow,"
            " resolutionLimitHigh, rMerge, rMeasAllIPlusIMinus, completeness, meanIOverSigI, ccHalf, multiplicity)"
            f" SELECT {result}, ELT(s.seq, 'overall', 'innerShell', 'outerShell'), 60,"
            " 1.2 + (d.seq % 90) / 60 + p.seq / 50, 0.05, 0.06 + p.seq / 100, 99.1, 12.5, 0.998, 6.5"
            f" FROM seq_1_to_{self.collections} d STRAIGHT_JOIN seq_1_to_3 p STRAIGHT_JOIN seq_1_to_3 s"
            f" WHERE {self.processed('d.seq')} AND NOT ({failed})"
        )

    def _images(self) -> Iterator[str]:
        newest, far = 2 * PAGE, (FAR_PAGE - 2) * PAGE
        measured = f"(r.seq < {newest} OR r.seq BETWEEN {far} AND {far + 3 * PAGE - 1})"
        values = "5 + (r.seq + i.seq) % 90, 1.3 + (i.seq % 50) / 50, 0.8"
        into = "ImageQualityIndicators (dataCollectionId, imageNumber, spotTotal, method2Res, dozor_score)"
        what = f"INSERT INTO {into} SELECT {self.collections} - r.seq * {self.every}, i.seq, {values}"
        for where, images in ((f"NOT {measured}", 10), (measured, 1800)):
            yield (
                f"{what} FROM seq_0_to_{self.size - 1} r STRAIGHT_JOIN seq_1_to_{images} i"
                f" WHERE {where} AND r.seq <> {LONG_RANK}"
            )
        yield f"{what} FROM seq_{LONG_RANK}_to_{LONG_RANK} r JOIN seq_1_to_100000 i"


def main() -> None:
    """Fill one database and say what it holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collections", type=int, default=1_000_000)
    parser.add_argument("--memory", default="3G", help="buffer pool of the server (default 3G)")
    parser.add_argument("--keep", action="store_true", help="leave the server up until Enter is pressed")
    given = parser.parse_args()
    with server(given.memory) as running:
        facility = fill(running, "facility", given.collections)
        print(
            f"{facility.collections:,} collections, {facility.visits:,} visits, {facility.rows:,} rows "
            f"({facility.schema} schema) in {facility.seconds:.0f} s"
        )
        if given.keep:
            print(facility.url.render_as_string(hide_password=False), "or socket", running.socket)
            input("Enter to stop … ")


if __name__ == "__main__":
    main()
