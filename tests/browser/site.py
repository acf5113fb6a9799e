"""A small simulated site, served as `ispyb-lens serve` does, in a process of its own.

Alice is on proposals mx415 and hx9, nobody is on none, admin sees all
and administers. Proposal mx415 has the visits 3 (running now:
230 MX collections, three of SSX, one of EM), 4 (still to come, empty) and 1 (long past). Whatever a person may have
typed in hx9 is hostile. Proposal em7 is not Alice's.
"""

import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from browser.served import ROOT, SERVE, Served, environment
from browser.site_scans import add_scans
from fabio.cbfimage import CbfImage
from PIL import Image
from sqlalchemy import create_engine, insert, text, update
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from auth.accounts import add_account
from auth.store import Store
from data import schema as s
from data.demo.rows import Rows, settle_down

PASSWORD = "a password of the tests"
PEOPLE = ("alice", "nobody", "admin")
HOSTILE = (
    "\"><img src=x onerror='window.executed=1'><script>window.executed=2</script>"
    "<svg onload=window.executed=3></svg><a href='javascript:window.executed=4'>link</a>{{7*7}}"
)
SAMPLES = ("lyso_1", "lyso_2", "lyso_3")
FILES = ("dials.log", "report.html", "crystal.jpg", "core.log", "gone.log")
"""What the run 2 on the newest collection left, numbered from 1."""
NEWEST = 5230
FRAMES = 3
QUALITY = 60
BROKEN = 9999
"""A collection whose view fails while it is drawn, and visit hx9-1, whose view fails when it is opened: see
`serve_site`."""
SSX, EM, FOREIGN, MISSING, BEFORE, LATE = 6001, 6101, 7001, 424242, 4001, 5131
"""``LATE``: the answer for this one takes 0.8 s."""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass
class Site:
    """A site in ``folder``, with its rows at ``url`` (a SQLite file in the folder if none); ``start`` serves it."""

    folder: Path
    url: URL | None = None
    shown: URL | None = None
    """Where the server is told that the database is, if not at ``url``."""
    port: int = 0
    process: subprocess.Popen[bytes] | Served | None = None
    apart: bool = False
    """Served by a process that is nobody's fork, where a test looks at the process itself."""
    server: str = ""
    """More lines of the settings' section [server]; PORT stands for the port."""
    more: str = ""
    """More sections of the settings; FOLDER stands for the site's folder."""
    level: str = "warning"
    at: int = 0
    """The port, where it must be known before."""
    states: dict[str, Any] = field(default_factory=dict)
    """What a browser keeps of each person's sign-in."""

    @property
    def database(self) -> Path:
        return self.folder / "ispyb.sqlite"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def write(self) -> None:
        """Rows, files, accounts and settings."""
        files = self.folder / "files"
        files.mkdir(parents=True)
        _files(files)
        engine = self._engine()
        _rows(files).insert(engine)
        engine.dispose()
        if self.url is None:
            settle_down(self.database)
        store = Store(f"sqlite:///{self.folder / 'lens.sqlite'}")
        for person in PEOPLE:
            add_account(store, person, PASSWORD, person.title())
        store.close()

    def start(self) -> None:
        """Serve, and wait until the sign-in page is there."""
        self.port = self.at or free_port()
        settings = self.folder / "lens.toml"
        url = (self.shown or self._url()).render_as_string(hide_password=False)
        settings.write_text(
            f'[site]\nname = "Test Light"\nvisit_word = "Visit"\n[database]\nurl = "{url}"\n'
            f'[store]\nurl = "sqlite:///{self.folder / "lens.sqlite"}"\n[server]\nport = {self.port}\n'
            f"{self.server.replace('PORT', str(self.port))}\n"
            f'[files]\nroots = ["{self.folder / "files"}"]\n[live]\npoll_seconds = 0.3\n[log]\nlevel = "{self.level}"\n'
            + self.more.replace("FOLDER", str(self.folder))
        )
        if self.apart:
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, str(SERVE), str(settings)],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=ROOT,
                    env=environment(),
                )
        else:
            self.process = Served(settings, self.folder / "log")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the site does not start:\n{self.log}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    # -- what happens at the beamline meanwhile

    def _url(self) -> URL:
        return self.url or URL.create("sqlite", database=str(self.database))

    def _engine(self) -> Any:
        url = self._url()
        # A server cuts what is too long, as those of facilities do, where SQLite keeps it.
        lenient = (
            {} if url.get_backend_name() == "sqlite" else {"init_command": "SET SQL_MODE='', FOREIGN_KEY_CHECKS=0"}
        )
        return create_engine(url, poolclass=NullPool, connect_args=lenient)

    def add(self, mapped: type[s.Table], **values: Any) -> None:
        """One row, by our attribute names."""
        with self._engine().begin() as connection:
            connection.execute(insert(mapped), [values_of(mapped, values)])

    def change(self, mapped: type[s.Table], key: int, **values: Any) -> None:
        """Change the row with this single primary key."""
        column = mapped.__mapper__.primary_key[0]
        with self._engine().begin() as connection:
            connection.execute(update(mapped).where(column == key).values(values_of(mapped, values)))

    def run(self, *statements: str) -> None:
        with self._engine().begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def collect(self, number: int, visit: int = 4153, **values: Any) -> None:
        """Another MX collection of a visit."""
        group = {4153: 41531, 4154: 41541}[visit]
        self.add(s.Collection, **_collection(number, group, datetime.now(), self.folder / "files") | values)


