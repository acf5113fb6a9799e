"""Passwords, kept as argon2id."""

from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 8
LONGEST: Final = 1024

_hasher: Final = PasswordHasher()


def hashed(password: str) -> str:
    """The argon2id hash of ``password``, with its salt and parameters."""
    return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one that was hashed.

    Without a stored hash the same work is done for nothing, so that the time taken does not tell
    which accounts exist.
    """
    try:
        return _hasher.verify(stored or _nobodys(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Whether ``stored`` was made with weaker parameters than those of today."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return _hasher.hash("the password of nobody")
