"""Why somebody sees a proposal, a visit or a collection: every rule that shows it, in words, with the row behind it.

The rules are the guard's own ways (`data.guard.WAYS`), asked one by one: `Reader.by` narrows a Scope to one of them and
the guard attaches that one's condition. So a reason is given exactly when the guarded query returns the row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Select, func, select

from data.core.names import is_named, parse_name, proposal_name, visit_name
from data.errors import NotFound
from data.guard import WAYS
from data.reader import Reader
from data.schema import (
    Collection,
    Group,
    GroupHasPermission,
    GroupHasPerson,
    Proposal,
    ProposalHasPerson,
    Table,
    Visit,
    VisitHasPerson,
)
from data.scope import Holding

Kind = Literal["proposal", "visit", "collection"]

_MOST = 10


@dataclass(frozen=True, slots=True)
class About:
    """What is asked about: a collection by its number, a visit or a proposal by name."""

    proposal: str | None = None
    visit: int | None = None
    collection: int | None = None

    @property
    def kind(self) -> Kind:
        """Which of the three."""
        if self.collection is not None:
            return "collection"
        return "visit" if self.visit is not None else "proposal"


@dataclass(frozen=True, slots=True)
class Thing:
    """What was found. A proposal has no visit."""

    kind: Kind
    name: str
    proposal_id: int
    proposal: str
    visit_id: int | None = None
    visit: str | None = None
    beamline: str | None = None
    collection: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule and whether it holds. ``row`` names the rows of ISPyB behind it, with their keys."""

    way: str
    holds: bool
    words: str
    row: str = ""


@dataclass(frozen=True, slots=True)
class Who:
    """The person of whom reasons speak; ``name`` None: who reads them."""

    name: str | None = None

    @property
    def are(self) -> str:
        """``You are``, ``Bob Brown is``."""
        return "You are" if self.name is None else f"{self.name} is"

    @property
    def hold(self) -> str:
        """``You hold``."""
        return "You hold" if self.name is None else f"{self.name} holds"

    @property
    def owning(self) -> str:
        """``Your``."""
        return "Your" if self.name is None else f"{self.name}'s"


def thing(reader: Reader, about: About) -> Thing:
    """What ``about`` names, as far as the Reader sees it. One statement; raises NotFound as its page does.

    Where a site gave a name twice, the newer one.
    """
    what = f"This {about.kind}"
    if about.kind == "collection":
        query = (
            _visits(Collection.collection_id)
            .join(Group, Group.visit_id == Visit.visit_id)
            .join(Collection, Collection.group_id == Group.group_id)
            .where(Collection.collection_id == about.collection)
        )
        row = reader.one(query, what)
        return _thing("collection", f"collection {row.collection_id}", row, row.collection_id)
    name = parse_name(about.proposal or "")
    if name is None or name[2] is not None or abs(about.visit or 0) > 2**31:
        raise NotFound(what)
    if about.kind == "visit":
        query = _visits().where(is_named(name[0], name[1]), Visit.number == about.visit)
        row = reader.one(query.order_by(Visit.visit_id.desc()), what)
        return _thing("visit", visit_name(row.code, row.proposal_number, row.number), row)
    query = select(Proposal.proposal_id, Proposal.code, Proposal.number.label("proposal_number"))
    row = reader.one(query.where(is_named(name[0], name[1])).order_by(Proposal.proposal_id.desc()), what)
    called = proposal_name(row.code, row.proposal_number)
    return Thing("proposal", called, row.proposal_id, called)


def why(reader: Reader, found: Thing, who: Who) -> list[Reason]:
    """Every rule, those that hold first: empty of holding ones exactly when the Reader does not see the thing."""
    reasons = _everything(reader, who)
    for way in WAYS:
        alone = reader.by(way)
        if sees(alone, found):
            reasons += _WORDS[way](alone, found, who)
        elif way != "account" or reader.scope.proposal_id is not None:  # no person wonders about that
            reasons.append(_NOT[way](found, who))
    return sorted(reasons, key=lambda reason: not reason.holds)


