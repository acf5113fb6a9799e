"""The events of a visit: a timeline, and below it everything that happened in one list, newest first."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from panel.viewable import Viewable

from data.core import visits
from data.lists import Asked
from data.reader import Reader
from data.techniques.mx import events as mx
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Blocks
from views.parts.choices import Choices
from views.parts.table import Table, TableState, Want
from views.parts.text import when
from views.parts.timeline import TimelinePlot
from views.place import ListPlace, Place
from views.problem import Problem
from views.reading import Reading
from views.still import Still
from views.techniques import mx_event_link as link
from views.techniques.collections import asked as asked_of
from views.techniques.collections import list_place, table_state
from views.techniques.mx_event_line import EventLine, Question
from views.techniques.mx_event_rows import COLUMNS, children, draw
from views.view import Span

Row = dict[str, Any]
_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class _Head:
    visit: Row
    counts: dict[str, int]
    stars: frozenset[str]


@dataclass(frozen=True, slots=True)
class _News:
    counts: dict[str, int]
    first: mx.Events
    changed: list[Row]


class EventsView:
    """The timeline of a visit. What a page holds is shown again only while the right to the visit is known."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place()
        self._name: str | None = None
        self._head: _Head | None = None
        self._stars: frozenset[str] = frozenset()
        self._asked = Asked()
        self._items: list[Row] = []
        self._flat: list[Row] = []
        self._open: frozenset[int] = frozenset()
        self._end, self._done = mx.Place(), False
        self._list = 0  # lists that were begun: what was read for an earlier one is not of this one
        self._wants: list[Want] = []
        self._seen = self._heard = 0
        self._top = Blocks([b.loading(2)])
        self._fields = Choices(self._choose, label="What to show")
        self._plot = TimelinePlot(self._range, self._pick, self._open_event, self._narrow)
        self._line = EventLine(desk, self._plot)
        self._table = Table(
            COLUMNS,
            on_want=self._want,
            on_select=self._selected,
            on_state=self._state,
            on_act=self._act,
            key="key",
            label="Events",
            noun=("event", "events"),
            empty=("Nothing has happened yet", "Events appear here by themselves as the beamline writes them."),
            page=_PAGE,
        )
        self.parts: list[Viewable] = [self._top]
        self.spans: list[Span] = [12]
        self._reading: Reading[_Head] = Reading(desk, self._begin, self._fail)
        self._more: Reading[tuple[int, list[mx.Events]]] = Reading(desk, self._add, self._no_more)
        self._beat: Reading[_News] = Reading(desk, self._news, lambda problem: None)
        self._starring: Reading[frozenset[str]] = Reading(desk, self._starred, self._not_starred)
        self._still = Still(desk, self._fail)

    # -- the page

    def show(self, place: Place) -> None:
        """Show the events of the visit as the link says."""
        before, self._place = self._place, place
        name, desk = place.visit_name or "", self._desk
        self._crumbs(place)
        if name != self._name or self._head is None:
            self._name, self._head = name, None
            self._top.set([b.heading(f"{name} · events", 1), b.loading(2)])
            self._arrange(False)
            self._reading.ask(self._question(place))
            return
        desk.pulse.watch(self._head.visit["id"])
        self._follow(before)
        self.beat()

    def hide(self) -> None:
        """Drop what is under way; the rows stay for the way back."""
        for reading in (self._reading, self._more, self._beat, self._starring):
            reading.forget()
        self._line.forget()
        self._still.forget()
        self._wants = []

    def _crumbs(self, place: Place) -> None:
        name, proposal = place.visit_name or "", place.proposal or ""
        above = (proposal, places.proposal(proposal)), (name, places.visit(proposal, place.visit or 0))
        self._desk.head(f"{name} events", (("Proposals", places.proposals()), *above, ("Events", None)))

    def _question(self, place: Place) -> Any:
        office = self._desk.office

        def ask(reader: Reader) -> _Head:
            found = visits.visit(reader, place.proposal or "", place.visit or 0)
            return _Head(found, mx.counts(reader, found["id"]), frozenset(office.stars(found["id"])))

        return ask

    def _visible(self) -> Callable[[Reader], Row]:
        """Raises NotFound where the visit may not be seen any more."""
        proposal, number = self._place.proposal or "", self._place.visit or 0
        return lambda reader: visits.visit(reader, proposal, number)

    def _begin(self, head: _Head) -> None:
        self._head, self._stars = head, head.stars
        self._desk.pulse.watch(head.visit["id"])
        self._seen, self._heard = self._desk.pulse.version(), self._desk.pulse.begun()
        self._still.known()
        self._open = link.opened(self._place)
        self._line.forget()
        listing = self._place.listing
        self._asked = Asked(filters=listing.filters, search=listing.search)
        self._table.set_state(table_state(listing))
        self._restart()
        self._table.reload()
        self._draw_head()
        self._arrange(True)
        self._ask_line(force=True)

    def _fail(self, problem: Problem) -> None:
        self._desk.pulse.watch(None)
        self._head = None
        self._restart()
        self._arrange(False)
        self._top.set([b.heading(f"{self._name or 'Visit'} · events", 1),
                       b.problem(problem.title, problem.text, problem.reference)])  # fmt: skip

    def _arrange(self, full: bool) -> None:
        shown: list[Viewable] = [self._top, self._fields, self._plot, self._table] if full else [self._top]
        if shown != self.parts:
            self.parts, self.spans = shown, [12] * len(shown)
            self._desk.redraw()

    def _draw_head(self) -> None:
        head = self._head
        if head is None:
            return
        found = head.visit
        detail = f"{found.get('beamline') or ''} · {when(found.get('start'))} – {when(found.get('end'))}"
        self._top.set([b.heading(f"{self._name} · events", 1, detail)])
        self._fields.set(link.fields(self._place, head.counts, len(self._stars)))
        self._plot.listed("start" in dict(self._place.listing.filters))

    # -- what the link says

    def _seeing(self, **changed: str | None) -> None:
        """Change what the page keeps of its own in the link; the history does not grow."""
        self._desk.go(self._place.seeing(**changed), True)

    def _relist(self, listing: ListPlace) -> None:
        self._place = replace(self._place, listing=listing)
        self._desk.relist(listing)
        self._draw_head()

    def _follow(self, before: Place) -> None:
        """Bring everything to what the link says now."""
        self._table.set_state(table_state(self._place.listing))
        now_open = link.opened(self._place)
        if now_open != self._open:
            self._open = now_open
            self._flatten()
            self._table.reload(keep=True)
        if before.seen("star") != self._place.seen("star"):
            self._restart()
            self._table.reload()
        self._draw_head()
        self._ask_line()

    # -- choices of the hand: a stranger's

    def _choose(self, key: str, value: str) -> None:
        if key == "star":
            self._seeing(star=value or None)
        elif key == "lanes":
            self._seeing(lanes=value if value != "kind" else None)
        elif key.startswith("kind_"):
            kinds = link.kinds(self._place.listing) ^ {key.removeprefix("kind_")}
            listed = "|".join(kind for kind in mx.KINDS if kind in kinds)
            self._filter("kind", listed)

    def _filter(self, key: str, text: str) -> None:
        listing = self._place.listing
        filters = {**dict(listing.filters), key: text}
        kept = tuple(sorted((name, words) for name, words in filters.items() if words))
        listing = replace(listing, filters=kept)
        self._table.set_state(table_state(listing))
        self._relist(listing)

    def _range(self, low: datetime | None, high: datetime | None) -> None:
        given = (
            (None, None) if low is None or high is None else (f"{low:%Y-%m-%dT%H:%M:%S}", f"{high:%Y-%m-%dT%H:%M:%S}")
        )
        self._place = self._place.seeing(**{"from": given[0], "to": given[1]})
        self._desk.go(self._place, True)

    def _narrow(self, on: bool) -> None:
        low, high = link.span(self._place)
        if on and low is None and self._head is not None:
            return
        self._filter("start", f"{low:{link.FORM}}..{high:{link.FORM}}" if on and low and high else "")

    def _pick(self, key: str) -> None:
        self._plot.pick([key])
        self._table.choose([key])

    def _open_event(self, stream: str, number: int) -> None:
        to = {"c": places.collection, "e": places.energy_scan, "x": places.xrf}.get(stream)
        if to is not None:
            self._desk.go(to(number), False)

    def _selected(self, keys: list[Any]) -> None:
        self._plot.pick(sorted({str(key).partition(".")[0] for key in keys}))

    def _state(self, state: TableState) -> None:
        self._relist(list_place(state))

    def _act(self, key: Any, act: str) -> None:
        row = next((item for item in self._items if item["key"] == key), None)
        head = self._head
        if row is None or head is None:
            return
        if act == "open" and row["stream"] == "g":
            now = self._open ^ {row["number"]}
            self._seeing(open=".".join(map(str, sorted(now))) or None)
        elif act == "star":
            office, visit, marked = self._desk.office, head.visit["id"], key not in self._stars
            visible = self._visible()

            def mark(reader: Reader) -> frozenset[str]:
                visible(reader)
                office.star(visit, str(key), marked)
                return frozenset(office.stars(visit))

            self._starring.ask(mark)

    def _starred(self, stars: frozenset[str]) -> None:
        changed, self._stars = stars ^ self._stars, stars
        self._table.update_rows([self._row(row) for row in self._items if row["key"] in changed])
        self._draw_head()

    def _not_starred(self, problem: Problem) -> None:
        if problem.gone:
            self._fail(problem)
            return
        said = b.problem(problem.title, problem.text, problem.reference)
        self._top.set([b.heading(f"{self._name} · events", 1), said])

    # -- the list

    def _restart(self) -> None:
        self._list += 1
        self._items, self._flat, self._end, self._done = [], [], mx.Place(), False
        self._wants = []
        self._more.forget()
        self._beat.forget()

    def _flatten(self) -> None:
        self._flat = []
        for row in self._items:
            self._flat.append(self._row(row))
            if row["stream"] == "g" and row["number"] in self._open:
                self._flat += children(self._desk, row)

    def _row(self, row: Row) -> Row:
        return draw(self._desk, row, row["key"] in self._stars, row["number"] in self._open)

    def _want(self, want: Want) -> None:
        head = self._head
        if head is None:
            return
        question = asked_of(want)
        if want.offset == 0 or question != self._asked:
            self._restart()
            if question != self._asked:
                self._asked = question
                self._ask_line()
        self._wants.append(want)
        self._still.then(self._visible(), self._serve)

    def _serve(self) -> None:
        """Answer what is at hand; read on for the rest."""
        waiting = []
        for want in self._wants:
            if self._done or len(self._flat) >= want.offset + want.limit:
                rows = self._flat[want.offset : want.offset + want.limit]
                done = self._done and want.offset + want.limit >= len(self._flat)
                self._table.send_rows(want.seq, want.offset, rows, len(self._flat) if self._done else None, done)
            else:
                waiting.append(want)
        self._wants = waiting
        head = self._head
        if not waiting or head is None or self._more.waiting:
            return
        visit, question, end, mine = head.visit["id"], self._asked, self._end, self._list
        only = link.only(self._place, self._stars)
        missing = max(want.offset + want.limit for want in waiting) - len(self._flat)
        shared, version = self._desk.shared, self._desk.pulse.version()
        first = not self._items

        def ask(reader: Reader) -> tuple[int, list[mx.Events]]:
            if first and only is None:
                # Whoever opens the visit starts with this page, and has it in each tab. Its own: a robot may have taken
                # a sample of a proposal that not everybody here may see.
                key = ("events", question, _PAGE)
                page = shared.answer(
                    reader, visit, version, key, lambda r: mx.events(r, visit, question, _PAGE), own=True
                )
                return mine, [page]
            found: list[mx.Events] = []
            place = end
            while sum(len(page.rows) for page in found) < missing:
                found.append(mx.events(reader, visit, question, _PAGE, place, only))
                place = found[-1].place
                if found[-1].done:
                    break
            return mine, found

        self._more.ask(ask)

    def _add(self, answer: tuple[int, list[mx.Events]]) -> None:
        mine, pages = answer
        if mine != self._list:
            return
        for page in pages:
            self._items += page.rows
            self._end, self._done = page.place, page.done
        self._flatten()
        self._still.known()
        self._serve()

    def _no_more(self, problem: Problem) -> None:
        if problem.gone:
            self._fail(problem)
            return
        self._wants = []
        self._table.fail(f"{problem.title}. {problem.text}", problem.reference)

    # -- the timeline

    def _ask_line(self, *, force: bool = False, again: bool = False) -> None:
        head = self._head
        if head is None:
            return
        low, high = link.span(self._place)
        only = link.only(self._place, self._stars)
        chosen = None if only is None else tuple((key, tuple(numbers)) for key, numbers in sorted(only.items()))
        about = (head.visit.get("start"), head.visit.get("end"))
        question = Question(head.visit["id"], self._asked, link.lanes(self._place), low, high, about, chosen)
        self._line.ask(question, force=force, again=again)

    # -- news

    def beat(self) -> None:
        """Something in the visit changed: read the first page, and the loaded groups that changed, once for all."""
        head, pulse = self._head, self._desk.pulse
        if head is None or (pulse.version() == self._seen and pulse.begun() == self._heard):
            return
        version, changed = pulse.version(), pulse.changed(self._seen)
        self._seen, self._heard = version, pulse.begun()
        heard = self._heard
        visit, question, only, shared = (
            head.visit["id"],
            self._asked,
            link.only(self._place, self._stars),
            self._desk.shared,
        )
        deeper = tuple(
            row["number"]
            for row in self._items[_PAGE:]
            if row["stream"] == "g" and (changed is None or any(one["id"] in changed for one in row["members"]))
        )[:_PAGE]

        def read(reader: Reader) -> _News:
            return _News(mx.counts(reader, visit), mx.events(reader, visit, question, _PAGE, only=only),
                         mx.rows(reader, visit, [("g", number) for number in deeper]))  # fmt: skip

        def ask(reader: Reader) -> _News:
            if only is not None:
                return read(reader)
            return shared.answer(reader, visit, version, ("event news", question, deeper, heard), read, own=True)

        self._beat.ask(ask)
        self._ask_line(again=True)

    def _news(self, news: _News) -> None:
        if self._head is None:
            return
        self._head = replace(self._head, counts=news.counts)
        self._draw_head()
        if not self._items:
            if news.first.rows and not self._more.waiting:
                self._table.reload()
            return
        known = {row["key"]: n for n, row in enumerate(self._items)}
        fresh = [row for row in news.first.rows if row["key"] not in known]
        on_top = news.first.rows[: len(fresh)]
        changed = [row for row in (*news.first.rows, *news.changed) if row["key"] in known]
        differing = [row for row in changed if self._items[known[row["key"]]] != row]
        opened = [row for row in differing if row["stream"] == "g" and row["number"] in self._open]
        if fresh != on_top or opened:
            # Their place is between others, or what hangs below a row changed.
            self._list += 1
            self._items, self._end, self._done = list(news.first.rows), news.first.place, news.first.done
            self._flatten()
            self._table.reload(keep=True)
            return
        for row in differing:
            self._items[known[row["key"]]] = row
        if fresh:
            self._items = [*fresh, *self._items]
        self._flatten()
        if differing:
            self._table.update_rows([self._row(row) for row in differing])
        if fresh:
            self._table.insert_rows([self._row(row) for row in fresh])
