"""Who works at the simulated facility: people, proposals, visits, rights."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from data.demo.beamlines import BEAMLINES, BX1, BX2, BX3, BY_NAME, EM1, EM2, SX1, Beamline
from data.demo.rows import Rows
from data.demo.words import (
    FAMILY_NAMES,
    GIVEN_NAMES,
    HOSTILE,
    SUBJECTS,
    TARGETS,
    TITLES,
)
from data.schema import (
    BeamlineSetup,
    GroupHasPermission,
    GroupHasPerson,
    Permission,
    Person,
    Proposal,
    ProposalHasPerson,
    UserGroup,
    Visit,
    VisitHasPerson,
    VisitType,
)
from data.scope import Rights

VISITS = 200
PEOPLE = 150


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody to sign in as: login, password, name, who that is, and one line of what they see."""

    login: str
    password: str
    name: str
    who: str
    sees: str


_WORD = "simulated-light"
DEMO_PEOPLE = (
    DemoPerson("user", _WORD, "Akiko Ōno", "a user of two proposals",
               "the visits of mx415 (MX, SSX) and bi734 (EM)"),
    DemoPerson("pi", _WORD, "José García Ñíguez", "a principal investigator",
               "everything of mx502, whose PI he is, and nothing else"),
    DemoPerson("scientist", _WORD, "Łukasz Wójcik", "a beamline scientist",
               "every visit at the MX and SSX beamlines, and no EM"),
    DemoPerson("admin", _WORD, "Fiona MacLeod", "an administrator", "everything"),
    DemoPerson("newcomer", _WORD, "Noa Cohen", "somebody with no proposal yet", "nothing so far"),
)  # fmt: skip

RIGHTS = Rights(
    frozenset({"all_proposals", "super_admin"}),
    {
        "mx_admin": ("BX1", "BX2", "BX3", "SX1"),
        "em_admin": ("EM1", "EM2"),
        "bx2_staff": ("BX2",),
    },
)

# Code, number, beamlines where its visits are. The first four are those of the demo people and of the live run.
_PROPOSALS: tuple[tuple[str, str, tuple[Beamline, ...]], ...] = (
    ("mx", "415", (BX1, BX2, BX3, SX1)),
    ("bi", "734", (EM1, EM2)),
    ("mx", "502", (BX2, BX1)),
    ("nt", "88", (SX1,)),
    *(("mx", str(number), (BX1, BX2, BX3)) for number in (102, 118, 233, 307, 388, 451, 619, 640)),
    *(("mx", str(number), (SX1, BX3)) for number in (713, 790)),
    *(("mx", str(number), (BX1, BX2)) for number in (804, 866, 921)),
    ("lb", "61", (BX1, BX3)),
    ("lb", "77", (BX2,)),
    *(("nt", str(number), (BX3, BX1)) for number in (12, 35, 91)),
    *(("in", str(number), (BX1, BX2)) for number in (2041, 2077, 2113, 2180)),
    *(("em", str(number), (EM1, EM2)) for number in (1401, 1455, 1502, 1560)),
    *(("bi", str(number), (EM2, EM1)) for number in (640, 655, 701, 728, 790)),
    ("sm", "301", (BX1,)),
    ("sm", "322", (BX3,)),
    ("cm", "3001", (BX1, BX2, BX3, SX1)),
    ("cm", "3002", (EM1, EM2)),
    ("sw", "9", (BX2, BX3)),
)


@dataclass(frozen=True, slots=True)
class PlannedProposal:
    """A proposal with its people; the first is the PI."""

    proposal_id: int
    name: str
    people: tuple[int, ...]
    beamlines: tuple[Beamline, ...]


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """A visit. ``mark`` tells the odd ones: current, next, huge, empty, nobody; else past."""

    visit_id: int
    name: str
    proposal: PlannedProposal
    beamline: Beamline
    start: datetime
    end: datetime
    mark: str

    @property
    def directory(self) -> str:
        """Where its files are, as stored."""
        return f"/simulated/{self.beamline.name}/data/{self.start.year}/{self.name}"


