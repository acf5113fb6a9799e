"""The access rule: which rows each person gets, however a statement is put, and what is refused."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ispyb import EVERYBODY, Facility, facility, ispyb_compositions, ispyb_phasing
from sqlalchemy import (
    Select,
    and_,
    column,
    create_engine,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    not_,
    or_,
    select,
    table,
    text,
    union,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from data import guard
from data import schema as s
from data.errors import Unguarded
from data.guard import guarded
from data.reader import Reader
from data.scope import Scope

OWNED = sorted(guard._OWNED, key=lambda mapped: mapped.__name__)
ALL = Scope(everything=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Facility:
    """The tiny ISPyB of `ispyb.py`."""
    return facility("sqlite", f"sqlite:///{tmp_path_factory.mktemp('guard') / 'tiny.db'}")


def keys(mapped: type[s.Table]) -> list[Any]:
    """The primary key of a class, as its attributes."""
    mapper = mapped.__mapper__
    return [getattr(mapped, mapper.get_property_by_column(one).key) for one in mapper.primary_key]


def got(reader: Reader, query: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in reader.rows(query)), key=repr)


# ---- every table has a rule -----------------------------------------------------------------------------------------


def test_every_mapped_table_has_exactly_one_rule() -> None:
    mapped = {one.class_ for one in s.Table.registry.mappers}
    rules = [*guard._OWNED, *guard._OPEN, *guard._CLOSED]
    assert set(rules) == mapped
    assert len(rules) == len(mapped)


def test_a_table_added_without_a_rule_is_refused_even_to_who_sees_everything() -> None:
    code = """
from sqlalchemy import select
from data.schema.base import Table, key
class Planted(Table):
    __tablename__ = "Planted"
    id = key("plantedId")
from data.errors import Unguarded
from data.guard import guarded
from data.scope import Scope
try:
    guarded(select(Planted.id), Scope(everything=True))
except Unguarded as refused:
    print("refused:", refused)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "refused: Planted has no rule", done.stderr


# ---- what cannot be guarded is refused ------------------------------------------------------------------------------

