"""One proposal: its visits, samples, shipments and people."""

from dataclasses import dataclass, replace
from typing import Any

from panel.viewable import Viewable

from data.core import proposals, shipments, visits
from data.reader import Reader
from views import place as places
from views.core.listing import Listing
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Block, Blocks
from views.parts.table import Column, Key
from views.parts.text import number
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]

TABS = (("visits", "Visits"), ("samples", "Samples"), ("shipments", "Shipments"), ("people", "People"))

VISITS = (
    Column("name", "Visit", kind="link", width=110, fixed=True),
    Column("beamline", "Beamline", width=90),
    Column("start", "Start", kind="time", width=156),
    Column("end", "End", kind="time", width=156),
    Column("collections", "Collections", kind="number", digits=0, filter="number", width=96),
    Column("local_contact", "Local contact", width=160),
    Column("title", "Title", width=180, default=False),
    Column("comments", "Comments", width=320),
)

SAMPLES = (
    Column("name", "Sample", width=150, fixed=True),
    Column("protein", "Protein", width=100, title="Acronym"),
    Column("space_group", "Space group", width=100, default=False, title="Expected"),
    Column("container", "Container", width=120),
    Column("location", "Position", width=76, title="Position in the container"),
    Column("shipment", "Shipment", width=160),
    Column("status", "Status", width=110),
    Column("collections", "Collections", kind="number", digits=0, filter="number", width=96),
    Column(
        "best_resolution",
        "Best res.",
        "Å",
        kind="number",
        digits=2,
        filter="number",
        width=80,
        title="High-resolution limit of the best result",
    ),
    Column("comments", "Comments", width=260),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of the page and what its tab needs."""

    proposal: Row
    people: list[Row]
    tree: list[Row] | None


class ProposalView:
    """A proposal with its tabs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._name: str | None = None
        self._tab = "visits"
        self._place = Place()
        self._head = Blocks([b.loading(2)])
        self._below = Blocks()
        word = desk.words.visit
        self._visits = Listing(
            desk,
            (replace(VISITS[0], label=word), *VISITS[1:]),
            self._draw_visit,
            self._open,
            desk.relist,
            label=f"{word}s",
            noun=(word.lower(), f"{word.lower()}s"),
            empty=(f"No {word.lower()}s", f"This proposal has had no {word.lower()} that you may see."),
            away="visits",
        )
        self._samples = Listing(
            desk, SAMPLES, self._sample, _nothing, desk.relist,
            label="Samples", noun=("sample", "samples"),
            empty=("No samples", "Samples appear here once a shipment holds them."), away="samples",
        )  # fmt: skip
        self.parts: list[Viewable] = [self._head, self._below]
        self.spans: list[Span] = [12, 12]
        self._reading: Reading[Answer] = Reading(desk, self._tell, self._fail)

    def show(self, place: Place) -> None:
        """Show the proposal of the link."""
        desk, name = self._desk, place.proposal or ""
        tab = place.tab if place.tab in dict(TABS) else "visits"
        if name != self._name:
            self._head.set([b.heading(name, 1), b.loading(2)])
        self._name, self._tab, self._place = name, tab, place
        desk.pulse.watch(None)
        desk.head(name, (("Proposals", places.proposals()), (name, None)))
        self._below.set([b.loading(4)])
        self._arrange(self._below)

        def ask(reader: Reader) -> Answer:
            found = proposals.proposal(reader, name)
            key = found["id"]
            return Answer(
                found,
                proposals.people(reader, key),
                shipments.shipments(reader, key) if tab == "shipments" else None,
            )

        self._reading.ask(ask)

    def _sample(self, row: Row) -> Row:
        return {**row, "_link": self._desk.link(places.sample(row["id"]))}

    def beat(self) -> None:
        """A proposal watches no visit."""

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    def _tell(self, answer: Answer) -> None:
        found, desk, tab = answer.proposal, self._desk, self._tab
        name = found["name"]
        key = found["id"]
        counts = {
            "visits": found.get("visits"),
            "samples": found.get("samples"),
            "shipments": found.get("shipments"),
            "people": len(answer.people),
        }
        word = {"visits": f"{desk.words.visit}s"}
        self._head.set(
            [
                b.heading(
                    name, 1, found.get("title"), [b.badge(found["state"], "quiet")] if found.get("state") else []
                ),
                b.tabs(
                    [
                        b.tab(
                            t,
                            word.get(t, label),
                            desk.link(places.proposal(name, None if t == "visits" else t)),
                            counts[t],
                            t == tab,
                        )
                        for t, label in TABS
                    ],
                    "Parts of the proposal",
                ),
                b.links([("Results of all visits: compare, plot, choose the best", desk.link(places.results(name)))]),
            ]
        )
        listing = self._place.listing
        if tab == "visits":
            self._arrange(self._visits.table)
            self._visits.table.take_away(f"proposal={name}")
            self._visits.show(lambda r, asked, o, n: visits.visits_of(r, key, asked, o, n), listing)
        elif tab == "samples":
            self._arrange(self._samples.table)
            self._samples.table.take_away(f"proposal={name}&tab=samples")
            self._samples.show(lambda r, asked, o, n: proposals.samples(r, key, asked, o, n), listing)
        elif tab == "shipments":
            self._below.set(shipment_blocks(answer.tree or []))
        else:
            self._below.set(people_blocks(answer.people))

    def _arrange(self, below: Viewable) -> None:
        if self.parts[1] is not below:
            self.parts = [self._head, below]
            self._desk.redraw()

    def _fail(self, problem: Problem) -> None:
        if problem.gone:
            self._desk.absent()
        self._head.set(
            [b.heading(self._name or "Proposal", 1), b.problem(problem.title, problem.text, problem.reference)]
        )
        self._below.set([])
        self._arrange(self._below)

    def _draw_visit(self, row: Row) -> Row:
        link = self._desk.link(places.visit(row["proposal"], row["number"])) if row.get("number") is not None else None
        return row | {"id": row["name"], "name": {"text": row["name"], "link": link}, "_link": link}

    def _open(self, key: Key) -> None:
        if isinstance(key, str):
            self._desk.go(places.from_query(f"?visit={key}"), False)


def _nothing(key: Key) -> None:
    """Samples have no page of their own yet."""


def people_blocks(found: list[Row]) -> list[Block]:
    """People with their roles."""
    if not found:
        return [b.empty("No people", "ISPyB lists nobody here.")]
    return [
        b.people([b.person(row["name"] or row.get("login") or "–", row.get("role"), row.get("login")) for row in found])
    ]


def shipment_blocks(tree: list[Row]) -> list[Block]:
    """Shipments, their dewars, containers and samples, as a tree."""
    if not tree:
        return [b.empty("No shipments", "Shipments of this proposal appear here once they are registered.")]

    def count(n: int | None, one: str, many: str) -> str:
        return "" if n is None else f"{number(n, 0)} {one if n == 1 else many}"

    def joined(*parts: object) -> str:
        return " · ".join(str(part) for part in parts if part)

    items = []
    for shipment in tree:
        dewars = []
        for dewar in shipment["dewars"]:
            containers = []
            for container in dewar["containers"]:
                samples = [
                    b.branch(
                        f"s{sample['id']}",
                        sample.get("name") or "unnamed",
                        joined(
                            sample.get("protein"),
                            f"position {sample['location']}" if sample.get("location") else "",
                            sample.get("comments"),
                        ),
                        badges=[b.badge(sample["status"], "quiet")] if sample.get("status") else [],
                    )
                    for sample in container["samples"]
                ]
                containers.append(
                    b.branch(
                        f"c{container['id']}",
                        container.get("code") or "unnamed container",
                        joined(
                            container.get("kind"),
                            count(len(samples), "sample", "samples"),
                            f"on {container['beamline']} at {container['changer_position']}"
                            if container.get("beamline") and container.get("changer_position")
                            else "",
                        ),
                        badges=[b.badge(container["status"], "quiet")] if container.get("status") else [],
                        items=samples,
                    )
                )
            dewars.append(
                b.branch(
                    f"d{dewar['id']}",
                    dewar.get("code") or "unnamed dewar",
                    joined(dewar.get("kind"), dewar.get("location"), count(len(containers), "container", "containers")),
                    badges=[b.badge(dewar["status"], "quiet")] if dewar.get("status") else [],
                    items=containers,
                )
            )
        items.append(
            b.branch(
                f"p{shipment['id']}",
                shipment.get("name") or "unnamed shipment",
                joined(
                    shipment.get("created") and f"created {shipment['created']:%Y-%m-%d}",
                    shipment.get("courier"),
                    count(len(dewars), "dewar", "dewars"),
                    shipment.get("comments"),
                ),
                badges=[b.badge(shipment["status"], "info")] if shipment.get("status") else [],
                items=dewars,
                expanded=len(tree) == 1,
            )
        )
    return [b.card(None, [b.tree(items, "Shipments")])]
