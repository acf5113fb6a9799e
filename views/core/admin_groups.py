"""Groups with their members, and permissions with their holders, as trees. ISPyB is where they are changed."""

from collections.abc import Sequence
from typing import Any

from data.scope import Holding
from views.parts import blocks as b
from views.parts.blocks import Block
from views.parts.text import number
from views.rights import gives, together

Row = dict[str, Any]

_MOST = 300
_READ_ONLY = "They are changed in ISPyB, not here; a change counts here after a minute at most."


def group_blocks(groups: Sequence[Row]) -> list[Block]:
    """Each group with its permissions and its members."""
    if not groups:
        return [b.empty("No groups", "ISPyB has no UserGroup: everybody sees what names them, and no more.")]
    items = [_group(row) for row in groups[:_MOST]]
    return [b.card(None, [b.tree(items, "Groups")]), *_more(len(groups), "groups"), b.text(_READ_ONLY, True)]


def permission_blocks(permissions: Sequence[Row], lacking: Sequence[Holding]) -> list[Block]:
    """Each permission with what it means here and who holds it; and names of the settings that ISPyB lacks."""
    shown: list[Block] = []
    if permissions:
        items = [_permission(row) for row in permissions[:_MOST]]
        shown = [b.card(None, [b.tree(items, "Permissions")]), *_more(len(permissions), "permissions")]
    else:
        shown = [b.empty("No permissions", "ISPyB has no Permission.")]
    if lacking:
        names = [b.rule(False, f"{held.permission} – {gives(held)}") for held in lacking]
        shown.append(b.card("In the settings of this site, and not in ISPyB", [b.rules(names)]))
    return [*shown, b.text(_READ_ONLY, True)]


def _group(row: Row) -> Block:
    members, given = row["members"], row["permissions"]
    all_ = together(row["name"], [row["means"], *(permission["means"] for permission in given)])
    detail = [gives(all_), _count(len(members), "member", "members")]
    key = f"g{row['id']}"
    below = [
        b.branch(f"{key}p{n}", permission["name"], gives(permission["means"]), badges=[b.badge("permission", "info")])
        for n, permission in enumerate(given)
    ]
    below += [_person(f"{key}m{n}", person) for n, person in enumerate(members[:_MOST])]
    badges = [b.badge(permission["name"], "info") for permission in given[:4]]
    if len(given) > 4:
        badges.append(b.badge(f"{len(given) - 4} more", "quiet"))
    return b.branch(key, row["name"], " · ".join(detail), badges=badges, items=below)


def _permission(row: Row) -> Block:
    holders = row["holders"]
    detail = [gives(row["means"])]
    if row["description"] and row["description"].lower().replace(" ", "_") != row["name"].lower():
        detail.append(row["description"])
    detail.append(_count(len(holders), "holder", "holders"))
    key = f"p{row['id']}"
    below = [_person(f"{key}m{n}", person) for n, person in enumerate(holders[:_MOST])]
    return b.branch(
        key, row["name"], " · ".join(detail), badges=[b.badge(name, "quiet") for name in row["groups"][:4]], items=below
    )


def _person(key: str, person: Row) -> Block:
    return b.branch(key, person["name"], person["login"] or "has no login")


def _count(n: int, one: str, many: str) -> str:
    return f"{number(n, 0)} {one if n == 1 else many}"


def _more(n: int, what: str) -> list[Block]:
    return [b.note("info", f"Only the first {_MOST} of {number(n, 0)} {what} are listed.")] if n > _MOST else []
