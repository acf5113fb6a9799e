"""Pickled messages of plain values, read without running anything: no class, no function of the message is ever called.

OM sends dicts by Python's pickle. Here its opcodes are taken one by one, and only those that make plain values: dicts
with texts as keys, lists, tuples, numbers, texts, bytes, deques (as lists), and numpy's arrays and scalars of plain
numbers, which are made here from their bytes. Anything else is refused.
"""

import pickletools
import re
from typing import Any, Final

import numpy as np

MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_STEPS: Final = 400_000
_KIND = re.compile(r"^[<>|=]?([biuf][1248]|b1|\?)$")
_MARK: Final = object()


class Refused(Exception):
    """A message that holds something else than plain values."""


class _Name:
    """A callable that the message names; one of ``_NAMES``."""

    def __init__(self, what: str) -> None:
        self.what = what


class _Kind:
    """A numpy dtype under way."""

    def __init__(self, code: str) -> None:
        if not _KIND.match(code):
            raise Refused(f"numbers of kind {code[:20]!r}")
        self.code, self.order = code, "<"

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.code).newbyteorder(">" if self.order == ">" else "<")


class _Array:
    """A numpy array under way."""

    def __init__(self) -> None:
        self.value: Any = None


_NAMES: Final = {
    ("collections", "deque"): "deque",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    **{(f"numpy.{core}.multiarray", "_reconstruct"): "reconstruct" for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): "scalar" for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): "frombuffer" for core in ("core", "_core")},
}
_CONSTANT: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: Final = {"EMPTY_DICT": dict, "EMPTY_LIST": list}
_VALUES: Final = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
     "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
)  # fmt: skip
_PASSED: Final = frozenset({"PROTO", "FRAME"})


def unpickled(data: bytes) -> Any:
    """The value of a message. Raises Refused."""
    if len(data) > MOST_BYTES:
        raise Refused("it is too large")
    try:
        return _plain(_Machine().run(data), _Room())
    except Refused:
        raise
    except Exception as error:  # pickletools and a stack that is empty raise all kinds
        raise Refused("it is no pickled message") from error


class _Room:
    """How many parts may still be copied: a message can name one part again and again, and be far more than it is."""

    def __init__(self) -> None:
        self._left = _MOST_STEPS

    def take(self, parts: int) -> None:
        """Raises Refused where there is no room for so many."""
        self._left -= parts
        if self._left < 0:
            raise Refused("it has too many parts")


class _Machine:
    """The stack and the memo of one message."""

    def __init__(self) -> None:
        self._room = _Room()
        self._stack: list[Any] = []
        self._memo: list[Any] = []

    def run(self, data: bytes) -> Any:
        for steps, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            name = opcode.name
            if steps > _MOST_STEPS:
                raise Refused("it has too many parts")
            if name in _VALUES:
                if name == "LONG1" and not -(1 << 64) < int(argument or 0) < 1 << 64:
                    raise Refused("a number too large")
                self._stack.append(argument)
            elif name in _CONSTANT:
                self._stack.append(_CONSTANT[name])
            elif name in _EMPTY:
                self._stack.append(_EMPTY[name]())
            elif name == "STOP":
                return self._stack.pop()
            elif name not in _PASSED:
                self._do(name, argument)
        raise Refused("it is cut short")

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        match name:
            case "MARK":
                stack.append(_MARK)
            case "MEMOIZE":
                self._memo.append(stack[-1])
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "BINPUT" | "LONG_BINPUT":
                if argument != len(self._memo):
                    raise Refused("a memo out of order")
                self._memo.append(stack[-1])
            case "APPEND":
                value = stack.pop()
                self._list().append(value)
            case "APPENDS":
                values = self._marked()
                self._list().extend(values)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                self._set([key, value])
            case "SETITEMS":
                self._set(self._marked())
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                values = stack[-count:]
                del stack[-count:]
                stack.append(tuple(values))
            case "TUPLE":
                stack.append(tuple(self._marked()))
            case "GLOBAL":
                stack.append(self._named(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                what, module = stack.pop(), stack.pop()
                stack.append(self._named(module, what))
            case "REDUCE":
                arguments, called = stack.pop(), stack.pop()
                stack.append(_call(called, arguments, self._room))
            case "BUILD":
                state = stack.pop()
                _build(stack[-1], state)
            case _:
                raise Refused(f"the step {name}")

    def _marked(self) -> list[Any]:
        place = next(k for k in range(len(self._stack) - 1, -1, -1) if self._stack[k] is _MARK)
        found = self._stack[place + 1 :]
        del self._stack[place:]
        return found

    def _list(self) -> list[Any]:
        if not isinstance(self._stack[-1], list):
            raise Refused("parts of what is no list")
        return self._stack[-1]

    def _set(self, pairs: list[Any]) -> None:
        into = self._stack[-1]
        # Texts alone: a tuple of tuples as a key would be hashed for ever.
        if not isinstance(into, dict) or not all(isinstance(key, str) for key in pairs[::2]):
            raise Refused("keys that are no texts")
        into.update(zip(pairs[::2], pairs[1::2], strict=True))

    @staticmethod
    def _named(module: object, what: object) -> _Name:
        known = _NAMES.get((module, what)) if isinstance(module, str) and isinstance(what, str) else None
        if known is None:
            raise Refused(f"{str(module)[:40]}.{str(what)[:40]}")
        return _Name(known)


def _call(called: Any, arguments: Any, room: _Room) -> Any:
    what = called.what if isinstance(called, _Name) else None
    if not isinstance(arguments, tuple):
        raise Refused("a call without arguments")
    match what:
        case "deque":
            parts = arguments[0] if arguments and isinstance(arguments[0], list | tuple) else ()
            room.take(len(parts))
            return list(parts)
        case "dtype":
            return _Kind(str(arguments[0]))
        case "reconstruct":
            return _Array()
        case "scalar":
            kind, raw = arguments
            return np.frombuffer(raw, kind.dtype(), 1)[0].item()
        case "frombuffer":
            raw, kind, shape, order = arguments
            made = _Array()
            made.value = _shaped(raw, kind, shape, order == "F")
            return made
    raise Refused("a call")


def _build(into: Any, state: Any) -> None:
    if isinstance(into, _Kind):
        # (version, order, no parts, no names, no fields, ...): what has parts is no plain number.
        if any(part is not None for part in state[2:5]):
            raise Refused("numbers with parts")
        into.order = "<" if state[1] in "|=" else state[1]
    elif isinstance(into, _Array):
        _, shape, kind, fortran, raw = state
        into.value = _shaped(raw, kind, shape, bool(fortran))
    else:
        raise Refused("a state of what has none")


def _shaped(raw: Any, kind: Any, shape: Any, fortran: bool) -> Any:
    if not isinstance(raw, bytes | bytearray) or not isinstance(kind, _Kind):
        raise Refused("an array of something else than bytes")
    return np.frombuffer(raw, kind.dtype()).reshape([int(n) for n in shape], order="F" if fortran else "C")


def _plain(value: Any, room: _Room, deep: int = 0) -> Any:
    """The value with arrays in place of those under way, two levels down: that is how deep messages are."""
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, _Name | _Kind) or value is _MARK:
        raise Refused("a name")
    if deep < 3 and isinstance(value, dict):
        room.take(len(value))
        return {key: _plain(one, room, deep + 1) for key, one in value.items()}
    if deep < 3 and isinstance(value, list):
        room.take(len(value))
        if any(isinstance(one, _Array | _Name | _Kind) for one in value):
            return [_plain(one, room, deep + 1) for one in value]
    return value
