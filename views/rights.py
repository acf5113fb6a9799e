"""What a group or a permission gives, in words."""

from collections.abc import Sequence

from data.scope import Holding

_MOST = 8


def gives(held: Holding) -> str:
    """``sees every proposal``, ``sees beamlines I03, I04``; several joined, or that it has no meaning here."""
    parts = []
    if held.everything:
        parts.append("sees every proposal")
    if held.beamlines:
        names = sorted(held.beamlines)
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        parts.append(f"sees beamline{'s' * (len(names) != 1)} {', '.join(names[:_MOST])}{more}")
    if held.administer:
        parts.append("sees groups and permissions, may sign people out")
    if held.activity:
        parts.append("sees who is signed in and the audit trail")
    return "; ".join(parts) or "no meaning here"


def together(group: str, held: Sequence[Holding]) -> Holding:
    """What several names give at once."""
    return Holding(
        group,
        None,
        frozenset(beamline for one in held for beamline in one.beamlines),
        any(one.everything for one in held),
        any(one.administer for one in held),
        any(one.activity for one in held),
    )
