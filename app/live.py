"""The feed as one browser sees it: the version of the one visit that it shows."""

from data.live.feed import Feed, Watch


class BrowserPulse:
    """Watches at most one visit for a browser; ``close`` when the browser goes."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._watch: Watch | None = None
        self._visit: int | None = None
        self._closed = False

    def watch(self, visit_id: int | None) -> None:
        """Watch this visit from now on, and no other."""
        if visit_id == self._visit or self._closed:
            return
        if self._watch is not None:
            self._watch.close()
        self._visit = visit_id
        self._watch = self._feed.watch(visit_id) if visit_id is not None else None

    def version(self) -> int:
        """The version of the watched visit; 0 while none is."""
        return self._watch.version if self._watch is not None else 0

    def close(self) -> None:
        """Stop watching."""
        self.watch(None)
        self._closed = True
