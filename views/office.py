"""What a browser may ask of the server about sign-ins, rights and what happened."""

from typing import Any, NoReturn, Protocol

from data.core.comments import Comment
from data.errors import NotFound
from data.lists import Asked
from data.reader import Reader
from data.scope import Rights

Row = dict[str, Any]


class Office(Protocol):
    """One browser's counter. Every call checks the person's rights at that moment, raises NotFound where they do not
    suffice, may wait for a database, and so belongs into a Reading. Rows of sign-ins: mark (a public name), name,
    login, provider, since, used (datetime), address, agent, here (whether it is this browser's), ended (why, or None).
    """

    rights: Rights

    def reader_of(self, login: str, about: str) -> Reader:
        """A Reader with what another person sees, for administrators. Raises UnknownPerson."""

    def signed_in(self) -> list[Row]:
        """Everybody's sign-ins that hold, the latest used first."""

    def sign_out(self, mark: str) -> str:
        """End somebody's sign-in; returns whose. Raises NotFound where it has ended already."""

    def trail(self, asked: Asked, before: int | None, limit: int) -> list[Row]:
        """Rows of the audit trail, newest first, older than the one of id ``before``: id, time, kind, login, address,
        detail.
        """

    def trail_address(self, asked: Asked) -> str:
        """Where these rows can be fetched as CSV."""

    def own(self) -> list[Row]:
        """One's own sign-ins, those that ended too, the latest begun first."""

    def failures(self) -> list[Row]:
        """The latest failed sign-ins with one's own login name, as rows of the audit trail."""

    def sign_out_own(self, mark: str) -> None:
        """End one of one's own sign-ins."""

    def sign_out_everywhere(self) -> int:
        """End all of one's own sign-ins, this one too; how many."""

    def may_comment(self) -> bool:
        """Whether this person may comment on the collections that they see."""

    def comment(self, collection_id: int, before: str | None, comment: Comment) -> None:
        """Replace the comment ``before``, as stored. Raises NotFound, Changed and others: then nothing is written."""

    def remark(self, collection_id: int, text: str) -> None:
        """Add a remark of one's own. Raises as `comment`."""

    def remembers(self) -> bool:
        """Whether the site has room for remarks."""

    def stars(self, visit_id: int) -> list[str]:
        """What one has marked as a favourite in a visit, by the names of its events."""

    def star(self, visit_id: int, name: str, marked: bool) -> None:
        """Mark an event of a visit as a favourite, or no more. Raises TooMany beyond a few hundred."""

    def preference(self, place: str) -> str | None:
        """What one has set for oneself in a place of the application; None where nothing."""

    def prefer(self, place: str, text: str) -> None:
        """Set it. Raises NotFound where this person's settings cannot be kept."""

    def denied(self, place: str) -> None:
        """Note that what the link ``place`` names was not shown. Does not wait and raises nothing."""


class NoOffice:
    """Stands in where there are no sign-ins: nothing can be asked."""

    rights = Rights()

    def _closed(self, *_: object) -> NoReturn:
        raise NotFound("This page")

    reader_of = signed_in = sign_out = trail = trail_address = _closed
    own = failures = sign_out_own = sign_out_everywhere = comment = remark = star = prefer = _closed

    def may_comment(self) -> bool:
        """Nobody may."""
        return False

    remembers = may_comment

    def stars(self, visit_id: int) -> list[str]:
        """Nobody has marked anything."""
        return []

    def preference(self, place: str) -> None:
        """Nobody has set anything."""

    def denied(self, place: str) -> None:
        """Nobody to tell."""
