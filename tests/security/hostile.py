"""A site in which every text of every mapped table attacks, and a part that is not Alice's.

The rows are made from the mapping, so a table or a column that is added to it is attacked with. Rows of one number
belong together: 1, 2, 3, … are Alice's, one for each technique; FOREIGN is not; MISSING is no row's.
"""

from datetime import datetime, timedelta
from typing import Any

from browser.site import HOSTILE, PASSWORD, PEOPLE, Site
from sqlalchemy import DateTime, Integer, LargeBinary, String, inspect
from sqlalchemy.orm import ColumnProperty

from auth.accounts import add_account
from auth.store import Store
from data import schema as s
from data.demo.rows import Rows, settle_down
from data.guard import _OPEN
from data.schema.base import Moment
from views.techniques import TECHNIQUES

FOREIGN, MISSING = 77, 99
SECRET = "not-for-alice"
"""Stands in every text of the foreign rows."""

# One type of experiment of each technique, as sites write it.
KINDS = {"mx": "OSC", "ssx": "SSX-Chip", "em": "EM"}


def numbers() -> dict[str, int]:
    """Alice's numbers, by technique. Fails for a technique without a type of experiment above."""
    return {technique.key: number for number, technique in enumerate(TECHNIQUES, 1) if KINDS[technique.key]}


class Hostile(Site):
    """The site; ``start`` serves it."""

    def write(self) -> None:
        (self.folder / "files").mkdir(parents=True)
        engine = self._engine()
        rows().insert(engine)
        engine.dispose()
        settle_down(self.database)
        store = Store(f"sqlite:///{self.folder / 'lens.sqlite'}")
        for person in (*PEOPLE, "bob"):
            add_account(store, person, PASSWORD, HOSTILE if person == "admin" else person)
        store.close()


def mapped_tables() -> list[type[s.Table]]:
    """Every class of the mapping."""
    return sorted((m.class_ for m in s.Table.registry.mappers), key=lambda found: found.__name__)


def rows() -> Rows:
    made = Rows()
    for mapped in mapped_tables():
        for number in (*numbers().values(), FOREIGN):
            made.add(mapped, **values(mapped, number))
    alice, bob = numbers()["mx"], FOREIGN
    for number in numbers().values():
        made.add(s.ProposalHasPerson, **values(s.ProposalHasPerson, number) | {"id": 100 + number, "person_id": alice})
    # The administrator, whose group may see everything.
    made.add(s.Person, **values(s.Person, 50) | {"login": "admin"})
    made.add(s.UserGroup, **values(s.UserGroup, 50))
    made.add(s.Permission, **values(s.Permission, 50) | {"name": "all_proposals"})
    for name in ("super_admin", "manage_groups", "manage_perms", "view_activity"):
        key = 51 + len(made.of(s.Permission))
        made.add(s.Permission, **values(s.Permission, key) | {"name": name})
        made.add(s.GroupHasPermission, group_id=50, permission_id=key)
    made.add(s.GroupHasPermission, group_id=50, permission_id=50)
    made.add(s.GroupHasPerson, group_id=50, person_id=50)
    for person, login in ((alice, "alice"), (bob, "bob")):
        (row,) = (row for row in made.of(s.Person) if row["person_id"] == person)
        row["login"] = login
    return made


def values(mapped: type[s.Table], number: int) -> dict[str, Any]:
    """A row of that number: keys and references are the number, texts attack, the rest is plausible."""
    hidden = number == FOREIGN and mapped not in _OPEN  # reference tables are everybody's
    found = {p.key: _value(p, number, hidden) for p in inspect(mapped).column_attrs}
    if mapped is s.Proposal:
        found |= {"code": "hx", "number": str(number)}
    elif mapped is s.Group:
        by_number = {key: technique for technique, key in numbers().items()}
        found["experiment"] = KINDS[by_number.get(number, "mx")]
    elif mapped is s.ProgramAttachment:
        found["deleted"] = 0  # else nobody sees it
    return found


def _value(prop: ColumnProperty[Any], number: int, hidden: bool) -> Any:
    column = prop.columns[0]
    if column.primary_key or column.foreign_keys:
        own = any(key.column.table is column.table for key in column.foreign_keys)
        return None if own and not column.primary_key else number
    if isinstance(column.type, String):
        return f"{SECRET} {HOSTILE}" if hidden else HOSTILE
    if isinstance(column.type, Moment | DateTime):
        ends = "end" in prop.key
        return datetime.now().replace(microsecond=0) + timedelta(hours=2 if ends else -2, minutes=number % 60)
    if isinstance(column.type, LargeBinary):
        return HOSTILE.encode()
    if isinstance(column.type, Integer):
        # Some references are no keys in the schema.
        return number if prop.key.endswith(("_id", "_hint")) else 1
    return 1.5
