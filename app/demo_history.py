"""What happened at the gate of the simulated facility in the last days: sign-ins, failures, denials."""

import time
from dataclasses import dataclass
from random import Random
from typing import Final

from sqlalchemy.engine import URL

from auth.identity import Identity
from auth.records import TrailFilter
from auth.store import Store, digest

_DAYS: Final = 6
_HOUR: Final = 3600.0
_FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_CHROME: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
_SAFARI: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15"


@dataclass(frozen=True, slots=True)
class _Regular:
    """Somebody who signs in now and then."""

    login: str
    name: str
    address: str
    agent: str


# Addresses of the blocks that are kept for documentation.
_REGULARS: Final = (
    _Regular("user", "Akiko Ōno", "198.51.100.23", _SAFARI),
    _Regular("pi", "José García Ñíguez", "203.0.113.8", _CHROME),
    _Regular("scientist", "Łukasz Wójcik", "192.0.2.17", _FIREFOX),
    _Regular("admin", "Fiona MacLeod", "192.0.2.40", _CHROME),
)
_ASKED: Final = ("?visit=cm3001-2", "?proposal=in2041", "?collection=1042", "/frame/1042/1")


class _Clock:
    """A clock that is set to the moment that is told of."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def write_history(url: URL, seed: int = 4) -> bool:
    """Write it into the dashboard's own database, unless something happened there already; whether it did."""
    clock, random = _Clock(), Random(seed)  # noqa: S311
    end = clock()
    store = Store(url, clock=clock)
    try:
        if store.trail.page(TrailFilter(kind="login"), limit=1):
            return False
        for hour in range(_DAYS * 24 - 2):
            clock.now = end - (_DAYS * 24 - hour) * _HOUR + random.random() * 1800
            person = random.choice(_REGULARS)
            if random.random() < 0.45:
                _stay(store, clock, person, random)
        for minutes, person in ((14, _REGULARS[2]), (8, _REGULARS[0]), (3, _REGULARS[2])):
            clock.now = end - minutes * 60
            _begin(store, person)
    finally:
        store.close()
    return True


def _begin(store: Store, person: _Regular) -> str:
    identity = Identity("accounts", person.login, person.login, person.name)
    session = digest(store.begin(identity, address=person.address, agent=person.agent))
    store.record("login", login=person.login, address=person.address, detail="accounts")
    return session


def _stay(store: Store, clock: _Clock, person: _Regular, random: Random) -> None:
    chance = random.random()
    if chance < 0.12:
        for _ in range(random.randint(1, 3)):
            store.record("failure", login=person.login, address=person.address, detail="accounts")
            clock.now += 9
    session = _begin(store, person)
    if chance > 0.8 and person.login in {"user", "pi"}:
        clock.now += 240
        store.record("denied", login=person.login, address=person.address, detail=random.choice(_ASKED))
    clock.now += random.uniform(300, 1500)
    if chance < 0.7:
        store.revoke(session, "signed out")
        store.record("logout", login=person.login, address=person.address, detail="accounts")
