"""The compiled loops where they can be had, and whether they are ready."""

from functools import cache
from types import ModuleType


class _State:
    held_back = False


def hold_back() -> None:
    """Do without the compiled loops until `release`: the first call of each may compile for seconds."""
    _State.held_back = True


def release() -> None:
    """Use the compiled loops from now on."""
    _State.held_back = False


def kernels() -> ModuleType | None:
    """The loops over frames, where numba is installed and nobody holds them back."""
    return None if _State.held_back else _kernels()


def bitshuffle() -> ModuleType | None:
    """The direct decoder, where numba is found and nobody holds it back."""
    return None if _State.held_back else _bitshuffle()


@cache
def _kernels() -> ModuleType | None:
    try:
        from data.images import kernels as found
    except ImportError:
        return None
    return found


@cache
def _bitshuffle() -> ModuleType | None:
    try:
        from data.images import bitshuffle as found
    except ImportError:
        return None
    return found
