"""Names as people say them: ``mx415`` is a proposal, ``mx415-3`` its third visit."""

import re
from typing import Any

from sqlalchemy import ColumnElement, and_, func

from data.schema import Person, Proposal

_NAME = re.compile(r"([A-Za-z_]{1,20})(\d{1,20})(?:-(\d{1,9}))?")


def parse_name(text: str) -> tuple[str, str, int | None] | None:
    """Code, number and visit of ``mx415-3`` or ``mx415`` (visit None); None for anything else."""
    match = _NAME.fullmatch(text.strip())
    if match is None or not text.isascii():
        return None
    code, number, visit = match.groups()
    return code, number, None if visit is None else int(visit)


def proposal_name(code: str | None, number: str | None) -> str:
    """``mx415``."""
    return f"{code or ''}{number or ''}"


def visit_name(code: str | None, number: str | None, visit: int | None) -> str:
    """``mx415-3``; without a visit number the name of the proposal."""
    return proposal_name(code, number) + ("" if visit is None else f"-{visit}")


def person_name(given: str | None, family: str | None) -> str:
    """Given and family name, as far as they are known."""
    return " ".join(part for part in (given, family) if part)


def is_named(code: str, number: str) -> ColumnElement[bool]:
    """The proposal of that name, in whatever case. ``number`` stays text: as a number it would miss the index."""
    return and_(Proposal.number == number, func.lower(Proposal.code) == code.lower())


def proposal_text() -> Any:
    """The name of a proposal as an expression."""
    return func.coalesce(Proposal.code, "") + func.coalesce(Proposal.number, "")


def proposal_order() -> tuple[Any, ...]:
    """What sorts proposals by code and number; the number is text."""
    return func.lower(Proposal.code), func.length(Proposal.number), Proposal.number


def person_text() -> Any:
    """The name of a person as an expression; empty where there is none."""
    return func.trim(func.coalesce(Person.given_name, "") + " " + func.coalesce(Person.family_name, ""))
