"""The monitor of one serial run."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from panel.viewable import Viewable

from data.errors import DataError
from data.live.runs import Watched
from data.live.watchdog import place_of
from data.reader import Reader
from data.techniques.ssx.alerts import Rules
from data.techniques.ssx.clusters import Clusters
from data.techniques.ssx.merging import Target
from data.techniques.ssx.rules import as_texts, kept, muted, rules_from, rules_of, target_of, target_text
from views import place as places
from views.desk import Desk
from views.look import look_of
from views.parts import blocks as b
from views.parts.blocks import Blocks
from views.parts.run_board import RunBoard
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.techniques import ssx_numbers as numbers
from views.view import Span

_SLOW_SECONDS: Final = 4.0
_MOST_ALERTS: Final = 20
_ATTEND_SECONDS: Final = 30.0
_SHOWN: Final = look_of({"show": "rings.beam.spots.predictions"})
"""What is drawn over a frame that is opened from here."""


class _Ear:
    """Hears a run for one look at it; ``shut`` for good when the page turns away."""

    def __init__(self, hears: Callable[[], None]) -> None:
        self._hears, self.shut = hears, False

    def __call__(self) -> None:
        if not self.shut:
            self._hears()


class RunView:
    """Watches a run while it is on the page, and the rights to its visit by the pulse."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._head = Blocks([b.loading(1)])
        self._board = RunBoard(self._all, self._wish)
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._place = Place()
        self._watched: Watched | None = None
        self._ear = _Ear(self._heard)
        self._number: int | None = None
        self._reading: Reading[tuple[Watched, Rules, dict[str, float]]] = Reading(desk, self._begin, self._fail)
        self._keeping: Reading[str] = Reading(desk, self._kept_rules, self._not_kept)
        self._clustering: Reading[Clusters] = Reading(desk, self._clustered, self._unclustered)
        self._clusters, self._cluster_trouble = Clusters(), ""
        self._brushed: tuple[str, float, float] | None = None
        self._cluster: int | None = None
        self._due = False
        self._line_version, self._line_width = 0, 0.0
        self._slow_at = 0.0
        self._target = Target()
        self._rules = Rules()
        self._wishes: dict[str, float] = {}
        self._attending: Reading[str] = Reading(desk, self._attended, lambda problem: self._attended(problem.text))
        self._wishing: Reading[dict[str, float]] = Reading(desk, self._wished, self._not_wished)
        self._name, self._attended_at, self._unwatched = secrets.token_hex(4), 0.0, ""
        desk.told.listen(self._rung)
        self._kept: dict[str, Any] = {}

    def show(self, place: Place) -> None:
        """Watch the run of a collection."""
        self._target = target_of(place.seen("target") or "")
        if place.collection == self._number and self._watched is not None:
            self._place = place
            self._desk.pulse.watch(self._watched.about.visit_id)
            self._crumbs(self._watched)
            return
        self.hide()
        self._place, self._number = place, place.collection
        self._head.set([b.heading(f"Run {self._number}", 1), b.loading(2)])
        self._arrange(board=False)
        self._desk.head(f"Run {self._number}", (("Proposals", places.proposals()), (f"{self._number}", None)))
        self._reading.ask(self._question())

    def beat(self) -> None:
        """The visit changed: the run says so itself."""

    def hide(self) -> None:
        """Watch no longer."""
        self._reading.forget()
        self._clustering.forget()
        self._clusters, self._cluster_trouble, self._brushed, self._cluster = Clusters(), "", None, None
        self._ear.shut = True
        # Also where no answer has come yet: the question may have begun to watch.
        self._desk.runs.leave(self._number or 0, self._ear)
        self._ear = _Ear(self._heard)
        self._attending.forget()
        self._wishing.forget()
        if self._attended_at:
            self._attended_at = 0.0
            self._desk.alarms.depart(self._number or 0, self._name)
        self._watched = None

    def _question(self) -> Callable[[Reader], tuple[Watched, Rules, dict[str, float]]]:
        number, ear, runs, office = self._number or 0, self._ear, self._desk.runs, self._desk.office
        alarms = self._desk.alarms

        def ask(reader: Reader) -> tuple[Watched, Rules, dict[str, float]]:
            watched = runs.watch(reader, number, ear)
            if ear.shut:  # the page turned away meanwhile, before there was anything to leave
                runs.leave(number, ear)
            try:
                return watched, rules_from(office.preference(place_of(watched))), alarms.wishes(watched.about)
            except DataError:  # a run can be watched without what one has set
                return watched, Rules(), {}

        return ask

    def _fail(self, problem: Problem) -> None:
        self._desk.pulse.watch(None)
        self._arrange(board=False)
        self._head.set([b.heading(f"Run {self._number}", 1), b.problem(problem.title, problem.text, problem.reference)])

    def _begin(self, found: tuple[Watched, Rules, dict[str, float]]) -> None:
        watched, self._rules, self._wishes = found
        self._watched = watched
        self._attend(watched)
        # What is counted is the same for everybody: the pulse asks whether this browser may still have it.
        self._desk.pulse.watch(watched.about.visit_id)
        self._crumbs(watched)
        self._head.set([])
        self._slow_at = time.monotonic()
        self._board.begin()
        self._arrange(board=True)
        self._look_at_clusters(watched)

    def _arrange(self, *, board: bool) -> None:
        shown: list[Viewable] = [self._board] if board else [self._head]
        if shown != self.parts:
            self.parts, self.spans = shown, [12]
            self._desk.redraw()

    def _crumbs(self, watched: Watched) -> None:
        what = watched.about
        name, _, number = what.visit.rpartition("-")
        crumbs: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if name and number.isdigit():
            crumbs += [(name, places.proposal(name)), (what.visit, places.visit(name, int(number), "ssx"))]
        crumbs += [(f"{what.collection_id}", places.collection(what.collection_id)), ("Monitor", None)]
        self._desk.head(f"Monitor of {what.collection_id}", crumbs)

    def _heard(self) -> None:
        """From the counting thread: at most one tick waits."""
        if not self._due:
            self._due = True
            self._desk.later(self._tick)

    def _tick(self) -> None:
        self._due = False
        watched = self._watched
        if watched is None:
            return
        now = time.time()
        changed: dict[str, Any] = {"head": numbers.head(watched, now, self._target)}
        version = watched.run.timeline.version
        line = numbers.line_since(watched.run, self._line_version, self._line_width)
        if line is None:
            changed["line"] = self._line(watched)
        else:
            changed["more"] = line
        self._line_version = version
        ended = watched.about.end is not None and not watched.loading  # there may be no other tick
        if ended or time.monotonic() - self._slow_at > _SLOW_SECONDS or self._kept.get("head", {}).get("loading"):
            self._slow_at = time.monotonic()
            changed["slow"] = self._slow(watched)
            self._look_at_clusters(watched)
        if time.monotonic() - self._attended_at > _ATTEND_SECONDS:
            self._attend(watched)
        self._kept = {"head": changed["head"]}
        self._board.tick(changed)

    def _slow(self, watched: Watched) -> dict[str, Any]:
        return {**numbers.slow(watched), "together": self._together(watched)}

    def _together(self, watched: Watched) -> list[tuple[str, str]]:
        """(words, link) of the images so far put together, where the viewer of frames shows them."""
        number_ = watched.about.collection_id
        found = numbers.together(watched.about.first_image, watched.run.last)
        return [(words, self._desk.link(places.image(number_, image, look))) for words, image, look in found]

    def _look_at_clusters(self, watched: Watched) -> None:
        """They take a second to work out: in a thread, once for all who look."""
        clustering, last = watched.clustering, watched.about.end is not None and not watched.loading
        wanted = clustering.behind if last else clustering.due
        if wanted and not self._clustering.waiting and not self._cluster_trouble:
            self._clustering.ask(lambda reader: clustering.now(last))
        elif watched.clustering.held is not self._clusters:
            self._clustered(watched.clustering.held)

    def _clustered(self, found: Clusters) -> None:
        if self._cluster is not None:  # the numbers of clusters may mean others now: what is chosen stays chosen
            before = self._clusters.clusters[self._cluster].cell
            self._cluster = next((n for n, one in enumerate(found.clusters) if _alike(one.cell, before)), None)
        self._clusters = found
        self._board.tell("clusters", clusters=numbers.clusters(found), cluster=self._cluster)
        if self._watched is not None:  # of a run that has ended nobody asks again when more came meanwhile
            self._look_at_clusters(self._watched)

    def _unclustered(self, problem: Problem) -> None:
        self._cluster_trouble = problem.text
        self._board.tell("clusters", clusters=numbers.clusters(Clusters(), problem.text), cluster=None)

    def _chosen(self, watched: Watched) -> dict[str, Any] | None:
        chosen = None if self._cluster is None else self._clusters.cells[self._clusters.labels == self._cluster]
        return numbers.cells(watched.run, self._brushed, chosen)

    # -- alerts: judged by the watch of the server, for this page too while it is open

    def _attend(self, watched: Watched) -> None:
        if watched.about.end is not None:
            return
        self._attended_at = time.monotonic()
        number, name, target, alarms = (
            watched.about.collection_id,
            self._name,
            target_text(self._target),
            self._desk.alarms,
        )

        def ask(reader: Reader) -> str:
            try:
                alarms.attend(number, name, target)
            except DataError as error:
                return f"No alerts are watched: {error}"
            return ""

        self._attending.ask(ask)

    def _attended(self, trouble: str) -> None:
        if trouble != self._unwatched:
            self._unwatched = trouble
            self._board.tell("watch", **self._watch())

    def _wished(self, wishes: dict[str, float]) -> None:
        self._wishes = wishes
        self._board.tell("watch", **self._watch())

    def _not_wished(self, problem: Problem) -> None:
        self._board.tell("watch", **self._watch(), trouble=f"That was not kept: {problem.text}")

    def _watch(self) -> dict[str, Any]:
        return {"watch": self._wishes, "unwatched": self._unwatched}

    def _rung(self) -> None:
        if self._watched is not None:
            self._board.tell("alerts", alerts=self._alerts())

    def _alerts(self) -> list[dict[str, Any]]:
        return self._desk.told.of(self._number)[:_MOST_ALERTS]

    def _line(self, watched: Watched) -> dict[str, Any]:
        line = numbers.line(watched.run)
        self._line_version, self._line_width = watched.run.timeline.version, line["width"]
        return line

    def _all(self) -> dict[str, Any]:
        watched = self._watched
        if watched is None:
            return {}
        what, desk = watched.about, self._desk
        content = {
            "state": "shown",
            "title": f"{what.prefix or what.collection_id} · monitor",
            "detail": " · ".join(
                part for part in (what.visit, what.beamline, f"collection {what.collection_id}", what.chip) if part
            ),
            "head": numbers.head(watched, time.time(), self._target),
            "line": self._line(watched),
            "slow": self._slow(watched),
            "clusters": numbers.clusters(self._clusters, self._cluster_trouble or None),
            "alerts": self._alerts(),
            **self._rule_texts(),
            **self._watch(),
            "place": {"visit": what.visit, "beamline": what.beamline},
            "target": target_text(self._target),
            "frames": desk.link(replace(places.collection(what.collection_id), look=_SHOWN)),
            "small": f"{desk.prefix}/diffraction/{what.collection_id}/",
            "chip": f"{desk.prefix}/run/{what.collection_id}/chip",
        }
        self._kept = {"head": content["head"]}
        return content

    # -- wishes: a stranger's input

    def _wish(self, name: str, data: dict[str, Any]) -> None:
        watched = self._watched
        if watched is None:
            return
        if name == "target":
            self._target = target_of(str(data.get("text", ""))[:100])
            self._to_link(target=target_text(self._target) or None)
            self._board.tell("target", text=target_text(self._target))
            self._attend(watched)
            if "run" in self._wishes:
                self._wish_for(watched, "run", True)
            self._tick()
        elif name == "rules":
            rules = rules_of(str(data.get("rules", "")))
            self._set_rules(watched, replace(rules, muted=self._rules.muted))
        elif name == "mute":
            kind = str(data.get("kind", ""))
            self._set_rules(watched, muted(self._rules, kind, data.get("seconds"), time.time()))
            self._desk.told.see([row["id"] for row in self._alerts() if row["kind"] == kind])
        elif name == "acknowledge":
            number = data.get("id")
            mine = [row["id"] for row in self._desk.told.of(self._number)]
            self._desk.told.see([one for one in mine if number is None or one == number])
        elif name == "watch":
            self._wish_for(watched, str(data.get("place", "")), data.get("on") is True)
        elif name == "brush":
            self._brushed = _brush(data)
            self._board.tell("brushed", cells=self._chosen(watched), cluster=self._cluster)
        elif name == "cluster":
            number = data.get("number")
            known = isinstance(number, int) and 0 <= number < len(self._clusters.clusters)
            self._cluster, self._brushed = (number if known else None), None
            self._board.tell("brushed", cells=self._chosen(watched), cluster=self._cluster)

    def _wish_for(self, watched: Watched, place: str, wanted: bool) -> None:
        alarms, what, target = self._desk.alarms, watched.about, target_text(self._target)

        def ask(reader: Reader) -> dict[str, float]:
            alarms.wish(what, place, wanted, target)
            return alarms.wishes(what)

        self._wishing.ask(ask)

    def _rule_texts(self) -> dict[str, Any]:
        return {"rules": as_texts(self._rules), "muted": dict(self._rules.muted)}

    def _set_rules(self, watched: Watched, rules: Rules) -> None:
        """They hold from the next look on, and are kept for this person's next run of this kind at this beamline."""
        self._rules = rules
        self._board.tell("rules", **self._rule_texts(), kept="")
        office, place, text = self._desk.office, place_of(watched), kept(rules)
        what = "chips" if watched.about.chip else "jets"

        def ask(reader: Reader) -> str:
            office.prefer(place, text)
            return f"Kept for your runs with {what} at {watched.about.beamline or 'this beamline'}."

        self._keeping.ask(ask)

    def _kept_rules(self, words: str) -> None:
        self._board.tell("rules", **self._rule_texts(), kept=words)

    def _not_kept(self, problem: Problem) -> None:
        self._board.tell("rules", **self._rule_texts(), kept=f"They were not kept and do not hold: {problem.text}")

    def _to_link(self, **changed: str | None) -> None:
        self._place = self._place.seeing(**changed)
        self._desk.go(self._place, True)


def _alike(cell: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two reduced medoids are those of one cluster: edges within 1 %, angles within a degree."""
    edges = all(abs(a / b - 1) < 0.01 for a, b in zip(cell[:3], other[:3], strict=True))
    return edges and all(abs(a - b) < 1 for a, b in zip(cell[3:], other[3:], strict=True))


def _brush(data: dict[str, Any]) -> tuple[str, float, float] | None:
    axis, low, high = data.get("axis"), data.get("low"), data.get("high")
    if not isinstance(axis, str) or not isinstance(low, int | float) or not isinstance(high, int | float):
        return None
    try:
        return axis, float(low), float(high)
    except OverflowError:  # a whole number of any length
        return None
