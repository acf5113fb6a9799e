"""Files that stay open between frames: to open a master file and read what it says takes longer than a frame."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from data.images.formats import Frames, open_frames

Key = tuple[str, tuple[int, int]]


@dataclass(slots=True)
class _Kept:
    frames: Frames
    users: int = 0
    dropped: bool = False
    # Readers follow links and open parts as they go: one thread at a time.
    lock: RLock = field(default_factory=RLock)


class Shelf:
    """At most `most` open files, which hold at most `held` bytes besides the newest.

    A file is opened anew when its time or size changed, or after it failed.
    """

    def __init__(
        self,
        allowed: Callable[[Path], bool] | None = None,
        supply: Callable[[Path], bool] | None = None,
        most: int = 24,
        held: int = 500_000_000,
    ) -> None:
        self._allowed, self._supply, self._most, self._held = allowed, supply, most, held
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._lock = RLock()

    @contextmanager
    def frames(self, path: str, stamp: tuple[int, int]) -> Iterator[Frames]:
        """The open file, for this thread alone. Raises Unreadable; what fails inside makes the file be opened anew."""
        kept = self._take((path, stamp))
        try:
            with kept.lock:
                yield kept.frames
        except BaseException:
            self._forget((path, stamp), kept)
            raise
        finally:
            self._give_back(kept)

    def close(self) -> None:
        """Close all that nobody uses; the rest closes when it is given back."""
        with self._lock:
            for key, kept in list(self._kept.items()):
                self._forget(key, kept)

    def __len__(self) -> int:
        return len(self._kept)

    def _take(self, key: Key) -> _Kept:
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                kept.users += 1
                self._kept.move_to_end(key)
                return kept
        made = _Kept(open_frames(Path(key[0]), self._allowed, self._supply), users=1)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                while len(self._kept) > self._most or (len(self._kept) > 1 and self._bytes() > self._held):
                    oldest, other = next(iter(self._kept.items()))
                    self._forget(oldest, other)
            else:
                made.dropped = True  # another thread was first; this one is closed after use
        return made

    def _bytes(self) -> int:
        return sum(kept.frames.held for kept in self._kept.values())

    def _forget(self, key: Key, kept: _Kept) -> None:
        with self._lock:
            if self._kept.get(key) is kept:
                del self._kept[key]
            kept.dropped = True
            if kept.users == 0:
                kept.frames.close()

    def _give_back(self, kept: _Kept) -> None:
        with self._lock:
            kept.users -= 1
            if kept.dropped and kept.users == 0:
                kept.frames.close()
