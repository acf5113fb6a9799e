"""The page of one browser: the shell, and the view that the place asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from panel.io import unlocked
from panel.viewable import Viewable

from views import place as places
from views.bell import Bell
from views.desk import Crumb, Desk
from views.parts.blocks import Blocks, problem
from views.parts.shell import Shell
from views.place import Place, from_query, to_query
from views.problem import Problem, problem_of
from views.reading import Reading
from views.view import Span, View

Views = Mapping[str, Callable[[Desk], View]]

_NAV = (("home", "Home", Place()), ("proposals", "Proposals", places.proposals()))
_ADMIN = ("admin", "Administration", places.admin())
_LATE = {
    "kind": "warn",
    "text": "The ISPyB database does not answer. What you see may be old; news come by themselves once it is back.",
}


class Page:
    """Builds each view when it is first looked at and keeps it; moves between places.

    ``jump(text)`` is asked when the jump box is sent and answers with hits (label, detail, place).
    """

    def __init__(
        self, shell: Shell, desk: Desk, views: Views, jump: Callable[..., list[tuple[str, str, Place]]]
    ) -> None:
        self.shell, self.desk = shell, desk
        self._factories, self._jump = views, jump
        self._views: dict[str, View] = {}
        self._current: View | None = None
        self.place = Place()
        desk.go, desk.head, desk.relist = self.go, self._head, self.relist
        desk.redraw = self._redraw
        desk.denied = lambda: desk.office.denied(to_query(self.place))
        desk.absent = self._absent
        desk.told = self._bell = Bell(desk, lambda rows: shell.param.update(alerts=rows))
        shell.on_see(self._bell.see)
        self._duties = False  # whether this person has pages of administrators, as far as is known
        self._asked_duties: Reading[bool] = Reading(desk, self._dutiful, lambda problem: None)
        self._checked: View | None = None
        self._checking: Reading[None] = Reading(desk, lambda _: None, self._withdraw)
        self._hits: Reading[list[tuple[str, str, Place]]] = Reading(desk, self._suggest, self._no_hits)

    def open(self, search: str) -> None:
        """Open the place that a link names, and write its clean form into the address bar."""
        self.go(from_query(search), True)
        self._bell.begin()

    def followed(self, search: str, pop: bool) -> None:
        """A link within the page was followed, or Back or Forward pressed: a stranger's text."""
        self.go(from_query(search), pop)

    def jumped(self, text: str) -> None:
        """The jump box was sent."""
        self._hits.ask(lambda reader: self._jump(reader, text))

    def go(self, place: Place, same_entry: bool = False) -> None:
        """Move to ``place``; ``same_entry`` writes no new entry into the history."""
        with unlocked():  # one message: Bokeh's own may overtake Panel's
            self._go(place, same_entry)

    def _go(self, place: Place, same_entry: bool) -> None:
        before = self.place
        self.place = place
        with self.shell.param.update(replace=same_entry):
            self.shell.search = to_query(place) or "?"
        self.shell.aside = self._aside(place)
        view = self._view(place.page)
        if view is not self._current:
            if self._current is not None:
                self._current.hide()
            self._current = view
            self.shell.param.update(body=list(view.parts), spans=list(view.spans), nav=self._nav(place))
            # Rights come and go while a page is open.
            self._asked_duties.ask(lambda reader: reader.scope.administer or reader.scope.activity)
        elif before.page != place.page:
            self.shell.nav = self._nav(place)
        self._contained(view, lambda: view.show(place))

    def check(self, visit_id: int) -> None:
        """Ask whether this person may still see the visit that the page watches; where not, it leaves the page."""
        self._checked = self._current
        self._bell.again()
        # The one before is forgotten: while the database is away it would go on asking beside this one.
        self._checking.ask(lambda reader: self.desk.shared.check(reader, visit_id))

    def close(self) -> None:
        """The browser has gone: nothing is watched or asked for it any more."""
        self._bell.close()
        self._checking.forget()
        if self._current is not None:
            self._current.hide()

    def _absent(self) -> None:
        self.shell.aside = []  # nothing is seen, so there is nothing to ask why

    def _withdraw(self, problem: Problem) -> None:
        view = self._checked
        if not problem.gone or view is None or view is not self._current:
            return
        view.hide()
        self._absent()
        self.desk.pulse.watch(None)
        self._stand_in(view, Failed(problem))

    def beat(self) -> None:
        """The watched visit has changed, or its news have begun or ceased to be late."""
        self.shell.notices = [_LATE] if self.desk.pulse.late() else []
        view = self._current
        if view is not None:
            self._contained(view, view.beat)

    def relist(self, listing: places.ListPlace) -> None:
        """The list on the page was sorted or filtered: the link follows, the history does not grow."""
        self.place = replace(self.place, listing=listing)
        with self.shell.param.update(replace=True):
            self.shell.search = to_query(self.place) or "?"

    def _view(self, page: str) -> View:
        if page not in self._views:
            try:
                self._views[page] = self._factories[page](self.desk)
            except Exception as error:
                return Failed(problem_of(error))
        return self._views[page]

    def _contained(self, view: View, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            self._stand_in(view, Failed(problem_of(error)))

    def _stand_in(self, view: View, failed: "Failed") -> None:
        """Show ``failed`` in the place of ``view``, which is built anew when it is next looked at."""
        self._current = failed
        self._views = {key: held for key, held in self._views.items() if held is not view}
        self.shell.param.update(body=list(failed.parts), spans=list(failed.spans))

    def _redraw(self) -> None:
        view = self._current
        if view is not None:
            self.shell.param.update(body=list(view.parts), spans=list(view.spans))

    def _head(self, title: str, crumbs: Sequence[Crumb]) -> None:
        shown = [{"label": label, "link": (to_query(place) or "?") if place else None} for label, place in crumbs]
        self.shell.param.update(title=title, crumbs=shown)

    def _nav(self, place: Place) -> list[dict[str, object]]:
        current = place.page if place.page in {"home", "admin", "account"} else "proposals"
        shown = (*_NAV, _ADMIN) if self._duties else _NAV
        return [
            {"key": key, "label": label, "link": to_query(to) or "?", "current": key == current}
            for key, label, to in shown
        ]

    def _dutiful(self, duties: bool) -> None:
        self._duties = duties
        self.shell.nav = self._nav(self.place)

    @staticmethod
    def _aside(place: Place) -> list[dict[str, str]]:
        about = places.why(place)
        if place.page == "why" or not (place.proposal or place.collection):
            return []
        return [{"label": "Why can I see this?", "link": to_query(about)}]

    def _suggest(self, hits: list[tuple[str, str, Place]]) -> None:
        if len(hits) == 1:
            self.go(hits[0][2])
            self.shell.suggest([])
            return
        self.shell.suggest(
            [{"label": label, "detail": detail, "link": to_query(place) or "?"} for label, detail, place in hits]
        )

    def _no_hits(self, what: object) -> None:
        self.shell.suggest([{"label": getattr(what, "title", ""), "detail": getattr(what, "text", ""), "link": "?"}])


class Failed:
    """Stands in for a view that could not be built or shown; the rest of the page lives."""

    def __init__(self, what: Problem) -> None:
        self.parts: list[Viewable] = [Blocks([problem(what.title, what.text, what.reference)])]
        self.spans: list[Span] = [12]

    def show(self, place: Place) -> None:
        """Nothing more to show."""

    def beat(self) -> None:
        """Nothing changes."""

    def hide(self) -> None:
        """Nothing to put away."""
