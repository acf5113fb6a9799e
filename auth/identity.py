"""Who is asking, and the only place to learn it from: the request that passed the gate."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

from bokeh.io import curdoc

# The gate sets this attribute on the server's request object. A browser cannot: cookies, headers,
# arguments and the page's token all end up elsewhere.
ATTRIBUTE: Final = "ispyb_auth"


#: What signs in: a person, or a proposal with a password of its own.
Principal: TypeAlias = Literal["person", "proposal"]


class NotSignedIn(Exception):
    """Nobody is known to be asking; nothing may be shown."""

    def __init__(self) -> None:
        super().__init__("You are not signed in. Open the sign-in page and sign in.")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, as the provider states it.

    ``(provider, subject)`` names the person for good; ``login`` and ``name`` may change. A ``proposal``
    is no person: its ``login`` is a proposal's name, and says nothing about a person of that name.
    """

    provider: str
    subject: str
    login: str
    name: str
    groups: tuple[str, ...] = ()
    kind: Principal = "person"

    @property
    def key(self) -> str:
        """One text for ``(provider, subject)``, to store things by."""
        return f"{self.provider}:{self.subject}"


def identity_text(identity: Identity) -> str:
    """An identity as JSON, to be stored."""
    return json.dumps(asdict(identity), ensure_ascii=False)


def identity_from(text: str) -> Identity:
    """The identity that `identity_text` wrote."""
    fields = json.loads(text)
    return Identity(**{**fields, "groups": tuple(fields["groups"])})


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An identity and the login session by which it is known.

    ``session_hash`` is the SHA-256 of the session's id; the id itself is only in the cookie. ``address`` is where this
    request came from, also behind a proxy.
    """

    identity: Identity
    session_hash: str
    address: str = ""


def signed_in(request: Any) -> SignedIn:
    """What the gate wrote on ``request`` (Tornado's, or Bokeh's view of it).

    Raises `NotSignedIn` where it wrote nothing.
    """
    found = getattr(request, ATTRIBUTE, None)
    # The type decides: Panel's request proxies also answer from dictionaries sent by browsers.
    if not isinstance(found, SignedIn):
        raise NotSignedIn
    return found


def current_sign_in() -> SignedIn:
    """Who opened the page whose code is running, and by which login session.

    Raises `NotSignedIn` outside of a page, or in a page served without the gate.
    """
    context = curdoc().session_context
    return signed_in(getattr(context, "request", None))


def current_identity() -> Identity:
    """Who opened the page whose code is running. Raises `NotSignedIn` as `current_sign_in` does."""
    return current_sign_in().identity
