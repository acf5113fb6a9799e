"""Groups, permissions and who holds them: read by administrators only, and only read."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select

from data.core.names import person_name, person_text
from data.errors import NotFound
from data.lists import contains
from data.reader import Reader
from data.schema import GroupHasPermission, GroupHasPerson, Permission, Person, UserGroup
from data.scope import Holding, Rights, beamline_groups, holding

Row = dict[str, Any]

_MOST = 5000
_FOUND = 20


def administered(reader: Reader) -> None:
    """Raises NotFound for whoever may not administer: the same words as for what does not exist."""
    if not reader.scope.administer:
        raise NotFound("This page")


def watched(reader: Reader) -> None:
    """Raises NotFound for whoever may not see who is signed in."""
    if not reader.scope.activity:
        raise NotFound("This page")


def groups(reader: Reader, rights: Rights) -> list[Row]:
    """All groups by name: id, name, members [{name, login}], permissions [{name, description, means}], means.

    ``means`` is a Holding: what the name gives here. Three statements, four where groups are kept in ISPyB.
    """
    administered(reader)
    beamlines = beamline_groups(reader.rows, rights)
    found: dict[int, Row] = {
        row.id: {
            "id": row.id,
            "name": row.name or f"group {row.id}",
            "members": [],
            "permissions": [],
            "means": holding(row.name or "", None, rights, beamlines),
        }
        for row in reader.rows(select(UserGroup.id, UserGroup.name).order_by(UserGroup.name, UserGroup.id))
    }
    for row in _permissions(reader):
        if row.group_id in found:
            means = holding(found[row.group_id]["name"], row.name or "", rights, beamlines)
            found[row.group_id]["permissions"].append(
                {"name": row.name or f"permission {row.id}", "description": row.description, "means": means}
            )
    for row in _members(reader):
        if row.group_id in found:
            found[row.group_id]["members"].append(_person(row))
    return list(found.values())


def permissions(reader: Reader, rights: Rights) -> tuple[list[Row], list[Holding]]:
    """All permissions by name: id, name, description, means, groups [names], holders [{name, login}]; and what the
    settings name that ISPyB has neither as a permission nor as a group.
    """
    administered(reader)
    beamlines = beamline_groups(reader.rows, rights)
    held = groups(reader, rights)
    query = select(Permission.id, Permission.name, Permission.description).order_by(Permission.name, Permission.id)
    found = []
    for row in reader.rows(query):
        with_it = [group for group in held if any(given["name"] == row.name for given in group["permissions"])]
        holders = {(person["name"], person["login"]): person for group in with_it for person in group["members"]}
        found.append(
            {
                "id": row.id,
                "name": row.name or f"permission {row.id}",
                "description": row.description,
                "means": holding("", row.name or "", rights, beamlines),
                "groups": [group["name"] for group in with_it],
                "holders": [holders[key] for key in sorted(holders, key=lambda key: (key[0], key[1] or ""))],
            }
        )
    known = {row["name"] for row in (*found, *held)}
    wanted = sorted({*rights.everything, *rights.administer, *rights.activity, *beamlines} - known)
    return found, [holding("", name, rights, beamlines) for name in wanted]


def people_named(reader: Reader, text: str) -> list[Row]:
    """Up to 20 people whose login is ``text``, or whose login or name holds its words: name, login."""
    administered(reader)
    text = text.strip()[:100]
    if not text:
        return []
    name = person_text()
    matching = [or_(contains(Person.login, word), contains(name, word)) for word in text.split()[:4]]
    query = (
        select(Person.person_id, Person.login, Person.given_name, Person.family_name)
        .where(*matching)
        .order_by(func.lower(func.coalesce(Person.login, "")) != text.lower(), Person.login.is_(None), name)
        .limit(_FOUND)
    )
    return [_person(row) for row in reader.rows(query)]


def _permissions(reader: Reader) -> Sequence[Any]:
    query = (
        select(GroupHasPermission.group_id, Permission.id, Permission.name, Permission.description)
        .join(Permission, Permission.id == GroupHasPermission.permission_id)
        .order_by(Permission.name, Permission.id)
    )
    return reader.rows(query.limit(_MOST))


def _members(reader: Reader) -> Sequence[Any]:
    query = (
        select(GroupHasPerson.group_id, Person.login, Person.given_name, Person.family_name)
        .join(Person, Person.person_id == GroupHasPerson.person_id)
        .order_by(Person.family_name, Person.given_name, Person.person_id)
    )
    return reader.rows(query.limit(_MOST))


def _person(row: Any) -> Row:
    return {"name": person_name(row.given_name, row.family_name) or row.login or "unnamed", "login": row.login}