def values_of(mapped: type[s.Table], values: dict[str, Any]) -> dict[str, Any]:
    return {mapped.__mapper__.column_attrs[name].columns[0].name: value for name, value in values.items()}


def _files(folder: Path) -> None:
    """Frames with a ring of spots, and a snapshot."""
    y, x = np.mgrid[0:300, 0:240]
    for image in range(1, FRAMES + 1):
        rng = np.random.default_rng(image)
        counts = rng.poisson(5, (300, 240)).astype(np.int32)
        counts[np.abs(np.hypot(x - 120, y - 150) - 60) < 1.5] += 200 * image
        counts[140:146] = -1
        CbfImage(data=counts, header={}).write(str(folder / f"xtal_{NEWEST}_{image:04d}.cbf"))
    Image.effect_noise((320, 240), 60).convert("RGB").save(folder / "crystal.jpg")
    (folder / f"xtal_{NEWEST - 1}_0001.cbf").write_bytes(b"this is no image")
    (folder / "dials.log").write_text(
        "".join(f"line {n}{' WARNING ice' if n and n % 999 == 0 else ''}\n" for n in range(5000))
    )
    (folder / "report.html").write_text(f"<!DOCTYPE html><h1>Report</h1><script>parent.executed = 9</script>{HOSTILE}")
    (folder / "core.log").write_bytes(bytes(range(256)) * 4)


def _collection(number: int, group: int, start: datetime, folder: Path) -> dict[str, Any]:
    k = number % 97
    return {
        "collection_id": number,
        "group_id": group,
        "visit_hint": group // 10,
        "number": 1 + number % 3,
        "start": start.replace(microsecond=0),
        "end": (start + timedelta(minutes=1)).replace(microsecond=0),
        "status": "DataCollection Successful" if number % 5 else "DataCollection Unsuccessful",
        "images": 100 + k,
        "first_image": 1,
        "exposure": 0.02,
        "directory": f"{folder}/",
        "prefix": f"xtal_{number}",
        "suffix": "cbf",
        "template": f"xtal_{number}_####.cbf",
        "wavelength": 0.9763,
        "resolution": 1.2 + k / 100,
        "transmission": 40.0,
        "flux": 1.5e12,
        "axis_range": 0.1,
        "beam_size_x": 0.05,
        "beam_size_y": 0.02,
        "distance": 250.0,
        "snapshot_1": str(folder / "crystal.jpg"),
        "comments": "the best of all" if number == NEWEST - 100 else None,
        "detector_id": 1,
    }