def hostile_or(random: Random, words: str | None, share: float = 0.02) -> str | None:
    """``words``, or now and then a text that tries to do harm."""
    return random.choice(HOSTILE) if random.random() < share else words


def write_people(rows: Rows, random: Random) -> dict[str, int]:
    """Persons, groups and permissions. Returns the person ids of DEMO_PEOPLE by login."""
    demo: dict[str, int] = {}
    for person in DEMO_PEOPLE:
        first, _, last = person.name.partition(" ")
        demo[person.login] = rows.add(Person, given_name=first, family_name=last, title="Dr", login=person.login)
    for number in range(PEOPLE - len(DEMO_PEOPLE)):
        family: str | None = random.choice(FAMILY_NAMES)
        given: str | None = random.choice(GIVEN_NAMES)
        if number in {20, 21}:
            family, given = None, None
        elif number == 22:
            family = HOSTILE[1]
        login = None if random.random() < 0.15 else f"u{4000 + number * 7}"
        rows.add(Person, family_name=family, given_name=given, title=random.choice(TITLES), login=login)

    names = ("mx_admin", "em_admin", "all_proposals", "super_admin", "fault_view", "manage_groups", "view_activity")
    permissions = {
        name: rows.add(Permission, name=name, description=name.replace("_", " ").capitalize()) for name in names
    }
    groups = {
        name: rows.add(UserGroup, name=name)
        for name in ("mx_staff", "em_staff", "user_office", "developers", "bx2_staff")
    }
    for group, permission in (
        ("mx_staff", "mx_admin"), ("mx_staff", "fault_view"), ("em_staff", "em_admin"),
        ("user_office", "all_proposals"), ("user_office", "manage_groups"), ("user_office", "view_activity"),
        ("developers", "super_admin"),
    ):  # fmt: skip
        rows.add(GroupHasPermission, group_id=groups[group], permission_id=permissions[permission])
    for group, person_id in (
        ("mx_staff", demo["scientist"]), ("user_office", demo["admin"]),
        ("em_staff", 6), ("mx_staff", 7), ("developers", 8), ("bx2_staff", 9),
    ):  # fmt: skip
        rows.add(GroupHasPerson, group_id=groups[group], person_id=person_id)
    return demo


def write_proposals(rows: Rows, random: Random, demo: dict[str, int]) -> list[PlannedProposal]:
    """Proposals and their members."""
    plans = []
    others = range(len(DEMO_PEOPLE) + 1, PEOPLE + 1)
    for code, number, beamlines in _PROPOSALS:
        name = code + number
        people = random.sample(others, random.randint(2, 7))
        if name == "mx502":
            people[0] = demo["pi"]
        title: str | None = random.choice(SUBJECTS).format(random.choice(TARGETS))
        if name == "sw9":
            title = None
        if name == "lb77":
            title = HOSTILE[0]
        proposal_id = rows.add(
            Proposal, person_id=None if name == "cm3002" else people[0], title=title, code=code,
            number=number, kind={"in": "IN", "em": "EM", "bi": "EM"}.get(code, "MX"),
            state=random.choice(("Open", "Open", "Open", "Closed", None)),
        )  # fmt: skip
        if name in {"mx415", "bi734"}:
            people.append(demo["user"])
        if name == "cm3001":
            people.append(demo["scientist"])
        for place, person_id in enumerate(people):
            # The PI of mx502 is known by the proposal alone: some sites write no row of membership for a PI.
            if name != "mx502" or place:
                role = "Principal Investigator" if place == 0 else "Co-Investigator"
                rows.add(ProposalHasPerson, proposal_id=proposal_id, person_id=person_id, role=role)
        plans.append(PlannedProposal(proposal_id, name, tuple(people), beamlines))
    return plans


