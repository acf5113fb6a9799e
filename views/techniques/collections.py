"""The collections of a visit as a list that pages, sorts, filters, selects and follows what happens."""

from collections.abc import Callable

from data.lists import Asked, Page
from data.reader import Reader
from views import place as places
from views.desk import Desk
from views.parts.table import Key, Table, TableState, Want
from views.place import ListPlace
from views.problem import Problem
from views.reading import Reading
from views.techniques.technique import Row, Technique

# Rows on screen that a beat reads again; a longer list is read again as it is scrolled to.
_REREAD = 100
_NEWEST = 100


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
        self._last: int | None = None
        self._loaded: list[int] = []
        self._plain = True
        self._listing = 0  # counts the lists asked for: what was read for an earlier one is not of this one
        self._answered = False  # the first page of this one is there; nothing is new compared with nothing
        self._missed = False  # the visit changed before
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
        )
        self._beat: Reading[tuple[list[Row], list[Row]]] = Reading(desk, self._news, self._no_news)

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

    def beat(self) -> None:
        """The visit changed: read what is new and what is on screen, once for everybody who watches the same."""
        visit = self._visit
        if visit is None:
            return
        if not self._answered:
            self._missed = True
            return
        queries, shared = self._technique.queries, self._desk.shared
        version = self._desk.pulse.version()
        ids = tuple(sorted(self._loaded, reverse=True)[:_REREAD])
        newest = ids[0] if ids else 0
        plain, key = self._plain, self._technique.key

        def question(reader: Reader) -> tuple[list[Row], list[Row]]:
            def both(reader: Reader) -> tuple[list[Row], list[Row]]:
                fresh = queries.newer(reader, visit, newest) if plain else []
                return fresh[:_NEWEST], queries.changed(reader, visit, ids) if ids else []

            return shared.answer(reader, visit, version, (key, plain, ids), both)

        self._beat.ask(question)

    def _begin(self) -> None:
        """Another list: nothing of the one before counts."""
        self._missed = self._missed or self._beat.waiting
        self._beat.forget()
        self._listing += 1
        self._loaded, self._answered = [], False

    def _news(self, news: tuple[list[Row], list[Row]]) -> None:
        fresh, changed = news
        draw = self._technique.draw
        if changed:
            self.table.update_rows([draw(self._desk, row) for row in changed])
        known = set(self._loaded)
        fresh = [row for row in fresh if row["id"] not in known]
        if fresh:
            self._loaded += [row["id"] for row in fresh]
            if self._total is not None:
                self._total += len(fresh)
            self.table.insert_rows([draw(self._desk, row) for row in fresh])

    def _no_news(self, problem: Problem) -> None:
        """The rows on screen stay; the badge of the shell says that news are late."""

    def _want(self, want: Want) -> None:
        visit, desk, queries = self._visit, self._desk, self._technique.queries
        if visit is None:
            return
        question = asked(want)
        self._plain = question == Asked()
        if want.offset == 0:
            self._begin()
        listing = self._listing
        plain = self._plain
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
            self._last = page.rows[-1]["id"] if page.rows else self._last
            if plain:
                self._total = total
            self.table.send_rows(
                want.seq, want.offset, [self._technique.draw(desk, row) for row in page.rows], total, page.done
            )
            self._answered = True
            if self._missed:
                self._missed = False
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
