"""Why somebody is not signed in. The texts are ours: what a provider writes is never shown."""


class Refused(Exception):
    """What the provider said, or did not say, signs nobody in.

    ``reason`` completes the sentence "You are not signed in: …".
    """

    status = 502
    kind = "failure"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Stopped(Refused):
    """The person, or a rule of the site, stopped the sign-in: nothing is wrong with the provider."""

    status = 403


class Unreachable(Refused):
    """The provider does not answer now."""

    status = 503
    kind = "unavailable"


class UnknownKey(Refused):
    """A token is signed with a key that is not among those known; the provider may have a new one."""
