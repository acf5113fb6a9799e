"""The tables of the dashboard's own database that concern who is signed in.

Times are seconds since 1970 (UTC). Secrets are kept only as SHA-256 or argon2id.
"""

from typing import Final

from sqlalchemy import Boolean, Column, Double, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.engine import Engine

METADATA: Final = MetaData()

# One row a sign-in. `identity` is JSON.
LOGIN_SESSION: Final = Table(
    "auth_session",
    METADATA,
    Column("session_hash", String(64), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("subject", String(255), nullable=False, index=True),
    Column("identity", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("last_used", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("agent", String(255), nullable=False),
)

THROTTLE: Final = Table(
    "auth_throttle",
    METADATA,
    Column("key_hash", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last", Double, nullable=False),
    Column("until", Double, nullable=False),
)

AUDIT: Final = Table(
    "auth_audit",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", Double, nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("login", String(255), nullable=False),
    Column("address", String(64), nullable=False),
    Column("detail", String(1000), nullable=False),
    # Everybody's own page asks for the failures under one's own name.
    Index("ix_auth_audit_login_id", "login", "id"),
)


# `folded` is the login name as names are compared; `login` is as it was given.
def _accounts(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("folded", String(255), primary_key=True),
        Column("login", String(255), nullable=False),
        Column("name", String(255), nullable=False),
        Column("password_hash", String(255), nullable=False),
        Column("created", Double, nullable=False),
        Column("disabled", Boolean, nullable=False),
    )


# Apart, because a person and a proposal may have one name.
ACCOUNT: Final = _accounts("auth_account")
PROPOSAL_ACCOUNT: Final = _accounts("auth_proposal_account")

SIGN_IN_TOKEN: Final = Table(
    "auth_token",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("identity", Text, nullable=False),
    Column("expires", Double, nullable=False),
)

# A sign-in on the pages of a provider, from leaving to coming back. What proves that it is the same
# browser is derived from that browser's cookie (`auth.providers.oidc.Attempt`).
FLOW: Final = Table(
    "auth_flow",
    METADATA,
    Column("state_hash", String(64), primary_key=True),
    Column("browser_hash", String(64), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("wanted", Text, nullable=False),
    Column("begun", Double, nullable=False, index=True),
)

# What a provider calls the login session: `sid` its own name of it, `hint` its statement, by which
# it can be told that somebody signs out. Gone as soon as the login session ends.
PROVIDER_SESSION: Final = Table(
    "auth_provider_session",
    METADATA,
    Column("session_hash", String(64), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("sid", String(255), nullable=False, index=True),
    Column("hint", Text, nullable=False),
)

# Whom the application took a login session for; `person` is a text of its own.
SESSION_PERSON: Final = Table(
    "auth_session_person",
    METADATA,
    Column("session_hash", String(64), primary_key=True),
    Column("person", String(64), nullable=False, index=True),
)

# Statements that count once.
USED_TOKEN: Final = Table(
    "auth_used",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("until", Double, nullable=False),
)

# An identity that a person added to themselves; `person` is ISPyB's personId as text.
LINK: Final = Table(
    "auth_link",
    METADATA,
    Column("provider", String(64), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("person", String(64), nullable=False, index=True),
    Column("login", String(255), nullable=False),
    Column("made", Double, nullable=False),
)

# Who is on the way to a provider to add an identity of it.
LINKING: Final = Table(
    "auth_linking",
    METADATA,
    Column("session_hash", String(64), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    Column("begun", Double, nullable=False),
)

# What somebody marked with a star: `person` as in `auth_link`, `place` and `item` texts of the application's own.
FAVOURITE: Final = Table(
    "favourite",
    METADATA,
    Column("person", String(64), primary_key=True),
    Column("place", String(64), primary_key=True),
    Column("item", String(64), primary_key=True),
    Column("made", Double, nullable=False),
)

# What somebody has set for themselves: `person` and `place` as in `favourite`, `value` a text of the application's own.
PREFERENCE: Final = Table(
    "preference",
    METADATA,
    Column("person", String(64), primary_key=True),
    Column("place", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed", Double, nullable=False),
)

# What somebody wants to be told of: `person` and `place` as in `favourite`, `identity` as in `auth_session` (by which
# their rights are read anew), `detail` a text of the application's own.
ALERT_WISH: Final = Table(
    "alert_wish",
    METADATA,
    Column("person", String(64), primary_key=True),
    Column("place", String(64), primary_key=True),
    Column("identity", Text, nullable=False),
    Column("detail", String(500), nullable=False),
    Column("until", Double, nullable=False, index=True),
    Column("changed", Double, nullable=False),
)

# Which process follows a subject for all, until when unless it says so again, and what it knows of it.
ALERT_TURN: Final = Table(
    "alert_turn",
    METADATA,
    Column("subject", Integer, primary_key=True, autoincrement=False),
    Column("holder", String(64), nullable=False),
    Column("until", Double, nullable=False),
    Column("state", Text, nullable=False),
)

# What somebody was told. `subject` belongs to `place`, whose rights are asked before it is shown.
ALERT: Final = Table(
    "alert",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("person", String(64), nullable=False),
    Column("subject", Integer, nullable=False),
    Column("place", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("time", Double, nullable=False, index=True),
    Column("text", String(500), nullable=False),
    Column("first", Integer),
    Column("last", Integer),
    Column("seen", Boolean, nullable=False),
    Index("ix_alert_person_id", "person", "id"),
)

# `seen` is the latest sign of life of the stay that goes on now, `before` that of the stay
# before it.
LAST_SEEN: Final = Table(
    "last_seen",
    METADATA,
    Column("person_key", String(255), primary_key=True),
    Column("seen", Double, nullable=False),
    Column("before", Double),
)


def make_tables(engine: Engine) -> None:
    """Make what is not there yet, and the indexes that older tables lack."""
    METADATA.create_all(engine)
    for table in METADATA.sorted_tables:
        for index in table.indexes:
            index.create(engine, checkfirst=True)