def sees(reader: Reader, found: Thing) -> bool:
    """Whether the guarded query returns the thing's row."""
    query: Select[Any]
    if found.kind == "proposal":
        query = select(Proposal.proposal_id).where(Proposal.proposal_id == found.proposal_id)
    elif found.kind == "visit":
        query = select(Visit.visit_id).where(Visit.visit_id == found.visit_id)
    else:
        query = select(Collection.collection_id).where(Collection.collection_id == found.collection)
    return bool(reader.rows(query))


def _visits(*columns: Any) -> Any:
    return select(
        Visit.visit_id,
        Visit.number,
        Visit.beamline,
        Proposal.proposal_id,
        Proposal.code,
        Proposal.number.label("proposal_number"),
        *columns,
    ).join(Proposal, Proposal.proposal_id == Visit.proposal_id)


def _thing(kind: Kind, name: str, row: Any, collection: int | None = None) -> Thing:
    proposal = proposal_name(row.code, row.proposal_number)
    visit = visit_name(row.code, row.proposal_number, row.number)
    return Thing(kind, name, row.proposal_id, proposal, row.visit_id, visit, row.beamline, collection)


def row_of(mapped: type[Table], **values: object) -> str:
    """A row as ISPyB names it: ``Session_has_Person (sessionId 11, personId 1)``."""
    names = {prop.key: prop.columns[0].name for prop in mapped.__mapper__.column_attrs}
    keys = ", ".join(f"{names[key]} {value}" for key, value in values.items())
    return f"{mapped.__tablename__} ({keys})"


# ---- the words of each rule -----------------------------------------------------------------------------------------


def _everything(reader: Reader, who: Who) -> list[Reason]:
    held = [holding for holding in reader.scope.holdings if holding.everything]
    if reader.scope.everything:
        return [
            Reason("everything", True, f"{_holds(holding, who)}, which sees every proposal.", _names(holding))
            for holding in held
        ] or [Reason("everything", True, f"{who.hold} a permission that sees every proposal.")]
    return [Reason("everything", False, f"{who.hold} no permission that sees every proposal.")]


def _presence(reader: Reader, found: Thing, who: Who) -> list[Reason]:
    query = (
        _visits(VisitHasPerson.role, VisitHasPerson.person_id)
        .join(VisitHasPerson, VisitHasPerson.visit_id == Visit.visit_id)
        .where(VisitHasPerson.person_id == reader.scope.person_id, *_within(found))
        .order_by(Visit.visit_id.desc())
    )
    return _some(
        "presence",
        reader.rows(query.limit(_MOST + 1)),
        lambda row: (
            f"{who.are} in {VisitHasPerson.__tablename__} of "
            f"{visit_name(row.code, row.proposal_number, row.number)}{_as(row.role)}."
            f"{_so(found, 'visit')}"
        ),
        lambda row: row_of(VisitHasPerson, visit_id=row.visit_id, person_id=row.person_id),
    )


def _membership(reader: Reader, found: Thing, who: Who) -> list[Reason]:
    query = (
        select(ProposalHasPerson.id, ProposalHasPerson.person_id, ProposalHasPerson.role)
        .join(Proposal, Proposal.proposal_id == ProposalHasPerson.proposal_id)
        .where(ProposalHasPerson.person_id == reader.scope.person_id, Proposal.proposal_id == found.proposal_id)
        .order_by(ProposalHasPerson.id)
    )
    return _some(
        "membership",
        reader.rows(query.limit(_MOST + 1)),
        lambda row: (
            f"{who.are} in {ProposalHasPerson.__tablename__} of {found.proposal}{_as(row.role)}."
            f"{_so(found, 'proposal')}"
        ),
        lambda row: row_of(ProposalHasPerson, id=row.id, proposal_id=found.proposal_id, person_id=row.person_id),
    )


def _principal(reader: Reader, found: Thing, who: Who) -> list[Reason]:
    row = row_of(Proposal, proposal_id=found.proposal_id, person_id=reader.scope.person_id)
    words = f"{who.are} the principal investigator of {found.proposal}.{_so(found, 'proposal')}"
    return [Reason("principal", True, words, row)]


