"""What a statement ties together: where each mapped class stands in it, and which equalities hold there.

The guard attaches a condition to a class unless every place of the class is tied to an owner that is conditioned.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from sqlalchemy import BindParameter, Join, Select
from sqlalchemy import Table as CoreTable
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, Grouping
from sqlalchemy.sql.expression import ColumnClause
from sqlalchemy.sql.selectable import Alias, FromClause

from data import schema as s
from data.query import Query

Owner = tuple[str, type[s.Table], str]
"""Own column, owner's class, owner's column, as ISPyB spells them."""
CLASSES: dict[CoreTable, type[s.Table]] = {
    cast(CoreTable, m.class_.__table__): m.class_ for m in s.Table.registry.mappers
}
_Place = Any  # a FROM element: a table or an alias of one
Tie = tuple[type[s.Table], str, type[s.Table], str]
Places = dict[type[s.Table], list[set[Tie]]]


def parts(query: Query) -> list[Any]:
    """Every element of a statement, once. (SQLAlchemy's own walk meets a shared element again for each way to it.)"""
    seen: dict[int, Any] = {}
    waiting: list[Any] = [query]
    while waiting:
        element = waiting.pop()
        if id(element) in seen:
            continue
        seen[id(element)] = element  # kept, so that its id is nobody else's meanwhile
        waiting.extend(element.get_children())
    return list(seen.values())


def plain(table: Any) -> Any:
    """The table without the notes that SQLAlchemy makes on it."""
    return table._deannotate() if table._annotations else table


def tied(query: Query) -> Places:
    """For each class, one set of ties for every place where it stands in the statement."""
    places: Places = {}
    for element in parts(query):
        if isinstance(element, Select):
            equalities = [*_equalities(element.whereclause)] if element.whereclause is not None else []
            stands: list[_Place] = []
            ties: list[tuple[_Place, Tie]] = []
            for source in element.get_final_froms():
                _walk(source, stands, ties)
            for left, right in equalities:
                for one, other in ((left, right), (right, left)):
                    ties.append((one.table, _tie(one, other)))
            for place in stands:
                mapped = class_at(place)
                if mapped is not None:
                    places.setdefault(mapped, []).append({tie for at, tie in ties if _same(at, place)})
    return places


def _walk(source: FromClause, stands: list[_Place], ties: list[tuple[_Place, Tie]]) -> list[_Place]:
    """Collect the places under ``source`` and the ties of its joins; returns the places."""
    if not isinstance(source, Join):
        stands.append(source)
        return [source]
    left, right = _walk(source.left, stands, ties), _walk(source.right, stands, ties)
    if source.full:
        return [*left, *right]
    for one, other in _equalities(source.onclause):
        for mine, its in ((one, other), (other, one)):
            inside_right = any(_same(mine.table, place) for place in right)
            # Rows of the left side survive an outer join whatever the other side says.
            if not source.isouter or inside_right:
                ties.append((mine.table, _tie(mine, its)))
    return [*left, *right]


def _ands(clause: Any) -> Iterator[Any]:
    """The conditions that hold for every row: the clause itself, or the parts of an AND."""
    if isinstance(clause, Grouping):
        yield from _ands(clause.element)
    elif isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        for part in clause.clauses:
            yield from _ands(part)
    elif clause is not None:
        yield clause


def _equalities(clause: Any) -> Iterator[tuple[ColumnClause[Any], ColumnClause[Any]]]:
    """Column = column conditions that hold for every row."""
    for part in _ands(clause):
        if (
            isinstance(part, BinaryExpression)
            and part.operator is operators.eq
            and isinstance(part.left, ColumnClause)
            and isinstance(part.right, ColumnClause)
        ):
            yield part.left, part.right


def _tie(mine: ColumnClause[Any], its: ColumnClause[Any]) -> Tie:
    nothing: type[s.Table] = s.Table
    return (class_at(mine.table) or nothing, mine.name, class_at(its.table) or nothing, its.name)


def class_at(place: Any) -> type[s.Table] | None:
    while isinstance(place, Alias):
        place = place.element
    return CLASSES.get(plain(place)) if isinstance(place, CoreTable) else None


def _same(one: Any, other: Any) -> bool:
    return one is other or (one is not None and other is not None and _bare(one) is _bare(other))


def _bare(place: Any) -> Any:
    return place._deannotate() if isinstance(place, Alias | CoreTable) and place._annotations else place


def kept(
    found: list[type[s.Table]],
    places: Places,
    owners: Callable[[type[s.Table]], Iterable[Owner]],
    line: Mapping[type[s.Table], Owner],
) -> tuple[type[s.Table], ...]:
    """The classes that keep their own condition, of those of ``found``.

    A class may do without when, at every place where it stands, it is tied to an owner that is itself sound: one that
    keeps its condition, or leans on sound ones. Where classes only lean on each other, the first of them keeps its own.

    ``line``: owners that suffice only where they are tied in their turn by ``line``, up to one that is not in it: the
    rule shows more rows of such an owner than those whose children one may see as well.
    """
    sound: set[type[s.Table]] = set()
    own_condition: list[type[s.Table]] = []

    def tied_to(mapped: type[s.Table], choices: Iterable[Owner]) -> bool:
        stands = places.get(mapped, [])
        return bool(stands) and all(any((mapped, *choice) in ties for choice in choices) for ties in stands)

    def in_line(mapped: type[s.Table]) -> bool:
        return mapped not in line or (tied_to(mapped, [line[mapped]]) and in_line(line[mapped][1]))

    def leans(mapped: type[s.Table], on: set[type[s.Table]]) -> bool:
        choices = [owner for owner in owners(mapped) if owner[1] in on]
        if mapped in line and line[mapped][1] in on and in_line(line[mapped][1]):
            choices.append(line[mapped])
        return tied_to(mapped, choices)

    waiting = list(found)
    while waiting:
        ready = [mapped for mapped in waiting if leans(mapped, sound)]
        if not ready:
            others = set(waiting)
            alone = [mapped for mapped in waiting if not leans(mapped, others - {mapped})] or waiting[:1]
            own_condition += alone
            ready = alone
        sound.update(ready)
        waiting = [mapped for mapped in waiting if mapped not in sound]
    return tuple(own_condition)


def pinned(query: Query, mapped: type[s.Table], column: str) -> bool:
    """Whether every SELECT that reads ``mapped`` holds its ``column`` to one given value."""
    found = False
    for element in parts(query):
        if not isinstance(element, Select):
            continue
        stands: list[_Place] = []
        for source in element.get_final_froms():
            _walk(source, stands, [])
        held = [side.table for side in _held(element.whereclause, column)]
        for place in stands:
            if class_at(place) is mapped:
                found = True
                if not any(_same(table, place) for table in held):
                    return False
    return found


def _held(clause: Any, column: str) -> Iterator[ColumnClause[Any]]:
    for part in _ands(clause):
        if isinstance(part, BinaryExpression) and part.operator is operators.eq:
            for one, other in ((part.left, part.right), (part.right, part.left)):
                if isinstance(one, ColumnClause) and one.name == column and isinstance(other, BindParameter):
                    yield one
