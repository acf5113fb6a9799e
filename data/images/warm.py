"""The compiled loops, made ready before anybody asks for a frame.

The first start after an installation compiles for some seconds, in a process of its own, as compiling holds up all
other threads. The machine code stays on disk, and later starts load it. Until it is there, frames are decoded by HDF5
and reduced by numpy.
"""

import hashlib
import importlib.metadata
import os
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from data.images import curves, loops

_SECONDS = 300


_begun: set[int] = set()


def begin() -> None:
    """Get the compiled loops ready in a thread, once in each process (a forked one has none of its parent's threads).

    Until then `loops` gives none where it was told to hold them back.
    """
    if os.getpid() not in _begun:
        _begun.add(os.getpid())
        Thread(target=_release, name="compiled loops", daemon=True).start()


def _release() -> None:
    if prepare():
        loops.release()
    with suppress(ImportError):
        curves.load_library()


def prepare() -> bool:
    """Load the compiled loops, compiling them first where need be; whether they can be used. Takes a while."""
    try:
        mark = _mark()
    except ImportError:
        return False
    if not mark.exists():
        root = str(Path(__file__).parents[2])
        code = f"import sys; sys.path.insert(0, {root!r}); import data.images.warm as w; w.warm()"
        command = [sys.executable, "-c", code]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            return False
        with suppress(OSError):
            mark.touch()
    warm()
    return True


def _mark() -> Path:
    """A file that says that these loops were compiled for this processor by these versions."""
    kernels: Any = import_module("data.images.kernels")
    parts = [sys.version, import_module("llvmlite.binding").get_host_cpu_name()]
    parts += [importlib.metadata.version(name) for name in ("numba", "llvmlite", "numpy")]
    name = hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
    return Path(kernels.folder()) / f"compiled-{name}"


def warm() -> None:
    """Call each loop once with each kind of numbers that it meets."""
    from data.images import reduce, spots
    from data.images.formats.chunk import Rejected
    from data.images.formats.frame import Frame

    kernels: Any = import_module("data.images.kernels")
    rng = np.random.default_rng(1)
    for kind in ("u1", "u2", "u4", "i4"):
        array = rng.integers(0, 100, (32, 32)).astype(kind)
        reduce.reduce(Frame(array, array > 90), 16)
    array = rng.poisson(1, (64, 64)).astype(np.uint32)
    array[30:33, 30:33] = 500
    spots.find(Frame(array, array > 600))
    kernels.offsets(b"\x01\x02\x80\x00\x10", 3)
    reduce.reduce_offsets(memoryview(b"\x01\x02\x80\x00\x10"), (1, 3), 256)
    reduce.levels(np.zeros((4, 4), np.uint8))
    with suppress(ImportError):
        bitshuffle: Any = import_module("data.images.bitshuffle")
        for kind in ("u1", "u2", "u4"):
            array = rng.integers(0, 200, (40, 67)).astype(kind)
            room = np.frombuffer(bytearray(packed(array)), np.uint8)
            made = bitshuffle.Packed(room, array.shape, array.itemsize)
            made.pool(2, reduce.table(), Rejected(array > 150))
            made.pool(2, reduce.table())
            made.region(1, 1, 60, 30)
            bitshuffle.fold([made, made], room, summed=True)
            bitshuffle.fold([made, made], room, summed=False)


def packed(array: NDArray[Any]) -> bytes:
    """The chunk that a detector would write for a frame."""
    name = "packed.h5"
    with h5py.File(name, "w", driver="core", backing_store=False) as file:
        made = file.create_dataset("a", data=array, chunks=array.shape, **hdf5plugin.Bitshuffle(cname="lz4"))
        return bytes(made.id.read_direct_chunk((0,) * array.ndim)[1])
