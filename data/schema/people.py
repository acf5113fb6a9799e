"""Proposals, visits, people and their rights."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from data.schema.base import Table, key, link, moment, real, whole, words


class Person(Table):
    """Somebody known to ISPyB."""

    __tablename__ = "Person"
    person_id: Mapped[int] = key("personId")
    family_name: Mapped[str | None] = words("familyName", 100)
    given_name: Mapped[str | None] = words("givenName", 45)
    title: Mapped[str | None] = words("title", 45)
    login: Mapped[str | None] = words("login", 45, index=True)


class Proposal(Table):
    """A right to beamtime; ``person_id`` is its principal investigator."""

    __tablename__ = "Proposal"
    proposal_id: Mapped[int] = key("proposalId")
    person_id: Mapped[int | None] = link("personId", "Person.personId")
    title: Mapped[str | None] = words("title", 2000)
    code: Mapped[str | None] = words("proposalCode", 45)
    number: Mapped[str | None] = words("proposalNumber", 45, index=True)
    kind: Mapped[str | None] = words("proposalType", 2)
    state: Mapped[str | None] = words("state", 9)


class ProposalHasPerson(Table):
    """Membership of a proposal."""

    __tablename__ = "ProposalHasPerson"
    id: Mapped[int] = key("proposalHasPersonId")
    proposal_id: Mapped[int | None] = link("proposalId", "Proposal.proposalId")
    person_id: Mapped[int | None] = link("personId", "Person.personId")
    role: Mapped[str | None] = words("role", 30)


class Visit(Table):
    """One stay of a proposal at one beamline."""

    __tablename__ = "BLSession"
    visit_id: Mapped[int] = key("sessionId")
    proposal_id: Mapped[int | None] = link("proposalId", "Proposal.proposalId")
    beamline_setup_id: Mapped[int | None] = link("beamLineSetupId", "BeamLineSetup.beamLineSetupId")
    number: Mapped[int | None] = whole("visit_number")
    beamline: Mapped[str | None] = words("beamLineName", 45, index=True)
    start: Mapped[datetime | None] = moment("startDate", index=True)
    end: Mapped[datetime | None] = moment("endDate", index=True)
    comments: Mapped[str | None] = words("comments", 2000)
    local_contact: Mapped[str | None] = words("beamLineOperator", 255)
    title: Mapped[str | None] = words("sessionTitle", 255)
    shifts: Mapped[int | None] = whole("nbShifts")
    archived: Mapped[int | None] = whole("archived")


class VisitHasPerson(Table):
    """Presence at a visit."""

    __tablename__ = "Session_has_Person"
    visit_id: Mapped[int] = key("sessionId", to="BLSession.sessionId")
    person_id: Mapped[int] = key("personId", to="Person.personId")
    role: Mapped[str | None] = words("role", 30)
    remote: Mapped[int | None] = whole("remote")


class VisitType(Table):
    """A label of a visit, such as "Commissioning"."""

    __tablename__ = "SessionType"
    id: Mapped[int] = key("sessionTypeId")
    visit_id: Mapped[int | None] = link("sessionId", "BLSession.sessionId")
    name: Mapped[str | None] = words("typeName", 31)


class BeamlineSetup(Table):
    """The state of a beamline at the time of a visit."""

    __tablename__ = "BeamLineSetup"
    id: Mapped[int] = key("beamLineSetupId")
    ring_mode: Mapped[str | None] = words("synchrotronMode", 255)
    undulator: Mapped[str | None] = words("undulatorType1", 45)
    focusing: Mapped[str | None] = words("focusingOptic", 255)
    polarisation: Mapped[float | None] = real("polarisation")
    monochromator: Mapped[str | None] = words("monochromatorType", 255)
    cs: Mapped[float | None] = real("CS")


class UserGroup(Table):
    """A group of people that hold the same permissions."""

    __tablename__ = "UserGroup"
    id: Mapped[int] = key("userGroupId")
    name: Mapped[str | None] = words("name", 31)


class Permission(Table):
    """A named right."""

    __tablename__ = "Permission"
    id: Mapped[int] = key("permissionId")
    name: Mapped[str | None] = words("type", 15)
    description: Mapped[str | None] = words("description", 100)


class GroupHasPermission(Table):
    """What a group of people may do."""

    __tablename__ = "UserGroup_has_Permission"
    group_id: Mapped[int] = key("userGroupId", to="UserGroup.userGroupId")
    permission_id: Mapped[int] = key("permissionId", to="Permission.permissionId")


class GroupHasPerson(Table):
    """Who is in a group of people."""

    __tablename__ = "UserGroup_has_Person"
    group_id: Mapped[int] = key("userGroupId", to="UserGroup.userGroupId")
    person_id: Mapped[int] = key("personId", to="Person.personId")


class AdminVar(Table):
    """A named value of the site, such as the version of its schema."""

    __tablename__ = "AdminVar"
    id: Mapped[int] = key("varId")
    name: Mapped[str | None] = words("name", 32)
    value: Mapped[str | None] = words("value", 1024)
