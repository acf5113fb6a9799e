"""Words for what went wrong: known errors in their own words, anything else under a reference to the log."""

import logging
import secrets
from dataclasses import dataclass

from data.errors import DataError, NotFound, TooMany, TooSlow, Unavailable
from data.scope import UnknownPerson

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person sees in the place of a view.

    ``passing``: it may go away by itself, so the view asks again. ``gone``: it is absent, or no longer to be seen.
    """

    title: str
    text: str
    reference: str | None = None
    passing: bool = False
    gone: bool = False


def problem_of(error: BaseException) -> Problem:
    """The words for ``error``; what no person can act on is logged with its trace under a reference."""
    if isinstance(error, NotFound):
        return Problem("Not found", str(error), gone=True)
    if isinstance(error, Unavailable):
        return Problem("The database does not answer", str(error), passing=True)
    if isinstance(error, TooSlow):
        return Problem("That took too long", str(error))
    if isinstance(error, TooMany):
        return Problem("Too many to compare", str(error))
    if isinstance(error, UnknownPerson):
        return Problem("Nothing to show", str(error), gone=True)
    if isinstance(error, DataError):
        return Problem("Nothing to show", str(error))
    reference = secrets.token_hex(3)
    log.error("reference %s", reference, exc_info=error)
    return Problem(
        "This part failed", "The rest of the page works. Tell the people who run this page the reference.", reference
    )
