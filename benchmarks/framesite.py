"""Frames of big detectors, and a dashboard that shows them in a process of its own, for the benchmark of frames."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paths

PERSON, PASSWORD = "alice", "a password of the benchmark"
EIGER = 1201
HEIGHT, WIDTH = 4371, 4150
SENTINEL = 2**32 - 1
_DIFFERENT = 8


def eiger(path: Path, frames: int) -> float:
    """A file as an EIGER 16M writes it: a water ring, 600 spots a frame, gaps and bad pixels. MB a frame."""
    import h5py
    import hdf5plugin
    import numpy as np

    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    reach = np.hypot(x - WIDTH / 2, y - HEIGHT / 2) * np.float32(0.075)
    level = (1.2 + 1.8 * np.exp(-(((reach - 110) / 25) ** 2))).astype(np.float32)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for row in range(551, HEIGHT, 551):
        mask[row - 37 : row] = True
    for column in range(1040, WIDTH, 1040):
        mask[:, column - 10 : column] = True
    mask.ravel()[rng.integers(0, mask.size, 1500)] = True
    grounds = [rng.poisson(level).astype(np.uint32) for _ in range(2)]
    with h5py.File(path, "w") as file:
        made = file.create_dataset(
            "/entry/data/data", (frames, HEIGHT, WIDTH), "u4", chunks=(1, HEIGHT, WIDTH),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )  # fmt: skip
        for name, value, unit in _STATED:
            entry = file.create_dataset(f"/entry/instrument/{name}", data=value)
            entry.attrs["units"] = unit
        for number in range(frames):
            if number >= _DIFFERENT:  # packed once, written many times: each is a chunk of its own on disk
                made.id.write_direct_chunk((number, 0, 0), made.id.read_direct_chunk((number % _DIFFERENT, 0, 0))[1])
                continue
            array = np.roll(grounds[number % 2], int(rng.integers(0, 3000)), axis=1)
            for at_y, at_x in zip(rng.integers(5, HEIGHT - 5, 600), rng.integers(5, WIDTH - 5, 600), strict=True):
                spot = rng.poisson(rng.exponential(300), (3, 3))
                array[at_y - 1 : at_y + 2, at_x - 1 : at_x + 2] += spot.astype(np.uint32)
            array[mask] = SENTINEL
            made[number] = array
        return float(made.id.get_storage_size()) / frames / 1e6


def linked(path: Path, frames: int) -> Path:
    """A master file over so many frames: its data files are one file, named again and again."""
    import h5py

    with h5py.File(path, "r") as file:
        each = len(file["/entry/data/data"])
    master = path.with_name("m_1_master.h5")
    with h5py.File(master, "w") as file:
        for number in range(1, frames // each + 1):
            file[f"/entry/data/data_{number:06d}"] = h5py.ExternalLink(path.name, "/entry/data/data")
    return master


_STATED: tuple[tuple[str, float, str], ...] = (
    ("detector/x_pixel_size", 75e-6, "m"),
    ("detector/y_pixel_size", 75e-6, "m"),
    ("detector/detector_distance", 0.2, "m"),
    ("detector/beam_center_x", WIDTH / 2, "pixel"),
    ("detector/beam_center_y", HEIGHT / 2, "pixel"),
    ("beam/incident_wavelength", 1.0, "angstrom"),
)


def pilatus(folder: Path, frames: int) -> list[Path]:
    """Files as a PILATUS 6M writes them."""
    import numpy as np
    from fabio.cbfimage import CbfImage

    rng = np.random.default_rng(2)
    found = []
    ground = rng.poisson(3, (2527, 2463)).astype(np.int32)
    ground[::212] = -1
    for number in range(1, frames + 1):
        array = np.roll(ground, number * 17, axis=1)
        for at_y, at_x in zip(rng.integers(5, 2520, 500), rng.integers(5, 2455, 500), strict=True):
            array[at_y : at_y + 3, at_x : at_x + 3] = rng.exponential(800)
        path = folder / f"p_{number:04d}.cbf"
        CbfImage(data=array, header={}).write(str(path))
        found.append(path)
    return found


def descendants_cpu(without: int) -> float:
    """Seconds of processor time of all that this process started, but for one of them."""
    parents: dict[int, int] = {}
    spent: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
        spent[int(path.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total = 0.0
    for process in parents:
        at = process
        while at in parents and at not in (os.getpid(), without):
            at = parents[at]
        total += spent[process] if at == os.getpid() and process != at else 0.0
    return total


@dataclass
class Served:
    """The running dashboard."""

    address: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


@contextmanager
def served(folder: Path, frames: int) -> Iterator[Served]:
    """Serve a collection of ``e_1_master.h5`` in ``folder``, which lies there already."""
    import ispyb

    from auth.accounts import add_account
    from auth.store import Store
    from data import schema as s

    database = f"sqlite:///{folder / 'ispyb.db'}"
    writer = ispyb.writer(database)
    ispyb.fill(writer)
    writer.add(
        s.Collection, collection_id=EIGER, group_id=101, directory=str(folder), template="e_1_master.h5", images=frames,
        first_image=1, wavelength=1.0, distance=200.0, visit_hint=11,
    )  # fmt: skip
    store = Store(f"sqlite:///{folder / 'lens.sqlite'}")
    add_account(store, PERSON, PASSWORD, "Alice")
    store.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = folder / "lens.toml"
    settings.write_text(
        f'[database]\nurl = "{database}"\n[store]\nurl = "sqlite:///{folder / "lens.sqlite"}"\n'
        f'[server]\nport = {port}\n[files]\nroots = ["{folder}"]\n[log]\nlevel = "warning"\n'
    )
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--config", str(settings)],
            cwd=paths.ROOT,
            env={**os.environ, "PYTHONPATH": str(paths.ROOT)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 120
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the dashboard does not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield Served(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def signed_in(address: str) -> Any:
    """Somebody's cookies, as of a browser of their own."""
    from visitor import Visitor

    made = Visitor(address)
    await made.sign_in(PERSON, PASSWORD)
    return made
