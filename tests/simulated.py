"""The rows of the simulated facility, told once in a run."""

from datetime import date
from functools import cache
from typing import Any

from data.demo.plan import Plan
from data.demo.story import tell

ANCHOR = date(2026, 3, 4)


@cache
def told() -> Plan:
    """The facility at ANCHOR; nobody may change it."""
    return tell(ANCHOR)


def of(plan: Plan, mapped: Any) -> list[dict[str, Any]]:
    """The rows of one class."""
    return plan.rows.of(mapped)
