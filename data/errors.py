"""What can go wrong on the way to an answer, in words fit for a person."""


class DataError(Exception):
    """Base: ``str(error)`` may be shown to a person."""


class NotFound(DataError):
    """Absent or not visible to this person; the two are never told apart."""

    def __init__(self, what: str = "This") -> None:
        super().__init__(f"{what} does not exist, or you do not have access to it.")


class Unavailable(DataError):
    """The database does not answer."""

    def __init__(self) -> None:
        super().__init__("The ISPyB database does not answer. The page tries again by itself.")


class TooSlow(DataError):
    """The database stopped the statement at the time limit."""

    def __init__(self) -> None:
        super().__init__("The database took too long and the question was stopped. Narrow the filter, or try again.")


class TooMany(DataError):
    """The answer would need a look at too many rows: nothing was asked."""


class Unguarded(Exception):
    """A programming error: a statement that the access rule cannot be attached to. Never shown to a person."""
