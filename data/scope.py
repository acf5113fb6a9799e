"""What one person may see and do, read from ISPyB's groups and permissions."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, select

from data.errors import DataError
from data.query import Query, Record
from data.schema import AdminVar, GroupHasPermission, GroupHasPerson, Permission, Person, Proposal, UserGroup
from data.source import Source

log = logging.getLogger(__name__)

GROUPS_VARIABLE = "beamLineGroups"
"""The row of ISPyB's AdminVar in which py-ispyb keeps its beamline groups."""


class UnknownPerson(DataError):
    """Somebody signed in whom ISPyB does not know."""

    def __init__(self, login: str, what: str = "no person with that login") -> None:
        super().__init__(
            f"You are signed in as {login}, but ISPyB has {what}. "
            "Ask your user office to add you; nothing is shown until then."
        )


@dataclass(frozen=True, slots=True)
class Rights:
    """A site's rule from the names of permissions and groups to what their holders may see and do.

    ``everything``: see every proposal. ``beamlines``: see the visits of these beamlines. ``administer``: see who holds
    which right, ask why others see something, sign people out. ``activity``: see who is signed in and the audit trail.
    ``read_groups``: also take the beamline groups that py-ispyb keeps in ISPyB.
    """

    everything: frozenset[str] = frozenset({"all_proposals", "super_admin"})
    beamlines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    administer: frozenset[str] = frozenset({"super_admin", "manage_groups"})
    activity: frozenset[str] = frozenset({"super_admin", "view_activity"})
    read_groups: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """One name that a person holds, and what it gives: a permission of a group, or the group itself (no permission)."""

    group: str
    permission: str | None = None
    beamlines: frozenset[str] = frozenset()
    everything: bool = False
    administer: bool = False
    activity: bool = False

    @property
    def gives_nothing(self) -> bool:
        """Whether the site's settings give the name no meaning here."""
        return not (self.beamlines or self.everything or self.administer or self.activity)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one person may see: own visits and proposals through ``person_id``, whole ``beamlines``, or ``everything``.

    ``administer`` and ``activity`` are duties, see `Rights`. ``holdings`` say where all this comes from. ``ways``
    leaves only these of the guard's ways to a visit (None: all), to ask what one of them shows. The empty Scope sees
    nothing. The Scope of a proposal's own account has ``proposal_id`` and no person: it sees that proposal alone.
    """

    person_id: int | None = None
    beamlines: frozenset[str] = frozenset()
    everything: bool = False
    name: str = ""
    administer: bool = False
    activity: bool = False
    ways: frozenset[str] | None = None
    holdings: tuple[Holding, ...] = field(default=(), compare=False)
    proposal_id: int | None = None


def scope_of(source: Source, login: str, rights: Rights) -> Scope:
    """The Scope of the person whose ISPyB login is ``login``.

    Raises UnknownPerson when no or more than one person has that login (an empty login never matches), and
    Unavailable when the database does not answer.
    """
    if not login:
        raise UnknownPerson("nobody")
    # A database server takes names for the same that differ by accents.
    same = login.casefold()
    return _scope(source, login, Person.login == login, rights, lambda found: found.rstrip().casefold() == same)


def scope_of_person(source: Source, person_id: int, login: str, rights: Rights) -> Scope:
    """The Scope of the person of that id, who signed in as ``login``. Raises as `scope_of` does."""
    return _scope(source, login, Person.person_id == person_id, rights)


def _scope(
    source: Source,
    login: str,
    which: ColumnElement[bool],
    rights: Rights,
    named: Callable[[str], bool] = lambda found: True,
) -> Scope:
    query = select(Person.person_id, Person.login, Person.given_name, Person.family_name).where(which)
    people = [row for row in source.run(query) if named(row.login or "")]
    if len(people) != 1:
        raise UnknownPerson(login)
    person = people[0]
    holdings = _holdings(source, person.person_id, rights)
    return Scope(
        person.person_id,
        frozenset(beamline for holding in holdings for beamline in holding.beamlines),
        any(holding.everything for holding in holdings),
        " ".join(part for part in (person.given_name, person.family_name) if part),
        any(holding.administer for holding in holdings),
        any(holding.activity for holding in holdings),
        holdings=holdings,
    )


_DIGITS = re.compile(r"[0-9]{1,20}$")


def scope_of_proposal(source: Source, login: str) -> Scope:
    """The Scope of the account of a proposal: ``mx415``, in whatever case and with whatever dashes.

    No permission and no group counts, whoever else has that name. Raises UnknownPerson when no or more than one
    proposal is called so, and Unavailable when the database does not answer.
    """
    digits = _DIGITS.search(login)
    # A code may end with digits as well, so each end of them may be the number.
    numbers = [digits[0][start:] for start in range(len(digits[0]))] if digits else []
    rows = source.run(select(Proposal.proposal_id, Proposal.code, Proposal.number).where(Proposal.number.in_(numbers)))
    found = [row for row in rows if _plain(f"{row.code or ''}{row.number}") == _plain(login)]
    if len(found) != 1:
        raise UnknownPerson(login, "no proposal of that name" if not found else "more than one proposal of that name")
    return Scope(name=f"{found[0].code or ''}{found[0].number}", proposal_id=found[0].proposal_id)


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).casefold()


def _holdings(source: Source, person_id: int, rights: Rights) -> tuple[Holding, ...]:
    rows = source.run(
        select(UserGroup.id, UserGroup.name, Permission.name.label("permission"))
        .select_from(GroupHasPerson)
        .join(UserGroup, UserGroup.id == GroupHasPerson.group_id)
        .outerjoin(GroupHasPermission, GroupHasPermission.group_id == UserGroup.id)
        .outerjoin(Permission, Permission.id == GroupHasPermission.permission_id)
        .where(GroupHasPerson.person_id == person_id)
        .order_by(UserGroup.name, UserGroup.id, Permission.name)
    )
    if not rows:
        return ()
    beamlines = beamline_groups(source.run, rights)
    names = dict.fromkeys((row.name or "", None) for row in rows)
    names |= dict.fromkeys((row.name or "", row.permission) for row in rows if row.permission)
    return tuple(holding(group, permission, rights, beamlines) for group, permission in names)


def holding(group: str, permission: str | None, rights: Rights, beamlines: Mapping[str, tuple[str, ...]]) -> Holding:
    """What a permission of ``group`` gives, or the group itself; ``beamlines`` as `beamline_groups` says."""
    name = group if permission is None else permission
    return Holding(
        group,
        permission,
        frozenset(beamlines.get(name, ())),
        name in rights.everything,
        name in rights.administer,
        name in rights.activity,
    )


def beamline_groups(run: Callable[[Query], Sequence[Record]], rights: Rights) -> dict[str, tuple[str, ...]]:
    """The beamlines that each permission or group opens: by the settings, and by ISPyB where it is to be asked.

    A value in ISPyB that is not as py-ispyb writes it opens nothing.
    """
    found = {name: tuple(beamlines) for name, beamlines in rights.beamlines.items()}
    if rights.read_groups:
        for row in run(select(AdminVar.value).where(AdminVar.name == GROUPS_VARIABLE).order_by(AdminVar.id)):
            for name, beamlines in _stored(row.value):
                found[name] = tuple(dict.fromkeys((*found.get(name, ()), *beamlines)))
    return found


def _stored(value: str | None) -> Iterator[tuple[str, list[str]]]:
    """Permission and beamlines of each group in a value of AdminVar."""
    try:
        groups: Any = json.loads(value or "[]")
    except (ValueError, RecursionError):
        # AdminVar.value holds 1024 characters: a long list is cut.
        log.warning("AdminVar %s is not JSON: it opens no beamline", GROUPS_VARIABLE)
        return
    for group in groups if isinstance(groups, list) else ():
        permission = group.get("permission") if isinstance(group, dict) else None
        listed = group.get("beamLines") if isinstance(group, dict) else None
        if not isinstance(permission, str) or not permission or not isinstance(listed, list):
            log.warning("AdminVar %s: a group without permission or beamLines opens nothing", GROUPS_VARIABLE)
            continue
        names = [line.get("beamLineName") for line in listed if isinstance(line, dict)]
        yield permission, [name for name in names if isinstance(name, str) and name]
