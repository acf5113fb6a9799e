"""The only door to ISPyB for views: every question passes the guard."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from data.errors import NotFound
from data.guard import guarded
from data.query import Query, Record
from data.schema.settle import Settlement
from data.scope import Scope
from data.source import Source
from data.techniques.mx.rule import Rule, rule_from


class Reader:
    """Runs queries for one Scope. Safe to use from several threads."""

    def __init__(self, source: Source, scope: Scope) -> None:
        self._source = source
        self.scope = scope

    def by(self, *ways: str) -> "Reader":
        """A Reader for what the Scope sees by these of the guard's ways alone, and never by seeing everything."""
        has = self.scope.ways
        left = frozenset(ways) if has is None else frozenset(ways) & has
        return Reader(self._source, replace(self.scope, everything=False, administer=False, ways=left))

    @property
    def settlement(self) -> Settlement:
        """What the site's schema lacks."""
        return self._source.settlement

    @property
    def rule(self) -> Rule:
        """How the site chooses the best result of a collection."""
        return rule_from(self._source.choices.get("mx.best"))

    @property
    def hits(self) -> Mapping[str, int]:
        """The spots above which an image is a hit, of beamlines that have a number of their own."""
        return {
            key.removeprefix("hit."): int(value)
            for key, value in self._source.choices.items()
            if key.startswith("hit.")
        }

    def rows(self, query: Query, parameters: dict[str, Any] | None = None) -> Sequence[Record]:
        """All rows that this Scope may see, with ``parameters`` by name. Raises Unavailable, TooSlow."""
        return self._source.run(guarded(query, self.scope), parameters)

    def columns(self, query: Query) -> Sequence[Sequence[Any]]:
        """The same rows as plain tuples of numbers, by position: for many. Raises Unavailable, TooSlow."""
        return self._source.columns(guarded(query, self.scope))

    def one(self, query: Query, what: str = "This") -> Record:
        """The first row, or NotFound: absent and forbidden are the same, with the same words."""
        found = self.rows(query.limit(1))
        if not found:
            raise NotFound(what)
        return found[0]

    def scalar(self, query: Query) -> Any:
        """The first column of the first row, or None."""
        found = self.rows(query)
        return found[0][0] if found else None