def _beamline(reader: Reader, found: Thing, who: Who) -> list[Reason]:
    latest = func.max(Visit.visit_id).label("visit_id")
    query = select(Visit.beamline, latest, func.count().label("visits")).where(
        Visit.beamline.in_(sorted(reader.scope.beamlines)), *_within(found)
    )
    reasons = []
    for row in reader.rows(query.group_by(Visit.beamline).order_by(Visit.beamline)):
        # MariaDB compares without regard to case.
        held = [h for h in reader.scope.holdings if row.beamline.lower() in {b.lower() for b in h.beamlines}]
        of_proposal = f", where {found.proposal} had {row.visits} visit{'s' * (row.visits != 1)}"
        tail = of_proposal if found.kind == "proposal" else ""
        for holding in held:
            words = f"{_holds(holding, who)}, which sees beamline {row.beamline}{tail}."
            source = f"{_names(holding)}; {row_of(Visit, visit_id=row.visit_id, beamline=row.beamline)}"
            reasons.append(Reason("beamline", True, words, source))
        if not held:
            reasons.append(Reason("beamline", True, f"{who.hold} a group that sees beamline {row.beamline}{tail}."))
    return reasons


def _account(reader: Reader, found: Thing, who: Who) -> list[Reason]:
    words = f"{who.are} signed in with the account of {found.proposal}.{_so(found, 'proposal')}"
    return [Reason("account", True, words, row_of(Proposal, proposal_id=found.proposal_id))]


_WORDS: dict[str, Callable[[Reader, Thing, Who], list[Reason]]] = {
    "presence": _presence,
    "membership": _membership,
    "principal": _principal,
    "beamline": _beamline,
    "account": _account,
}
_NOT: dict[str, Callable[[Thing, Who], Reason]] = {
    "account": lambda found, who: _no("account", f"{who.are} not signed in with the account of {found.proposal}."),
    "presence": lambda found, who: _no(
        "presence", f"{who.are} not in {VisitHasPerson.__tablename__} of {found.visit or f'a visit of {found.name}'}."
    ),
    "membership": lambda found, who: _no(
        "membership", f"{who.are} not in {ProposalHasPerson.__tablename__} of {found.proposal}."
    ),
    "principal": lambda found, who: _no(
        "principal", f"{who.are} not the principal investigator of {found.proposal}."
    ),
    "beamline": lambda found, who: _no(
        "beamline", f"{who.hold} no group or permission that sees {_at(found)}."
    ),
}  # fmt: skip


def _no(way: str, words: str) -> Reason:
    return Reason(way, False, words)


def _at(found: Thing) -> str:
    if found.kind == "proposal":
        return f"a beamline of {found.name}"
    return f"beamline {found.beamline}" if found.beamline else "a beamline: the visit names none"


def _within(found: Thing) -> list[Any]:
    if found.visit_id is not None:
        return [Visit.visit_id == found.visit_id]
    return [Visit.proposal_id == found.proposal_id]


def _some(way: str, rows: Any, words: Callable[[Any], str], row_words: Callable[[Any], str]) -> list[Reason]:
    reasons = [Reason(way, True, words(row), row_words(row)) for row in rows[:_MOST]]
    if len(rows) > _MOST:
        reasons.append(Reason(way, True, "And in more rows like these."))
    return reasons


def _so(found: Thing, through: Kind) -> str:
    """How a row of a visit or a proposal reaches the thing."""
    if found.kind == through:
        return ""
    if found.kind == "collection":
        return (
            f" {found.name[0].upper()}{found.name[1:]} is of {found.visit if through == 'visit' else found.proposal}."
        )
    if found.kind == "proposal":
        return " Whoever sees a visit sees its proposal."
    return f" {found.name} is a visit of it."


def _as(role: str | None) -> str:
    return f" as “{role}”" if role else ""


def _holds(holding: Holding, who: Who) -> str:
    if holding.permission is None:
        return f"{who.are} in the group “{holding.group}”"
    return f"{who.owning} group “{holding.group}” has the permission “{holding.permission}”"


def _names(holding: Holding) -> str:
    person, permission = GroupHasPerson.__tablename__, GroupHasPermission.__tablename__
    if holding.permission is None:
        return f"{person} of “{holding.group}”"
    return f"{person} of “{holding.group}”, {permission} of “{holding.permission}”"