def write_visits(rows: Rows, random: Random, anchor: date, proposals: list[PlannedProposal]) -> list[PlannedVisit]:
    """200 visits in the order of their start, numbered within their proposal."""
    for beamline in BEAMLINES:
        rows.add(
            BeamlineSetup, id=beamline.setup_id, ring_mode="User", undulator="U21",
            focusing="KB mirrors" if beamline.technique != "em" else None,
            polarisation=0.99 if beamline.technique != "em" else None,
            monochromator="Si(111)" if beamline.technique != "em" else None,
            cs=2.7 if beamline.technique == "em" else None,
        )  # fmt: skip
    by_name = {proposal.name: proposal for proposal in proposals}
    today = datetime.combine(anchor, time())
    wanted: list[tuple[datetime, datetime, Beamline, PlannedProposal, str]] = []

    def book(name: str, beamline: Beamline, days: float, length: int, mark: str) -> None:
        start = today + timedelta(days=days, hours=9)
        wanted.append((start, start + timedelta(hours=length), beamline, by_name[name], mark))

    for name, beamline in (
        ("mx415", BX1), ("mx502", BX2), ("in2041", BX3), ("nt88", SX1), ("bi734", EM1), ("em1401", EM2),
    ):  # fmt: skip
        book(name, beamline, -1, 72, "current")
    for name, beamline, day in (
        ("mx415", BX3, 9), ("bi734", EM2, 12), ("mx502", BX1, 5), ("mx415", SX1, 23), ("nt88", SX1, 6),
        ("mx102", BX1, 3), ("in2077", BX2, 4), ("em1455", EM1, 8), ("cm3001", BX1, 15),
        ("lb61", BX3, 30), ("mx713", SX1, 41), ("bi640", EM2, 55),
    ):  # fmt: skip
        book(name, beamline, day, 24, "next")
    book("mx307", BX1, -47, 96, "huge")
    book("mx388", BX2, -33, 24, "empty")
    book("sw9", BX2, -61, 24, "nobody")
    for name, beamline, count in (("mx415", BX1, 4), ("mx415", BX2, 3), ("mx415", SX1, 2), ("mx415", BX3, 2),
                                  ("bi734", EM1, 5), ("mx502", BX2, 4), ("mx502", BX1, 4)):  # fmt: skip
        for _ in range(count):
            book(name, beamline, -random.randint(6, 700), 24, "past")
    while len(wanted) < VISITS:
        proposal = proposals[len(wanted) % len(proposals)]
        if proposal.name in {"mx415", "bi734", "mx502"}:
            proposal = random.choice(proposals[4:])
        book(proposal.name, random.choice(proposal.beamlines), -random.randint(4, 900),
             random.choice((8, 24, 24, 24, 48)), "past")  # fmt: skip
    wanted.sort(key=lambda visit: (visit[0], visit[2].name, visit[3].name))

    numbers: dict[str, int] = {}
    plans = []
    for start, end, beamline, proposal, mark in wanted:
        number = numbers[proposal.name] = numbers.get(proposal.name, 0) + 1
        contact = f"{random.choice(GIVEN_NAMES)} {random.choice(FAMILY_NAMES)}"
        comment = random.choice((None, None, "Remote access", "Unattended data collection"))
        visit_id = rows.add(
            Visit, proposal_id=proposal.proposal_id, number=number, beamline=beamline.name,
            beamline_setup_id=None if mark == "nobody" else beamline.setup_id, start=start, end=end,
            comments=hostile_or(random, comment), local_contact=contact if mark != "nobody" else None,
            shifts=round((end - start) / timedelta(hours=8)),
            archived=int(end < today - timedelta(days=60)),
        )  # fmt: skip
        if proposal.name.startswith("cm"):
            rows.add(VisitType, visit_id=visit_id, name="Commissioning")
        if mark != "nobody":
            _presence(rows, random, visit_id, proposal)
        name = f"{proposal.name}-{number}"
        plans.append(PlannedVisit(visit_id, name, proposal, BY_NAME[beamline.name], start, end, mark))
    return plans


def _presence(rows: Rows, random: Random, visit_id: int, proposal: PlannedProposal) -> None:
    demo_user = 1
    present = random.sample(proposal.people, random.randint(1, len(proposal.people)))
    if demo_user in proposal.people and demo_user not in present and random.random() < 0.6:
        present.append(demo_user)
    for place, person_id in enumerate(present):
        role = ("Team Leader", "Team Member", "Co-Investigator")[min(place, 2)]
        rows.add(VisitHasPerson, visit_id=visit_id, person_id=person_id, role=role,
                 remote=random.choice((0, 0, 1, None)))  # fmt: skip