def _rows(files: Path) -> Rows:
    rows = Rows()
    add = rows.add
    now = datetime.now().replace(microsecond=0)
    day = timedelta(days=1)
    for key, login, given in ((1, "alice", "Alice"), (2, "nobody", "Nora"), (3, "admin", "Ada"), (4, "carol", HOSTILE)):
        add(s.Person, person_id=key, login=login, given_name=given, family_name=given[::-1][:9])
    add(s.UserGroup, id=1, name="super")
    for key, name in ((1, "all_proposals"), (2, "manage_groups"), (3, "view_activity")):
        add(s.Permission, id=key, name=name)
        add(s.GroupHasPermission, group_id=1, permission_id=key)
    add(s.GroupHasPerson, group_id=1, person_id=3)
    add(s.Detector, detector_id=1, maker="DECTRIS", model="PILATUS 6M", pixels_x=2463)
    for key, code, number, title in (
        (415, "mx", "415", "Lysozyme, naïvely"),
        (9, "hx", "9", HOSTILE),
        (7, "em", "7", "Somebody else's"),
    ):
        add(s.Proposal, proposal_id=key, person_id=4, code=code, number=number, title=title, state="Open")
    for key, proposal in ((1, 415), (2, 9)):
        add(s.ProposalHasPerson, id=key, proposal_id=proposal, person_id=1, role="Co-Investigator")
    for key, proposal, number, beamline, start, words in (
        (4151, 415, 1, "I03", now - 90 * day, "quiet"),
        (4153, 415, 3, "I04", now - day, "busy"),
        (4154, 415, 4, "I04", now + 5 * day, None),
        (91, 9, 1, HOSTILE[:45], now - 9 * day, HOSTILE),
        (92, 9, 2, "I24", now - 8 * day, HOSTILE),
        (71, 7, 1, "M02", now - 3 * day, None),
    ):
        add(
            s.Visit, visit_id=key, proposal_id=proposal, number=number, beamline=beamline,
            start=start, end=start + 2 * day, comments=words, local_contact=words, title=words,
        )  # fmt: skip
        add(s.VisitHasPerson, visit_id=key, person_id=4, role="Principal Investigator", remote=0)
    add(s.VisitType, id=1, visit_id=92, name=HOSTILE[:31])
    _shipments(rows, now)
    for key, visit, kind, sample in (
        (41511, 4151, "OSC", 1),
        (41531, 4153, "OSC", 1),
        (41532, 4153, "SSX-Chip", 2),
        (41533, 4153, "EM", 3),
        (41541, 4154, "OSC", 1),
        (921, 92, "OSC", 90),
        (922, 92, "SSX-Chip", 90),
        (711, 71, "EM", None),
    ):
        add(s.Group, group_id=key, visit_id=visit, experiment=kind, sample_id=sample, start=now - day)
    for number in range(NEWEST - 229, NEWEST + 1):
        minutes = timedelta(minutes=3 * (NEWEST - number) + 5)
        add(s.Collection, **_collection(number, 41531, now - minutes, files))
    for number, group in (
        (SSX, 41532),
        (SSX + 1, 41532),
        (SSX + 2, 41532),
        (EM, 41533),
        (BROKEN, 41511),
        (FOREIGN, 711),
    ):
        add(s.Collection, **_collection(number, group, now - day, files) | {"snapshot_1": None})
        if group == 41532:
            add(
                s.SSXCollection,
                collection_id=number,
                repetition_rate=231.25,
                chip_model="Oxford",
                experiment="chip run",
            )
    add(s.Collection, **_collection(BEFORE, 41511, now - 89 * day, files) | {"images": 0})
    for number, group in ((901, 921), (902, 921), (903, 922)):
        bad = dict.fromkeys(
            ("prefix", "template", "directory", "comments", "status", "snapshot_1", "snapshot_2"), HOSTILE
        )
        bad |= {
            "ring_mode": HOSTILE,
            "centring": HOSTILE,
            "axis": HOSTILE,
            "images": 2,
            "snapshot_1": "javascript:alert(1)",
        }
        add(s.Collection, **_collection(number, group, now - 8 * day, files) | bad)
        add(s.SSXCollection, collection_id=number, chip_model=HOSTILE, experiment=HOSTILE, chip_pattern=HOSTILE)
    for collection, image in ((c, n) for c in (NEWEST, LATE) for n in range(1, QUALITY + 1)):
        add(
            s.ImageQuality, collection_id=collection, image=image, spots=100 + image, resolution=2.0 + image / 100,
            signal=1e6 + image,
        )  # fmt: skip
    add_scans(add, _collection, files, HOSTILE)
    _result(rows, 1, NEWEST, "fast_dp", "1", 1.52)
    _result(rows, 2, NEWEST, "xia2 dials", "1", 1.41)
    _result(rows, 3, NEWEST - 2, "autoPROC", None, None)
    for key, name in enumerate(FILES, 1):
        add(s.ProgramAttachment, id=key, program_id=2, kind="Log", name=name, directory=str(files))
    add(s.ProgramMessage, id=1, program_id=2, severity="WARNING", message="ice rings", description=HOSTILE)
    _result(rows, 4, 901, HOSTILE, "1", 1.9, group=HOSTILE, message=HOSTILE)
    return rows


