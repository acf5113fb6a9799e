"""Groups and permissions: what they let a person see and do, and who may know of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ispyb import DATABASES, EVERYBODY, Facility, facility, shared, writer
from sqlalchemy import select

from data import guard
from data import schema as s
from data.core import permissions
from data.errors import NotFound
from data.reader import Reader
from data.scope import GROUPS_VARIABLE, Rights, Scope, UnknownPerson, beamline_groups, scope_of


@pytest.fixture(scope="module", params=DATABASES)
def tiny(request: pytest.FixtureRequest) -> Iterator[Facility]:
    """The tiny ISPyB of `ispyb.py` in one kind of database."""
    found = shared(request, request.param)
    yield found
    found.source.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Facility]:
    """A tiny ISPyB that a test may change."""
    made = facility("sqlite", f"sqlite:///{tmp_path / 'own.db'}")
    yield made
    made.source.close()


# ---- what names mean ------------------------------------------------------------------------------------------------


def test_a_permission_and_the_name_of_a_group_both_open_beamlines_and_duties(tiny: Facility) -> None:
    rights = Rights(frozenset(), {"i04_staff": ("I04", "I03")}, frozenset({"all_proposals"}), frozenset({"super"}))
    staff, admin = scope_of(tiny.source, "staff", rights), scope_of(tiny.source, "admin", rights)
    assert (staff.beamlines, staff.everything, staff.administer) == (frozenset({"I03", "I04"}), False, False)
    assert (admin.everything, admin.administer, admin.activity) == (False, True, True)
    assert [(held.group, held.permission, held.gives_nothing) for held in admin.holdings] == [
        ("super", None, False),
        ("super", "all_proposals", False),
    ]


@pytest.mark.parametrize("name", ["", "I04_staff", "i04", "nobody"])
def test_names_are_compared_as_they_are_written(tiny: Facility, name: str) -> None:
    scope = scope_of(tiny.source, "staff", Rights(frozenset({name}), {name: ("I04",)}, frozenset({name})))
    assert (scope.beamlines, scope.everything, scope.administer) == (frozenset(), False, False)


@pytest.mark.parametrize("login", ["álice", "alicè"])
def test_a_login_that_differs_by_an_accent_is_nobodys_in_any_database(tiny: Facility, login: str) -> None:
    with pytest.raises(UnknownPerson):
        scope_of(tiny.source, login, Rights())
    assert scope_of(tiny.source, "alice", Rights()).person_id is not None


def _kept(facility: Facility, value: str | None) -> None:
    writer(str(facility.source.engine.url)).add(s.AdminVar, id=9, name=GROUPS_VARIABLE, value=value)


_GROUPS = [
    {"groupName": "BL", "uiGroup": "MX", "permission": "bl_admin", "beamLines": [{"beamLineName": "I03"}]},
    {"permission": "i04_staff", "beamLines": [{"beamLineName": "I24", "archived": True}, {"beamLineName": None}, 7]},
]


def test_beamline_groups_are_read_from_ispyb_where_the_settings_say_so(own: Facility) -> None:
    _kept(own, json.dumps(_GROUPS))
    settings = {"i04_staff": ("I04",)}
    assert beamline_groups(own.source.run, Rights(beamlines=settings)) == settings
    read = Rights(beamlines=settings, read_groups=True)
    assert beamline_groups(own.source.run, read) == {"i04_staff": ("I04", "I24"), "bl_admin": ("I03",)}
    assert scope_of(own.source, "staff", read).beamlines == {"I04", "I24"}
    assert scope_of(own.source, "alice", read).beamlines == frozenset()


@pytest.mark.parametrize(
    "value", [None, "", "{", "7", "[7]", '"x"', json.dumps(_GROUPS)[:60], '[{"beamLines": [{"beamLineName": "I03"}]}]',
              '[{"permission": "i04_staff", "beamLines": "I03"}]', '[{"permission": null, "beamLines": []}]', "[" * 900]
)  # fmt: skip
def test_a_value_in_ispyb_that_cannot_be_read_opens_nothing(own: Facility, value: str | None) -> None:
    _kept(own, value)
    assert beamline_groups(own.source.run, Rights(read_groups=True)) == {}


# ---- who may know of them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("everything", [False, True])
def test_who_holds_which_right_is_read_by_administrators_only(tiny: Facility, everything: bool) -> None:
    held = {s.GroupHasPerson: 2, s.GroupHasPermission: 1}
    for mapped, count in held.items():
        query = select(mapped.group_id)
        assert not Reader(tiny.source, Scope(3, everything=everything)).rows(query)
        assert len(Reader(tiny.source, Scope(3, everything=everything, administer=True)).rows(query)) == count
        under = select(s.UserGroup.name).where(s.UserGroup.id.in_(select(mapped.group_id)))
        assert not Reader(tiny.source, Scope(3, everything=everything)).rows(under)


def test_an_administrator_knows_everybody_and_sees_no_more_of_their_proposals(tiny: Facility) -> None:
    reader = Reader(tiny.source, Scope(5, administer=True))
    assert len(reader.rows(select(s.Person.login))) == 6
    for mapped in (s.Proposal, s.Visit, s.VisitHasPerson, s.ProposalHasPerson, s.Collection, s.Sample):
        assert not reader.rows(select(mapped)), mapped


RIGHTS = Rights(beamlines={"i04_staff": ("I04",), "gone": ("I99",)})


@pytest.mark.parametrize("login", EVERYBODY)
def test_groups_permissions_and_people_are_listed_for_administrators_only(tiny: Facility, login: str) -> None:
    pages: list[Any] = [
        lambda reader: permissions.groups(reader, RIGHTS),
        lambda reader: permissions.permissions(reader, RIGHTS),
        lambda reader: permissions.people_named(reader, "a"),
        permissions.administered,
        permissions.watched,
    ]
    for page in pages:
        with pytest.raises(NotFound, match=r"^This page does not exist, or you do not have access to it\.$"):
            page(tiny.reader(login))


@pytest.fixture
def boss(tiny: Facility) -> Reader:
    """A Reader of an administrator who sees no proposal."""
    return Reader(tiny.source, Scope(5, administer=True))


def test_groups_are_listed_with_members_permissions_and_what_they_give(boss: Reader) -> None:
    staff, super_ = permissions.groups(boss, RIGHTS)
    assert (staff["name"], staff["members"]) == ("i04_staff", [{"name": "Sam Staff", "login": "staff"}])
    assert staff["means"].beamlines == {"I04"}
    assert staff["permissions"] == []
    assert (super_["name"], super_["members"]) == ("super", [{"name": "Ada Admin", "login": "admin"}])
    assert super_["means"].gives_nothing
    (permission,) = super_["permissions"]
    assert permission["name"] == "all_proposals"
    assert permission["means"].everything


def test_permissions_are_listed_with_their_holders_and_what_the_site_lacks(boss: Reader) -> None:
    (permission,), lacking = permissions.permissions(boss, RIGHTS)
    assert permission["groups"] == ["super"]
    assert permission["holders"] == [{"name": "Ada Admin", "login": "admin"}]
    assert permission["means"].everything
    assert [holding.permission for holding in lacking] == ["gone", "manage_groups", "super_admin", "view_activity"]


@pytest.mark.parametrize(
    ("text", "logins"),
    [
        ("bob", ["bob"]),
        ("BROWN", ["bob"]),
        ("a admin", ["admin"]),
        ("Ada Admin", ["admin"]),
        ("admin", ["admin"]),
        ("b r o w", ["bob"]),
        ("%", []),
        ("", []),
        ("  ", []),
        ("nobody at all", []),
        ("𝒜", []),
    ],
)
def test_people_are_found_by_login_and_by_name(boss: Reader, text: str, logins: list[str]) -> None:
    assert [row["login"] for row in permissions.people_named(boss, text)] == logins


def test_the_person_of_that_login_comes_first(boss: Reader) -> None:
    assert permissions.people_named(boss, "Alice")[0]["login"] == "alice"
    assert len(permissions.people_named(boss, "a")) == 5


# ---- the ways one by one --------------------------------------------------------------------------------------------


def mapped_key(mapped: type[s.Table]) -> Any:
    mapper = mapped.__mapper__
    return getattr(mapped, mapper.get_property_by_column(mapper.primary_key[0]).key)


@pytest.mark.parametrize("login", EVERYBODY)
@pytest.mark.parametrize("mapped", [s.Proposal, s.Visit, s.Collection], ids=lambda mapped: mapped.__name__)
def test_what_one_sees_is_what_the_ways_show_together(tiny: Facility, login: str, mapped: type[s.Table]) -> None:
    reader = Reader(tiny.source, replace(tiny.scope(login), everything=False))
    query = select(mapped_key(mapped))
    one_by_one = {row for way in guard.WAYS for row in reader.by(way).rows(query)}
    assert one_by_one == set(reader.rows(query))
    assert not reader.by().rows(query), "no way, no row"


def test_a_scope_without_a_person_sees_its_beamlines_and_no_proposal_that_lacks_an_investigator(own: Facility) -> None:
    writer(str(own.source.engine.url)).add(s.Proposal, proposal_id=5, person_id=None, code="cm", number="5")
    found = Reader(own.source, Scope(beamlines=frozenset({"I04"}))).rows(select(s.Proposal.code, s.Proposal.number))
    assert {"".join(row) for row in found} == {"mx1", "mx10"}
