"""What the dashboard's own database keeps of those who sign in, as values."""

from dataclasses import dataclass, field

from auth.identity import Identity, Principal


@dataclass(frozen=True, slots=True)
class LoginSession:
    """From sign-in to sign-out, as kept on the server; times in seconds since 1970."""

    session_hash: str
    identity: Identity
    created: float
    last_used: float
    expires: float


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in that came back from a provider: where it was to lead, and when it began."""

    wanted: str
    begun: float


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """What a provider calls a login session (see `auth.tables.PROVIDER_SESSION`)."""

    sid: str
    hint: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """A local account, of a person or of a proposal. ``folded`` is the name by which those of a kind are told apart."""

    folded: str
    login: str
    name: str
    password_hash: str = field(repr=False)
    disabled: bool
    kind: Principal = "person"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Something that happened at the gate, or on a page of administrators."""

    time: float
    kind: str
    login: str
    address: str
    detail: str
    id: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Which rows of the audit trail are wanted; texts without regard to case, times in seconds since 1970.

    ``kinds`` and ``who`` are compared whole, ``kind`` and ``login`` are parts of theirs.
    """

    kinds: tuple[str, ...] = ()
    who: str | None = None
    kind: str = ""
    login: str = ""
    address: str = ""
    detail: str = ""
    search: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """A login session as one of a list; ``ended`` says why it no longer holds, None while it does."""

    session_hash: str
    identity: Identity
    created: float
    last_used: float
    expires: float
    address: str
    agent: str
    ended: str | None


@dataclass(frozen=True, slots=True)
class Limit:
    """Attempts under ``key`` wait after ``free`` of them: 2 s, then 4, up to 300."""

    key: str
    free: int