def _shipments(rows: Rows, now: datetime) -> None:
    add = rows.add
    for key, proposal, name in ((1, 415, "Lysozyme"), (9, 9, HOSTILE)):
        add(s.Protein, protein_id=key, proposal_id=proposal, name=name, acronym=name[:45])
        add(s.Crystal, crystal_id=key, protein_id=key, space_group=name[:20])
        add(
            s.Shipment,
            shipment_id=key,
            proposal_id=proposal,
            name=f"box {name}",
            status=name,
            created=now,
            comments=name,
        )
        add(s.Dewar, dewar_id=key, shipment_id=key, code=f"DLS-{key} {name}", kind="Dewar", status=name, location=name)
        add(
            s.Container, container_id=key, dewar_id=key, code=f"puck {name}", kind="Puck", capacity=16, status=name,
            beamline=name, changer_position=name,
        )  # fmt: skip
    for key, name in enumerate(SAMPLES, 1):
        add(s.Sample, sample_id=key, crystal_id=1, container_id=1, name=name, location=str(key))
    add(
        s.Sample, sample_id=90, crystal_id=9, container_id=9, name=HOSTILE, location=HOSTILE, comments=HOSTILE,
        status=HOSTILE,
    )  # fmt: skip


def _result(
    rows: Rows, key: int, collection: int, name: str, status: str | None, high: float | None,
    group: str = "P 43 21 2", message: str | None = None,
) -> None:  # fmt: skip
    add, now = rows.add, datetime.now()
    add(s.Program, program_id=key, name=name, status=status, start=now, end=now if status else None, message=message)
    add(s.Integration, integration_id=key, collection_id=collection, program_id=key)
    add(s.ScalingHasIntegration, id=key, integration_id=key, scaling_id=key)
    add(s.Scaling, scaling_id=key, auto_proc_id=key)
    add(s.AutoProc, auto_proc_id=key, program_id=key, space_group=group, cell_a=78.9, cell_b=78.9, cell_c=37.1)
    if high is not None:
        for shell in ("overall", "innerShell", "outerShell"):
            add(
                s.Statistics, scaling_id=key, shell=shell, low=40.0, high=high, completeness=98.0, cc_half=0.99,
                r_meas=0.06,
            )  # fmt: skip


def words_of(body: str) -> str:
    """Text of a page without the numbers and names that differ between two links."""
    return re.sub(r"\S*\d\S*", "…", re.sub(r"\s+", " ", body)).strip()
