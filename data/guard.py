"""The access rule, in one place: which rows of each table a Scope may see.

``guarded(query, scope)`` attaches to every owned table of a statement the condition of that table, wherever it stands
(aliases, subqueries, CTEs, unions, EXISTS). A table without a rule raises ``Unguarded``; so do text, literal columns
and bare tables, which conditions cannot reach.

A row is visible when its visit or its proposal is. Visible visits: own visits, visits of own proposals (as a member or
as PI), visits at the beamlines of the groups held, or all. A proposal is visible when one is a member, its PI, or may
see one of its visits. ``WAYS`` holds these rules one by one; ``data.core.why`` asks each by itself.

Where a statement already ties a table by equality to its owner (``Collection.group_id == Group.group_id``), the owner's
condition decides for both and the table's own is left out: the same rows, without a semi-join per table.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ColumnElement, Join, Select, exists, false, or_, select, true, union
from sqlalchemy import Table as CoreTable
from sqlalchemy.orm import LoaderCriteriaOption
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.expression import ColumnClause, FromClause, TableClause

from data import schema as s
from data.errors import Unguarded
from data.query import Query
from data.scope import Scope
from data.ties import CLASSES, Owner, class_at, kept, parts, pinned, plain, tied

Ids = Select[Any]
Columns = Mapping[str, ColumnElement[Any]]
Condition = Callable[[Any, Scope], ColumnElement[bool]]


def _t(mapped: type[s.Table]) -> CoreTable:
    return cast(CoreTable, mapped.__table__)


def _named(table: FromClause) -> Columns:
    return {column.name: column for column in table.c}


def _ids(selects: Iterable[Select[Any]]) -> Ids:
    """The selects as one derived UNION: MariaDB answers it from four index look-ups; ORs cost 20 times as much."""
    merged = union(*selects).subquery("visible")
    return select(merged.c[0])


@dataclass(frozen=True, slots=True)
class Way:
    """One way to see a visit, and its proposal with it.

    ``visits`` and ``proposals`` are the ids that it shows, ``here`` the same as a condition on one row of BLSession;
    ``open_to`` says whether a Scope has that way at all.
    """

    visits: Callable[[Scope], Select[Any]]
    proposals: Callable[[Scope], Select[Any]]
    here: Condition
    open_to: Callable[[Scope], bool] = lambda scope: scope.person_id is not None


_VISIT, _PROPOSAL = _t(s.Visit), _t(s.Proposal)
_PRESENT, _MEMBER = _t(s.VisitHasPerson), _t(s.ProposalHasPerson)
# Aliases, or a statement that also reads these tables would take them for its own.
_A_PRESENT, _A_MEMBER, _A_PROPOSAL = _PRESENT.alias(), _MEMBER.alias(), _PROPOSAL.alias()

WAYS: dict[str, Way] = {
    "presence": Way(
        lambda scope: select(_PRESENT.c.sessionId).where(_PRESENT.c.personId == scope.person_id),
        lambda scope: (
            select(_VISIT.c.proposalId)
            .join(_PRESENT, _PRESENT.c.sessionId == _VISIT.c.sessionId)
            .where(_PRESENT.c.personId == scope.person_id)
        ),
        lambda columns, scope: exists().where(
            _A_PRESENT.c.sessionId == columns["sessionId"], _A_PRESENT.c.personId == scope.person_id
        ),
    ),
    "membership": Way(
        lambda scope: (
            select(_VISIT.c.sessionId)
            .join(_MEMBER, _MEMBER.c.proposalId == _VISIT.c.proposalId)
            .where(_MEMBER.c.personId == scope.person_id)
        ),
        lambda scope: select(_MEMBER.c.proposalId).where(_MEMBER.c.personId == scope.person_id),
        lambda columns, scope: exists().where(
            _A_MEMBER.c.proposalId == columns["proposalId"], _A_MEMBER.c.personId == scope.person_id
        ),
    ),
    "principal": Way(
        lambda scope: (
            select(_VISIT.c.sessionId)
            .join(_PROPOSAL, _PROPOSAL.c.proposalId == _VISIT.c.proposalId)
            .where(_PROPOSAL.c.personId == scope.person_id)
        ),
        lambda scope: select(_PROPOSAL.c.proposalId).where(_PROPOSAL.c.personId == scope.person_id),
        lambda columns, scope: exists().where(
            _A_PROPOSAL.c.proposalId == columns["proposalId"], _A_PROPOSAL.c.personId == scope.person_id
        ),
    ),
    "beamline": Way(
        lambda scope: select(_VISIT.c.sessionId).where(_VISIT.c.beamLineName.in_(sorted(scope.beamlines))),
        lambda scope: select(_VISIT.c.proposalId).where(_VISIT.c.beamLineName.in_(sorted(scope.beamlines))),
        lambda columns, scope: columns["beamLineName"].in_(sorted(scope.beamlines)),
        lambda scope: bool(scope.beamlines),
    ),
    "account": Way(
        lambda scope: select(_VISIT.c.sessionId).where(_VISIT.c.proposalId == scope.proposal_id),
        lambda scope: select(_PROPOSAL.c.proposalId).where(_PROPOSAL.c.proposalId == scope.proposal_id),
        lambda columns, scope: columns["proposalId"] == scope.proposal_id,
        lambda scope: scope.proposal_id is not None,
    ),
}
"""Every way to see a visit but the right to see everything. Whatever is visible is so by one of them."""


def open_ways(scope: Scope) -> list[str]:
    """The ways of WAYS that ``scope`` has."""
    wanted = WAYS if scope.ways is None else [name for name in WAYS if name in scope.ways]
    return [name for name in wanted if WAYS[name].open_to(scope)]


def _visits(scope: Scope) -> Ids:
    return _ids(WAYS[name].visits(scope) for name in open_ways(scope))


def _one_visit(columns: Columns, scope: Scope) -> ColumnElement[bool]:
    """The same for a statement about one visit: four look-ups, and no derived table in the way of its indexes."""
    return or_(*(WAYS[name].here(columns, scope) for name in open_ways(scope)))


def _proposals(scope: Scope) -> Ids:
    return _ids(WAYS[name].proposals(scope) for name in open_ways(scope))


def _of_visit(column: str) -> Condition:
    return lambda columns, scope: columns[column].in_(_visits(scope))


def _of_proposal(column: str) -> Condition:
    return lambda columns, scope: columns[column].in_(_proposals(scope))


def _through(column: str, owner: type[s.Table], key: str) -> Condition:
    """Visible when the row of ``owner`` is whose ``key`` the column holds."""

    def condition(columns: Columns, scope: Scope) -> ColumnElement[bool]:
        other = _t(owner)
        return columns[column].in_(select(other.c[key]).where(_OWNED[owner].condition(other.c, scope)))

    return condition


def _of_scaling(columns: Columns, scope: Scope) -> ColumnElement[bool]:
    """Visible when a collection of a visible visit is in the scaling. Flat: SQLite nests only so deep."""
    link, integration, collection, group = (
        _t(c).alias() for c in (s.ScalingHasIntegration, s.Integration, s.Collection, s.Group)
    )
    joined = (
        link.join(integration, integration.c.autoProcIntegrationId == link.c.autoProcIntegrationId)
        .join(collection, collection.c.dataCollectionId == integration.c.dataCollectionId)
        .join(group, group.c.dataCollectionGroupId == collection.c.dataCollectionGroupId)
    )
    seen = select(link.c.autoProcScalingId).select_from(joined).where(group.c.sessionId.in_(_visits(scope)))
    return columns["autoProcScalingId"].in_(seen)


def _people(columns: Columns, scope: Scope) -> ColumnElement[bool]:
    """Oneself, and those who share a visible proposal or visit; everybody for who administers."""
    if scope.administer:
        return true()
    mine, member, proposal = (_t(c) for c in (s.VisitHasPerson, s.ProposalHasPerson, s.Proposal))
    # A NULL would match rows without a person.
    oneself = columns["personId"] == scope.person_id if scope.person_id is not None else false()
    return or_(
        oneself,
        columns["personId"].in_(select(member.c.personId).where(member.c.proposalId.in_(_proposals(scope)))),
        columns["personId"].in_(select(proposal.c.personId).where(proposal.c.proposalId.in_(_proposals(scope)))),
        columns["personId"].in_(select(mine.c.personId).where(mine.c.sessionId.in_(_visits(scope)))),
    )


def _samples_at_hand(columns: Columns, scope: Scope) -> ColumnElement[bool]:
    """Samples in a container of a visible proposal, and those used at a visible visit."""
    group = _t(s.Group)
    return or_(
        _through("containerId", s.Container, "containerId")(columns, scope),
        columns["blSampleId"].in_(select(group.c.blSampleId).where(group.c.sessionId.in_(_visits(scope)))),
    )


def _samples(columns: Columns, scope: Scope) -> ColumnElement[bool]:
    """Samples at hand, and those of the crystals of a visible proposal; not their siblings in another proposal."""
    crystal, protein = _t(s.Crystal), _t(s.Protein)
    proteins = select(protein.c.proteinId).where(protein.c.proposalId.in_(_proposals(scope)))
    own = select(crystal.c.crystalId).where(crystal.c.proteinId.in_(proteins))
    return or_(_samples_at_hand(columns, scope), columns["crystalId"].in_(own))


def _crystals(columns: Columns, scope: Scope) -> ColumnElement[bool]:
    """Crystals of a protein of a visible proposal, and those of a sample at hand."""
    sample, protein = _t(s.Sample), _t(s.Protein)
    return or_(
        columns["proteinId"].in_(select(protein.c.proteinId).where(protein.c.proposalId.in_(_proposals(scope)))),
        columns["crystalId"].in_(select(sample.c.crystalId).where(_samples_at_hand(_named(sample), scope))),
    )


def _proteins(columns: Columns, scope: Scope) -> ColumnElement[bool]:
    """Proteins of a visible proposal, and those of a sample at hand."""
    sample, crystal = _t(s.Sample), _t(s.Crystal)
    at_hand = select(sample.c.crystalId).where(_samples_at_hand(_named(sample), scope))
    return or_(
        columns["proposalId"].in_(_proposals(scope)),
        columns["proteinId"].in_(select(crystal.c.proteinId).where(crystal.c.crystalId.in_(at_hand))),
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """Which rows of a table a Scope sees, and the equalities with an owner that make the condition superfluous.

    ``owners``: (own column, owner's class, owner's column), all as ISPyB spells them.
    """

    condition: Condition
    owners: tuple[Owner, ...] = ()


def _child(column: str, owner: type[s.Table], key: str | None = None) -> Rule:
    return Rule(_through(column, owner, key or column), ((column, owner, key or column),))


def _either(*owners: Owner) -> Rule:
    """Visible through any of its owners."""
    return Rule(lambda columns, scope: or_(*(_through(*owner)(columns, scope) for owner in owners)), owners)


_PROGRAM = "autoProcProgramId"
_DC = "dataCollectionId"
_PHASING = "phasingProgramRunId"
_OWNED: dict[type[s.Table], Rule] = {
    # Every way to see a visit also shows its proposal.
    s.Proposal: Rule(_of_proposal("proposalId"), (("proposalId", s.Visit, "proposalId"),)),
    s.Visit: Rule(_of_visit("sessionId")),
    s.Person: Rule(
        _people,
        (
            ("personId", s.ProposalHasPerson, "personId"),
            ("personId", s.VisitHasPerson, "personId"),
            ("personId", s.Proposal, "personId"),
        ),
    ),
    s.ProposalHasPerson: Rule(_of_proposal("proposalId"), (("proposalId", s.Proposal, "proposalId"),)),
    s.VisitHasPerson: Rule(_of_visit("sessionId"), (("sessionId", s.Visit, "sessionId"),)),
    s.VisitType: Rule(_of_visit("sessionId"), (("sessionId", s.Visit, "sessionId"),)),
    s.Shipment: Rule(_of_proposal("proposalId"), (("proposalId", s.Proposal, "proposalId"),)),
    s.ShipmentHasVisit: _child("shippingId", s.Shipment),
    s.Dewar: _child("shippingId", s.Shipment),
    s.Container: _child("dewarId", s.Dewar),
    s.Protein: Rule(_proteins, (("proposalId", s.Proposal, "proposalId"), ("proteinId", s.Crystal, "proteinId"))),
    s.Crystal: Rule(_crystals, (("crystalId", s.Sample, "crystalId"),)),
    s.Sample: Rule(_samples, (("containerId", s.Container, "containerId"), ("blSampleId", s.Group, "blSampleId"))),
    s.Group: Rule(_of_visit("sessionId"), (("sessionId", s.Visit, "sessionId"),)),
    s.Collection: _child("dataCollectionGroupId", s.Group),
    s.ImageQuality: _child(_DC, s.Collection),
    s.CollectionImage: _child(_DC, s.Collection),
    s.GridInfo: _either(("dataCollectionGroupId", s.Group, "dataCollectionGroupId"), (_DC, s.Collection, _DC)),
    s.WorkflowMesh: Rule(
        _through("workflowMeshId", s.GridInfo, "workflowMeshId"), (("workflowMeshId", s.GridInfo, "workflowMeshId"),)
    ),
    s.Centring: _child("dataCollectionGroupId", s.Group),
    s.CentringResult: _either(
        ("xrayCentringId", s.Centring, "xrayCentringId"), ("gridInfoId", s.GridInfo, "gridInfoId")
    ),
    s.CollectionAttachment: _child(_DC, s.Collection),
    s.CollectionComment: _child(_DC, s.Collection),
    s.Integration: _child(_DC, s.Collection),
    s.Job: _child(_DC, s.Collection),
    s.Program: _either(
        (_PROGRAM, s.Integration, _PROGRAM), ("processingJobId", s.Job, "processingJobId"), (_DC, s.Collection, _DC)
    ),
    s.ProgramMessage: _child(_PROGRAM, s.Program),
    s.ProgramAttachment: _child(_PROGRAM, s.Program),
    s.ScalingHasIntegration: _child("autoProcIntegrationId", s.Integration),
    s.Scaling: _child("autoProcScalingId", s.ScalingHasIntegration),
    s.AutoProc: _child("autoProcId", s.Scaling),
    s.Statistics: _child("autoProcScalingId", s.Scaling),
    s.Screening: _either((_DC, s.Collection, _DC), ("dataCollectionGroupId", s.Group, "dataCollectionGroupId")),
    s.ScreeningOutput: _child("screeningId", s.Screening),
    s.ScreeningLattice: _child("screeningOutputId", s.ScreeningOutput),
    s.Strategy: _child("screeningOutputId", s.ScreeningOutput),
    s.Wedge: _child("screeningStrategyId", s.Strategy),
    s.SubWedge: _child("screeningStrategyWedgeId", s.Wedge),
    s.EnergyScan: Rule(_of_visit("sessionId"), (("sessionId", s.Visit, "sessionId"),)),
    s.PhasingHasScaling: Rule(_of_scaling, (("autoProcScalingId", s.Scaling, "autoProcScalingId"),)),
    s.PhasingStep: Rule(_of_scaling, (("autoProcScalingId", s.Scaling, "autoProcScalingId"),)),
    s.Phasing: _child("phasingAnalysisId", s.PhasingHasScaling),
    s.PhasingRun: _either((_PHASING, s.PhasingStep, "programRunId"), (_PHASING, s.Phasing, _PHASING)),
    s.PhasingStatistics: _either(
        ("phasingHasScalingId1", s.PhasingHasScaling, "phasingHasScalingId"),
        ("phasingStepId", s.PhasingStep, "phasingStepId"),
    ),
    s.PhasingAttachment: _child(_PHASING, s.PhasingRun),
    s.MRRun: Rule(_of_scaling, (("autoProcScalingId", s.Scaling, "autoProcScalingId"),)),
    s.Blob: _child("mxMRRunId", s.MRRun),
    s.Fluorescence: Rule(_of_visit("sessionId"), (("sessionId", s.Visit, "sessionId"),)),
    s.Component: Rule(_of_proposal("proposalId"), (("proposalId", s.Proposal, "proposalId"),)),
    s.SampleComposition: _child("blSampleId", s.Sample),
    s.CrystalComposition: _child("crystalId", s.Crystal),
    s.SSXCollection: _child(_DC, s.Collection),
    s.SSXResult: _child(_DC, s.Collection),
    s.EventChain: _child(_DC, s.Collection),
    s.Event: _child("eventChainId", s.EventChain),
    s.RobotAction: Rule(_of_visit("blsessionId"), (("blsessionId", s.Visit, "sessionId"),)),
    s.Movie: _child(_DC, s.Collection),
    s.MotionCorrection: _child("movieId", s.Movie),
    s.CTF: _child("motionCorrectionId", s.MotionCorrection),
}

# A protein is visible by one sample that another proposal lent, too; all its crystals, and all their samples, are
# visible only with the proposal. So these owners suffice where each is tied to its own, up to the proposal.
_LINE: dict[type[s.Table], Owner] = {
    s.Protein: ("proposalId", s.Proposal, "proposalId"),
    s.Crystal: ("proteinId", s.Protein, "proteinId"),
    s.Sample: ("crystalId", s.Crystal, "crystalId"),
}

# Reference tables: the same for everybody.
_OPEN: frozenset[type[s.Table]] = frozenset({
    s.Detector, s.BeamlineSetup, s.ExperimentType, s.EventType, s.SpaceGroup, s.ComponentType,
    s.ConcentrationType, s.UserGroup, s.Permission, s.AdminVar,
})  # fmt: skip
# Who holds which right: for those who administer, whatever else one may see.
_CLOSED: frozenset[type[s.Table]] = frozenset({s.GroupHasPermission, s.GroupHasPerson})


def bare(mapped: type[s.Table]) -> CoreTable:
    """The table itself, for a statement that writes: with `permitted` in it, and see ``data.core.comments``."""
    return _t(mapped)


def permitted(mapped: type[s.Table], scope: Scope) -> ColumnElement[bool]:
    """The condition of a table as part of a statement that writes, over the `bare` table."""
    if scope.everything:
        return true()
    return _OWNED[mapped].condition(_named(_t(mapped)), scope) if open_ways(scope) else false()


def guarded(query: Query, scope: Scope) -> Query:
    """``query`` with the condition of every table that it reads. Raises Unguarded for what cannot be guarded."""
    if not isinstance(query, Select):
        raise Unguarded("only a SELECT is a question; a union becomes one as a subquery")
    needed = _needed(query)
    if scope.everything:
        # Whoever sees every proposal is no administrator by that.
        needed = tuple(pair for pair in needed if pair[0] in _CLOSED)
    if scope.administer:
        needed = tuple(pair for pair in needed if pair[0] not in _CLOSED)
    return query.options(*(_criterion(mapped, scope, single) for mapped, single in needed)) if needed else query


_ANALYSED: OrderedDict[Any, tuple[tuple[type[s.Table], bool], ...]] = OrderedDict()
_REMEMBERED = 1000


def _needed(query: Query) -> tuple[tuple[type[s.Table], bool], ...]:
    """The classes whose conditions the statement needs, and whether it asks for one row of the class only.

    Worked out once per shape of statement.
    """
    shape = query._generate_cache_key()
    known = _ANALYSED.get(shape.key) if shape is not None else None
    if known is not None:
        return known
    found = _classes_of(query)
    for mapped in found:
        if mapped not in _OWNED and mapped not in _OPEN and mapped not in _CLOSED:
            raise Unguarded(f"{mapped.__name__} has no rule")
    keep = kept(
        [mapped for mapped in found if mapped in _OWNED], tied(query), lambda mapped: _OWNED[mapped].owners, _LINE
    )
    keep = (*keep, *(mapped for mapped in found if mapped in _CLOSED))
    one_visit = s.Visit in keep and pinned(query, s.Visit, "sessionId")
    needed = tuple((mapped, one_visit and mapped is s.Visit) for mapped in keep)
    if shape is not None:
        _ANALYSED[shape.key] = needed
        while len(_ANALYSED) > _REMEMBERED:
            _ANALYSED.popitem(last=False)
    return needed


@lru_cache(maxsize=4096)
def _criterion(mapped: type[s.Table], scope: Scope, single: bool) -> Any:
    if mapped in _CLOSED or not (open_ways(scope) or (mapped is s.Person and scope.administer)):
        condition: ColumnElement[bool] = false()
    else:
        attributes = {c.name: getattr(mapped, p.key) for p in mapped.__mapper__.column_attrs for c in p.columns}
        condition = _one_visit(attributes, scope) if single else _OWNED[mapped].condition(attributes, scope)
    return _Criterion(mapped, condition, include_aliases=True)


class _Criterion(LoaderCriteriaOption):
    """SQLAlchemy puts the condition of a joined alias on the table behind the alias: here it goes to the alias."""

    _cache_key_traversal = LoaderCriteriaOption._traverse_internals

    def _resolve_where_criteria(self, ext_info: Any) -> ColumnElement[bool]:
        condition = super()._resolve_where_criteria(ext_info)
        return ext_info._adapter.traverse(condition) if ext_info.is_aliased_class else condition


def _classes_of(query: Query) -> list[type[s.Table]]:
    found: dict[type[s.Table], None] = {}
    for element in parts(query):
        if isinstance(element, TextClause):
            raise Unguarded("text")
        if isinstance(element, UpdateBase):
            raise Unguarded("a statement that writes")
        if isinstance(element, ColumnClause):
            if element.is_literal and element.name != "*":
                raise Unguarded("a literal column")
            if class_at(element.table) is not None and "parententity" not in element._annotations:
                raise Unguarded(f"{element} of a bare table, which no condition reaches")
        elif isinstance(element, CoreTable):
            mapped = CLASSES.get(plain(element))
            if mapped is None:
                raise Unguarded(f"{element.name} is not mapped")
            found[mapped] = None
        elif isinstance(element, TableClause):
            raise Unguarded(f"{element.name} is no table of ours")
        elif isinstance(element, Select):
            joined = (join[0] for join in element._setup_joins)
            for source in (*element._raw_columns, *element._from_obj, *joined):
                _refuse_bare(source)
    return list(found)


def _refuse_bare(source: Any) -> None:
    if isinstance(source, Join):
        _refuse_bare(source.left)
        _refuse_bare(source.right)
    elif class_at(source) is not None and "parententity" not in source._annotations:
        raise Unguarded(f"{source} as a bare table, which no condition reaches")
