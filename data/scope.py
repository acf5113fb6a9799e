"""What one person may see."""

from dataclasses import dataclass, field

from sqlalchemy import select

from data.errors import DataError
from data.schema import GroupHasPermission, GroupHasPerson, Permission, Person, UserGroup
from data.source import Source


class UnknownPerson(DataError):
    """Somebody signed in whom ISPyB does not know."""

    def __init__(self, login: str) -> None:
        super().__init__(
            f"You are signed in as {login}, but ISPyB has no person with that login. "
            "Ask your user office to add you; nothing is shown until then."
        )


@dataclass(frozen=True, slots=True)
class Rights:
    """A site's rule from permissions to sight: names that see everything, and names that see whole beamlines."""

    everything: frozenset[str] = frozenset({"all_proposals", "super_admin"})
    beamlines: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one person may see: own visits and proposals through ``person_id``, whole ``beamlines``, or ``everything``.

    The empty Scope sees nothing.
    """

    person_id: int | None = None
    beamlines: frozenset[str] = frozenset()
    everything: bool = False
    name: str = ""


def scope_of(source: Source, login: str, rights: Rights) -> Scope:
    """The Scope of the person whose ISPyB login is ``login``.

    Raises UnknownPerson when no or more than one person has that login (an empty login never matches), and
    Unavailable when the database does not answer.
    """
    if not login:
        raise UnknownPerson("nobody")
    people = source.run(select(Person.person_id, Person.given_name, Person.family_name).where(Person.login == login))
    if len(people) != 1:
        raise UnknownPerson(login)
    person = people[0]
    held = {
        name
        for row in source.run(
            select(UserGroup.name, Permission.name.label("permission"))
            .select_from(GroupHasPerson)
            .join(UserGroup, UserGroup.id == GroupHasPerson.group_id)
            .outerjoin(GroupHasPermission, GroupHasPermission.group_id == UserGroup.id)
            .outerjoin(Permission, Permission.id == GroupHasPermission.permission_id)
            .where(GroupHasPerson.person_id == person.person_id)
        )
        for name in row
        if name
    }
    return Scope(
        person.person_id,
        frozenset(beamline for name in held for beamline in rights.beamlines.get(name, ())),
        bool(held & rights.everything),
        " ".join(part for part in (person.given_name, person.family_name) if part),
    )
