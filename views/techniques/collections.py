"""The collections of a visit as a list that pages, sorts, filters, selects and follows what happens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data.lists import Asked, Page
from data.reader import Reader
from views import place as places
from views.desk import Desk
from views.parts.table import Key, Table, TableState, Want
from views.place import ListPlace
from views.problem import Problem
from views.reading import Reading
from views.techniques.technique import Row, Technique

# Rows that a beat reads again; a longer list is read again as it is scrolled to.
_REREAD = 100
_NEWEST = 100


@dataclass(frozen=True, slots=True)
class _News:
    """What a beat read: rows as they are now, and which of the rows that are not shown a narrowed list holds."""

    asked_for: frozenset[int] | None
    """The versions whose changes were read; None: everything."""
    rows: list[Row]
    fits: frozenset[int] = frozenset()
    total: int | None = None
    """Rows of the list, counted where it is not known which are new."""


def table_state(listing: ListPlace) -> TableState:
    """How the link says that the list stands, as the table has it."""
    return TableState(
        sort=listing.sort,
        descending=listing.descending,
        filters=dict(listing.filters),
        search=listing.search,
        columns=listing.columns,
        layout="cards" if listing.cards else "table",
    )


def list_place(state: TableState) -> ListPlace:
    """How the table stands, as the link has it."""
    return ListPlace(
        sort=state.sort,
        descending=state.descending if state.sort else True,
        search=state.search,
        filters=tuple(sorted(state.filters.items())),
        columns=state.columns,
        cards=state.layout == "cards",
    )


def asked(want: Want) -> Asked:
    """The question of a table, for the data layer."""
    return Asked(want.sort, want.descending or want.sort is None, tuple(sorted(want.filters.items())), want.search)


class Collections:
    """The list of one technique. ``relist`` is told how the user has ordered it, for the link."""

    def __init__(self, desk: Desk, technique: Technique, relist: Callable[[ListPlace], None]) -> None:
        self._desk, self._technique, self._relist = desk, technique, relist
        self._visit: int | None = None
        self._total: int | None = None
        self._last: tuple[int, int] | None = None
        self._loaded: list[int] = []
        self._asked = Asked()
        self._listing = 0  # counts the lists asked for: what was read for an earlier one is not of this one
        self._answered = False  # the first page of this one is there; nothing is new compared with nothing
        self._done = False  # no row comes after those loaded
        self._seen = self._heard = 0  # up to where the pulse's changes and beginnings have been taken in
        # Versions, each with what changed and was not read since; None: any may have.
        self._due: dict[int, frozenset[int]] | None = {}
        self._born: set[int] = set()  # began since the list was asked for
        self._offered: set[int] = set()  # new, and waiting for the list to be asked again
        self._more = 0  # and so many of which only the number is known
        self.table = Table(
            technique.columns,
            on_want=self._want,
            on_open=self._open,
            on_state=self._state,
            key="key",
            cards=technique.cards,
            label=f"{technique.label} collections",
            noun=("collection", "collections"),
            empty=("No collections yet", "New ones appear here by themselves as the beamline writes them."),
            page=50,
            away=f"{desk.prefix}/export/collections",
        )
        self._beat: Reading[_News] = Reading(desk, self._news, self._no_news)

    def show(self, visit_id: int, listing: ListPlace) -> None:
        """Show the collections of this visit, ordered and filtered as the link says."""
        state = table_state(listing)
        if visit_id != self._visit:
            self._visit, self._total = visit_id, None
            self._begin()
            self.table.set_state(state)
            self.table.reload()
        else:
            self.table.set_state(state)
            self.beat()  # what happened while another page was looked at

    def beat(self) -> None:
        """Something began or changed: show what the pulse brings, and read what it names, once for all who watch."""
        visit, pulse = self._visit, self._desk.pulse
        if visit is None or not self._answered:
            return
        started, self._heard = pulse.started(self._heard), pulse.begun()
        self._greet([one.row for one in started if one.technique == self._technique.key])
        version, seen = pulse.version(), self._seen
        if version == seen:
            return
        steps, self._seen = pulse.steps(seen), version
        some = None if steps is None else {step: ids for step, ids in steps.items() if ids}
        self._due = None if some is None or self._due is None else self._due | some
        if self._due is None or self._due:
            self._beat.ask(self._question(visit, version))

    def _question(self, visit: int, version: int) -> Callable[[Reader], _News]:
        queries, shared, key = self._technique.queries, self._desk.shared, self._technique.key
        asked_then = self._asked
        loaded = frozenset(self._loaded)

        if self._due is None:
            ids = tuple(sorted(loaded, reverse=True)[:_REREAD])
            highest = ids[0] if ids else 0

            def all_of_it(reader: Reader) -> _News:
                rows = queries.changed(reader, visit, ids) if ids else []
                if asked_then.plain:
                    return _News(None, [*queries.newer(reader, visit, highest)[:_NEWEST], *rows])
                if asked_then.sort is None:
                    top = queries.collections(reader, visit, asked_then, 0, _NEWEST).rows
                    return _News(None, [*top, *rows], frozenset(row["id"] for row in top))
                narrowed = Asked(filters=asked_then.filters, search=asked_then.search)
                counted = queries.collections(reader, visit, narrowed, 0, 1).total if narrowed.narrowed else None
                return _News(None, rows, total=queries.count(reader, visit) if counted is None else counted)

            return lambda reader: shared.answer(reader, visit, version, (key, asked_then, ids), all_of_it)

        due = dict(self._due)

        def changed(reader: Reader, ids: Sequence[int]) -> list[Row]:
            parts = (ids[first : first + _REREAD] for first in range(0, len(ids), _REREAD))
            return [row for part in parts for row in queries.changed(reader, visit, part)]

        def question(reader: Reader) -> _News:
            rows = shared.rows(reader, visit, due, key, changed)
            others = tuple(row["id"] for row in rows if row["id"] not in loaded) if asked_then.narrowed else ()
            fits = (
                shared.answer(
                    reader,
                    visit,
                    version,
                    (key, asked_then, others),
                    lambda reader: queries.fits(reader, visit, asked_then, others),
                )
                if others
                else ()
            )
            return _News(frozenset(due), rows, frozenset(fits))

        return question

    def _begin(self) -> None:
        """Another list: nothing of the one before counts."""
        self._beat.forget()
        self._listing += 1
        self._loaded, self._answered, self._done = [], False, False
        self._seen, self._heard = self._desk.pulse.version(), self._desk.pulse.begun()
        self._due, self._born, self._offered, self._more = {}, set(), set(), 0

    def _greet(self, rows: list[Row]) -> None:
        """Collections that have just begun."""
        self._born |= {row["id"] for row in rows}
        if not self._asked.narrowed:  # whether they fit is asked with what changed
            self._add([self._technique.queries.begun(row) for row in reversed(rows)])

    def _news(self, news: _News) -> None:
        if news.asked_for is None:
            self._due = {}
        elif self._due is not None:
            self._due = {version: ids for version, ids in self._due.items() if version not in news.asked_for}
        known = set(self._loaded)
        changed = [row for row in news.rows if row["id"] in known]
        if changed:
            self.table.update_rows([self._technique.draw(self._desk, row) for row in changed])
        if news.total is not None and self._total is not None:
            self._more = max(0, news.total - self._total - len(self._offered))
            self._hint()
        self._add([row for row in news.rows if not self._asked.narrowed or row["id"] in news.fits])

    def _add(self, rows: list[Row]) -> None:
        """Show those of ``rows`` that are new to the list: on top, where that is their place; else as a hint."""
        known = set(self._loaded)
        fresh = [row for row in rows if row["id"] not in known and self._is_new(row["id"])]
        newest = max(known, default=0)
        top = [row for row in fresh if self._asked.sort is None and row["id"] > newest]
        if top:
            self._loaded += [row["id"] for row in top]
            if self._total is not None:
                self._total += len(top)
            self.table.insert_rows([self._technique.draw(self._desk, row) for row in top])
        offered = self._offered | {row["id"] for row in fresh if row not in top}
        if offered != self._offered:
            self._offered = offered
            self._hint()

    def _hint(self) -> None:
        self.table.offer(len(self._offered) + self._more)

    def _is_new(self, key: int) -> bool:
        """Whether a collection that is not loaded is new, and not one of those further down."""
        if self._done or key in self._born or not self._loaded:
            return True
        if self._asked.sort is not None:
            return False
        return key > (min if self._asked.narrowed else max)(self._loaded)

    def _no_news(self, problem: Problem) -> None:
        """The rows on screen stay; the badge of the shell says that news are late."""

    def _want(self, want: Want) -> None:
        visit, desk, queries = self._visit, self._desk, self._technique.queries
        if visit is None:
            return
        question = asked(want)
        self._asked = question
        if want.offset == 0:
            self._begin()
        listing = self._listing
        plain = question.plain
        before = self._last if plain and want.offset and want.offset == len(self._loaded) else None
        known = self._total if plain and want.offset else None
        version = desk.pulse.version()
        failed = False

        def ask(reader: Reader) -> tuple[Page, int | None]:
            page = queries.collections(
                reader, visit, question, 0 if before is not None else want.offset, want.limit, before=before
            )
            total = page.total if page.total is not None else known
            if plain and total is None:
                total = queries.count(reader, visit)
            return page, total

        def ask_once(reader: Reader) -> tuple[Page, int | None]:
            # Everybody who opens the visit starts with the same page: it is read once for each version.
            key = ("first", self._technique.key, want.limit)
            return desk.shared.answer(reader, visit, version, key, ask)

        def tell(answer: tuple[Page, int | None]) -> None:
            page, total = answer
            if listing != self._listing:
                return
            if failed:  # the table has given up this question: it asks anew
                self.table.reload()
                return
            self._loaded += [row["id"] for row in page.rows]
            if page.rows:
                self._last = page.rows[-1]["group_id"], page.rows[-1]["id"]
            self._done = self._done or page.done
            self._total = total
            self.table.send_rows(
                want.seq, want.offset, [self._technique.draw(desk, row) for row in page.rows], total, page.done
            )
            self._answered = True
            self.beat()

        def fail(problem: Problem) -> None:
            nonlocal failed
            failed = True
            self.table.fail(f"{problem.title}. {problem.text}", problem.reference)

        Reading(desk, tell, fail).ask(ask_once if plain and not want.offset else ask)

    def _open(self, key: Key) -> None:
        if isinstance(key, int):
            self._desk.go(places.collection(key), False)

    def _state(self, state: TableState) -> None:
        self._relist(list_place(state))