_BARE = s.Visit.__table__
REFUSED: dict[str, Callable[[], Any]] = {
    "text": lambda: select(s.Visit.visit_id).where(text("1 = 1")),
    "text as a column": lambda: select(text("login")).select_from(s.Person),
    "text as an order": lambda: select(s.Visit.visit_id).order_by(text("1")),
    "text in a function": lambda: select(func.coalesce(text("1"), s.Visit.visit_id)),
    "text in a subquery": lambda: select(select(text("login")).select_from(s.Person).subquery()),
    "a textual select": lambda: select(text("SELECT * FROM Person").columns(column("login")).subquery()),
    "a literal column": lambda: select(literal_column("login")).select_from(s.Person),
    "a literal column in a condition": lambda: select(s.Visit.visit_id).where(literal_column("1") == 1),
    "a table of another name": lambda: select(table("Person", column("login"))),
    "a table of another name beside ours": lambda: select(s.Visit.visit_id, table("Person", column("login")).c.login),
    "a bare table": lambda: select(_BARE),
    "a bare column": lambda: select(_BARE.c.sessionId),
    "a bare table counted": lambda: select(func.count()).select_from(_BARE),
    "a bare table under an alias": lambda: select(_BARE.alias("a").c.sessionId),
    "a bare table counted under an alias": lambda: select(func.count()).select_from(_BARE.alias("a")),
    "a bare table in a join": lambda: select(s.Group.group_id).join(_BARE, _BARE.c.sessionId == s.Group.visit_id),
    "a bare table in an outer join": lambda: select(func.count()).select_from(
        s.Group.__table__.outerjoin(_BARE, _BARE.c.sessionId == s.Group.__table__.c.sessionId)
    ),
    "a bare table in a subquery": lambda: select(func.count()).select_from(select(_BARE.c.sessionId).subquery()),
    "a bare table in EXISTS": lambda: select(literal(1)).where(exists(select(_BARE.c.sessionId))),
    "a bare table in a CTE": lambda: select(func.count()).select_from(select(_BARE.c.sessionId).cte()),
    "a bare table in a union": lambda: select(union(select(s.Visit.visit_id), select(_BARE.c.sessionId)).subquery()),
    "a bare table in IN": lambda: select(s.Visit.visit_id).where(s.Visit.visit_id.in_(select(_BARE.c.sessionId))),
    "a bare table in a scalar": lambda: select(select(func.count()).select_from(_BARE).scalar_subquery()),
    "a union": lambda: union(select(s.Visit.visit_id), select(s.Group.group_id)),
    "an update": lambda: update(s.Visit).values(title="x"),
    "an insert": lambda: insert(s.Visit).values(title="x"),
    "a delete": lambda: delete(s.Visit),
    "words": lambda: "SELECT 1",
    "an update in a CTE": lambda: select(update(s.Visit).values(title="x").returning(s.Visit.visit_id).cte()),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("scope", [Scope(), ALL], ids=["nobody", "everything"])
def test_what_no_condition_reaches_is_refused(what: str, scope: Scope) -> None:
    with pytest.raises(Unguarded):
        guarded(REFUSED[what](), scope)


def test_a_borrowed_engine_answers_nothing(tiny: Facility) -> None:
    with pytest.raises(Unguarded), tiny.source.engine.connect() as connection:
        connection.execute(select(s.Person.login))
    with pytest.raises(Unguarded), tiny.source.engine.connect() as connection:
        connection.exec_driver_sql("SELECT login FROM Person").all()


# ---- the rows of each table, against rules written out another way --------------------------------------------------


def rows_of(tiny: Facility, mapped: type[s.Table]) -> list[dict[str, Any]]:
    """All rows, past every rule."""
    engine = create_engine(tiny.source.engine.url)
    with engine.connect() as connection:
        found = [dict(row._mapping) for row in connection.execute(select(mapped.__table__))]
    engine.dispose()
    names = {p.columns[0].name: p.key for p in mapped.__mapper__.column_attrs}
    return [{names[key]: value for key, value in row.items()} for row in found]


def visible(tiny: Facility, scope: Scope) -> dict[type[s.Table], list[dict[str, Any]]]:
    """The rows that a person may see, worked out row by row in Python."""
    raw = {mapped: rows_of(tiny, mapped) for mapped in OWNED}
    if scope.everything:
        return raw
    person = scope.person_id
    own_proposals = {r["proposal_id"] for r in raw[s.Proposal] if r["person_id"] == person} | {
        r["proposal_id"] for r in raw[s.ProposalHasPerson] if r["person_id"] == person
    }
    if scope.proposal_id is not None:
        own_proposals = {scope.proposal_id}
    present = {r["visit_id"] for r in raw[s.VisitHasPerson] if r["person_id"] == person}
    visits = {
        r["visit_id"]
        for r in raw[s.Visit]
        if r["visit_id"] in present or r["proposal_id"] in own_proposals or r["beamline"] in scope.beamlines
    }
    proposals = own_proposals | {r["proposal_id"] for r in raw[s.Visit] if r["visit_id"] in visits}
    seen: dict[type[s.Table], list[dict[str, Any]]] = {}

    def of(mapped: type[s.Table], key: str, allowed: set[Any]) -> set[Any]:
        seen[mapped] = [r for r in raw[mapped] if r[key] in allowed]
        return {r[keys(mapped)[0].key] for r in seen[mapped]}

    of(s.Proposal, "proposal_id", proposals)
    of(s.Visit, "visit_id", visits)
    of(s.ProposalHasPerson, "proposal_id", proposals)
    of(s.VisitHasPerson, "visit_id", visits)
    for mapped in (s.VisitType, s.RobotAction, s.EnergyScan, s.Fluorescence):
        of(mapped, "visit_id", visits)
    shipments = of(s.Shipment, "proposal_id", proposals)
    of(s.ShipmentHasVisit, "shipment_id", shipments)
    containers = of(s.Container, "dewar_id", of(s.Dewar, "shipment_id", shipments))
    groups = of(s.Group, "visit_id", visits)
    collections = of(s.Collection, "group_id", groups)
    for mapped in (s.ImageQuality, s.CollectionImage, s.SSXCollection, s.SSXResult):
        of(mapped, "collection_id", collections)
    for mapped in (s.GridInfo, s.Screening):
        seen[mapped] = [r for r in raw[mapped] if r["group_id"] in groups or r["collection_id"] in collections]
    grids = {r["id"] for r in seen[s.GridInfo]}
    of(s.WorkflowMesh, "id", {r["mesh_id"] for r in seen[s.GridInfo]})
    centrings = of(s.Centring, "group_id", groups)
    found = raw[s.CentringResult]
    seen[s.CentringResult] = [r for r in found if r["centring_id"] in centrings or r["grid_id"] in grids]
    outputs = of(s.ScreeningOutput, "screening_id", {r["id"] for r in seen[s.Screening]})
    of(s.ScreeningLattice, "output_id", outputs)
    of(s.SubWedge, "wedge_id", of(s.Wedge, "strategy_id", of(s.Strategy, "output_id", outputs)))
    of(s.Event, "chain_id", of(s.EventChain, "collection_id", collections))
    of(s.CTF, "motion_id", of(s.MotionCorrection, "movie_id", of(s.Movie, "collection_id", collections)))
    integrations = of(s.Integration, "collection_id", collections)
    jobs = of(s.Job, "collection_id", collections)
    programs = {r["program_id"] for r in seen[s.Integration]}
    seen[s.Program] = [
        r
        for r in raw[s.Program]
        if r["program_id"] in programs or r["job_id"] in jobs or r["collection_hint"] in collections
    ]
    programs = {r["program_id"] for r in seen[s.Program]}
    of(s.ProgramMessage, "program_id", programs)
    of(s.ProgramAttachment, "program_id", programs)
    of(s.ScalingHasIntegration, "integration_id", integrations)
    scalings = of(s.Scaling, "scaling_id", {r["scaling_id"] for r in seen[s.ScalingHasIntegration]})
    ispyb_phasing.seen(raw, seen, of, collections, scalings)
    of(s.AutoProc, "auto_proc_id", {r["auto_proc_id"] for r in seen[s.Scaling]})
    # Samples, crystals and proteins: of the proposal, in its boxes, or used at a visit.
    at_hand = {r["sample_id"] for r in raw[s.Sample] if r["container_id"] in containers} | {
        r["sample_id"] for r in seen[s.Group]
    }
    near_crystals = {r["crystal_id"] for r in raw[s.Sample] if r["sample_id"] in at_hand}
    of_proposal = {r["protein_id"] for r in raw[s.Protein] if r["proposal_id"] in proposals}
    seen[s.Crystal] = [r for r in raw[s.Crystal] if r["protein_id"] in of_proposal or r["crystal_id"] in near_crystals]
    own_crystals = {r["crystal_id"] for r in raw[s.Crystal] if r["protein_id"] in of_proposal}
    seen[s.Sample] = [r for r in raw[s.Sample] if r["sample_id"] in at_hand or r["crystal_id"] in own_crystals]
    near_proteins = {r["protein_id"] for r in raw[s.Crystal] if r["crystal_id"] in near_crystals}
    seen[s.Protein] = [r for r in raw[s.Protein] if r["protein_id"] in of_proposal | near_proteins]
    people = (
        {person}
        | {r["person_id"] for r in seen[s.ProposalHasPerson]}
        | {r["person_id"] for r in seen[s.VisitHasPerson]}
        | {r["person_id"] for r in seen[s.Proposal]}
    )
    of(s.Person, "person_id", people)
    return ispyb_compositions.seen(of, seen)


SHAPES: dict[str, Callable[[type[s.Table]], Any]] = {
    "plain": lambda m: select(*keys(m)),
    "alias": lambda m: _aliased(m),
    "subquery": lambda m: select(select(*keys(m)).subquery()),
    "alias of a subquery": lambda m: select(select(*keys(m)).subquery().alias("other")),
    "CTE": lambda m: select(select(*keys(m)).cte("one")),
    "union": lambda m: select(union_all(select(*keys(m)), select(*keys(m)).where(literal(1) == 0)).subquery()),
    "entity": lambda m: select(m).with_only_columns(*keys(m)),
    "distinct": lambda m: select(*keys(m)).distinct(),
    "limited subquery": lambda m: select(select(*keys(m)).limit(10**6).subquery()),
}


def _aliased(mapped: type[s.Table]) -> Any:
    other = aliased(mapped)
    return select(*(getattr(other, key.key) for key in keys(mapped)))


# By membership, and by beamline as well.
_EVERY_SHAPE = ("alice", "staff")


@pytest.mark.parametrize("login", EVERYBODY)
def test_each_table_gives_each_person_the_rows_of_the_rule_in_every_shape(tiny: Facility, login: str) -> None:
    reader = tiny.reader(login)
    expected = visible(tiny, reader.scope)
    assert set(expected) == set(OWNED)
    for turn, mapped in enumerate(OWNED):
        rows = sorted((tuple(row[key.key] for key in keys(mapped)) for row in expected[mapped]), key=repr)
        # Every shape for rights of each kind; for the others, whose conditions are of the same, shapes in turn.
        others = list(SHAPES)[turn % len(SHAPES) :][:2]
        for shape, build in SHAPES.items():
            if login not in _EVERY_SHAPE and shape not in ("plain", *others):
                continue
            assert got(reader, build(mapped)) == rows, f"{mapped.__name__}, {shape}"
        counts = {
            "count": select(func.count()).select_from(mapped),
            "scalar": select(select(func.count()).select_from(mapped).scalar_subquery()),
            "count of a CTE": select(func.count()).select_from(select(*keys(mapped)).cte("one")),
            "window": select(
                func.coalesce(func.max(select(func.count().over().label("n")).select_from(mapped).subquery().c.n), 0)
            ),
        }
        for at, (shape, query) in enumerate(counts.items()):
            if login not in _EVERY_SHAPE and at != turn % len(counts):
                continue
            assert reader.scalar(query) == len(rows), f"{mapped.__name__}, {shape}"
        found = bool(reader.rows(select(literal(1)).where(exists(select(*keys(mapped))))))
        assert found == bool(rows), f"{mapped.__name__}, EXISTS"
        missing = bool(reader.rows(select(literal(1)).where(not_(exists(select(*keys(mapped)))))))
        assert missing != found, f"{mapped.__name__}, NOT EXISTS"


def test_the_tiny_facility_has_something_to_hide_in_most_tables(tiny: Facility) -> None:
    """Else the test above could not fail."""
    alice, admin = (visible(tiny, tiny.scope(login)) for login in ("alice", "admin"))
    hiding = {mapped for mapped in OWNED if 0 < len(alice[mapped]) < len(admin[mapped])}
    assert hiding >= {s.Proposal, s.Visit, s.Person, s.Sample, s.Collection, s.Program, s.Statistics, s.ImageQuality}
    lacks = {m for m in OWNED if tiny.source.settlement.fits[m.__tablename__].real is None}
    assert {mapped for mapped in OWNED if not admin[mapped]} == lacks & {s.WorkflowMesh, s.Centring, s.CentringResult}


# ---- ties -----------------------------------------------------------------------------------------------------------


def without_ties(reader: Reader, query: Any) -> list[tuple[Any, ...]]:
    """The rows where every table keeps its own condition."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "tied", lambda _: {})
        patch.setattr(guard, "pinned", lambda *_: False)
        patch.setattr(guard, "_ANALYSED", type(guard._ANALYSED)())
        return got(reader, query)


def _ties() -> list[Any]:
    return [
        pytest.param(mapped, *owner, id=f"{mapped.__name__}.{owner[0]}-{owner[1].__name__}")
        for mapped in OWNED
        for owner in guard._OWNED[mapped].owners
    ]


@pytest.mark.parametrize(("mapped", "own", "owner", "key"), _ties())
def test_each_tie_gives_the_rows_that_the_condition_gives(
    tiny: Facility, mapped: type[s.Table], own: str, owner: type[s.Table], key: str
) -> None:
    """Inner, outer either way, in WHERE, under aliases and correlated."""
    mine = getattr(mapped, mapped.__mapper__.get_property_by_column(mapped.__table__.c[own]).key)
    attribute = owner.__mapper__.get_property_by_column(owner.__table__.c[key]).key
    its, other = getattr(owner, attribute), aliased(owner)
    tie = mine == its
    queries = {
        "inner": select(*keys(mapped), *keys(owner)).join(owner, tie),
        "inner, turned": select(*keys(mapped)).select_from(owner).join(mapped, tie),
        "outer, the owner optional": select(*keys(mapped), *keys(owner)).select_from(mapped).outerjoin(owner, tie),
        "outer, the row optional": select(*keys(mapped), *keys(owner)).select_from(owner).outerjoin(mapped, tie),
        "in WHERE": select(*keys(mapped), *keys(owner)).where(tie),
        "an alias": select(*keys(mapped)).select_from(mapped).join(other, mine == getattr(other, attribute)),
        "correlated": select(*keys(mapped)).where(exists(select(its).where(tie))),
        "correlated, turned": select(its).where(exists(select(mine).where(tie))),
        "or": select(*keys(mapped), *keys(owner)).where(or_(tie, mine.is_(None))),
        "not": select(*keys(mapped), *keys(owner)).where(not_(tie)),
        "and": select(*keys(mapped), *keys(owner)).where(and_(tie, mine.is_not(None))),
        "an alias beside": select(*keys(mapped), getattr(other, attribute))
        .select_from(mapped)
        .join(owner, tie)
        .join(other, literal(True)),
    }
    for login in ("alice", "bob", "staff", "nobody"):
        reader = tiny.reader(login)
        for shape, query in queries.items():
            assert got(reader, query) == without_ties(reader, query), f"{login}, {shape}"


def test_a_tied_table_that_also_stands_alone_keeps_its_condition(tiny: Facility) -> None:
    other = aliased(s.Collection)
    query = (
        select(s.Collection.collection_id, other.collection_id)
        .join(s.Group, s.Group.group_id == s.Collection.group_id)
        .join(s.Visit, s.Visit.visit_id == s.Group.visit_id)
        .join(other, literal(True))
    )
    for login in ("alice", "staff", "nobody"):
        reader = tiny.reader(login)
        found = got(reader, query)
        assert found == without_ties(reader, query)
        own = {row[0] for row in reader.rows(select(s.Collection.collection_id))}
        assert {row[1] for row in found} == own


def test_tables_that_only_lean_on_each_other_are_not_all_free(tiny: Facility) -> None:
    """Sample leans on Crystal, Crystal on Sample: one of them has to stand by itself."""
    query = select(s.Sample.sample_id, s.Crystal.crystal_id, s.Protein.protein_id).where(
        s.Sample.crystal_id == s.Crystal.crystal_id, s.Crystal.protein_id == s.Protein.protein_id
    )
    for login in EVERYBODY:
        reader = tiny.reader(login)
        assert got(reader, query) == without_ties(reader, query)
    assert got(tiny.reader("nobody"), query) == []


def test_an_outer_join_does_not_free_the_side_whose_rows_survive(tiny: Facility) -> None:
    query = select(s.Group.group_id, s.Visit.visit_id).outerjoin(s.Visit, s.Visit.visit_id == s.Group.visit_id)
    assert got(tiny.reader("alice"), query) == [(101, 11), (102, 11)]
    assert got(tiny.reader("nobody"), query) == []


def test_a_deep_chain_needs_the_condition_of_the_visit_alone() -> None:
    query = (
        select(s.Statistics.id)
        .select_from(s.Visit)
        .join(s.Group, s.Group.visit_id == s.Visit.visit_id)
        .join(s.Collection, s.Collection.group_id == s.Group.group_id)
        .join(s.Integration, s.Integration.collection_id == s.Collection.collection_id)
        .join(s.ScalingHasIntegration, s.ScalingHasIntegration.integration_id == s.Integration.integration_id)
        .join(s.Scaling, s.Scaling.scaling_id == s.ScalingHasIntegration.scaling_id)
        .join(s.Statistics, s.Statistics.scaling_id == s.Scaling.scaling_id)
    )
    assert [mapped for mapped, _ in guard._needed(query)] == [s.Visit]


def test_a_shape_is_worked_out_once_for_all_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_ANALYSED", type(guard._ANALYSED)())
    for key in range(50):
        guarded(select(s.Visit.visit_id).where(s.Visit.visit_id == key), Scope(person_id=key))
    assert len(guard._ANALYSED) == 1


def test_what_is_remembered_of_statements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_ANALYSED", type(guard._ANALYSED)())
    monkeypatch.setattr(guard, "_REMEMBERED", 3)
    for name in "abcdefgh":
        guarded(select(s.Visit.visit_id.label(name)), ALL)
    assert len(guard._ANALYSED) == 3


# ---- scopes ---------------------------------------------------------------------------------------------------------


def test_the_empty_scope_sees_nothing_of_any_table(tiny: Facility) -> None:
    reader = Reader(tiny.source, Scope())
    for mapped in OWNED:
        assert reader.rows(select(*keys(mapped))) == [], mapped.__name__


def test_reference_tables_are_the_same_for_everybody(tiny: Facility) -> None:
    query: Select[Any] = select(s.Detector.detector_id)
    assert [row[0] for row in tiny.reader("nobody").rows(query)] == [1]
