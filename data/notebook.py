"""Tables of the dashboard in a notebook, by the same access rule: the snippets that pages offer call this."""

from collections.abc import Mapping
from typing import Any

from data.exports import MOST, Wanted, ask
from data.lists import Asked
from data.reader import Reader
from data.scope import Rights, scope_of
from data.source import Source


def open_reader(url: str, login: str, rights: Rights | None = None, best: str = "") -> Reader:
    """A Reader of the ISPyB at ``url`` for the person of that login: it shows what the dashboard shows them.

    ``rights``: which permissions mean what at the site; ``best``: by which rule it chooses the best result. Raises
    UnknownPerson and Unavailable. Whoever can read the database by themselves needs no rule: the rule guards the code.
    """
    source = Source(url, choices={"mx.best": best} if best else None)
    return Reader(source, scope_of(source, login, rights or Rights()))


def table(
    reader: Reader,
    name: str,
    *,
    proposal: str = "",
    visit: int | None = None,
    collection: int | None = None,
    technique: str = "mx",
    sort: str | None = None,
    descending: bool = True,
    filters: Mapping[str, str] | None = None,
    search: str = "",
    view: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The rows of a table of the dashboard, each a dict; ``pandas.DataFrame(rows)`` makes a data frame of them."""
    asked = Asked(sort, descending, tuple((filters or {}).items()), search)
    answer = ask(reader, name, Wanted(proposal, visit, collection, technique, asked, dict(view or {})))
    keys = [spec.key for spec in answer.specs]
    rows = [{key: row.get(key) for key in keys} for part in answer.parts for row in part]
    return rows[:MOST]


def snippet(name: str, wanted: Wanted, login: str) -> str:
    """The lines that read the same table in a notebook. Texts of people are quoted as Python quotes them."""
    asked = wanted.asked
    given: list[tuple[str, Any]] = [("proposal", wanted.proposal), ("visit", wanted.visit)]
    given += [("collection", wanted.collection)]
    if name == "collections":
        given.append(("technique", wanted.technique))
    given += [("sort", asked.sort), ("descending", asked.descending if asked.sort else None)]
    given += [("filters", dict(asked.filters)), ("search", asked.search), ("view", wanted.view)]
    lines = [f"    {key}={value!r}," for key, value in given if value not in (None, "", {})]
    return "\n".join(
        [
            "import os",
            "",
            "from data import notebook",
            "",
            "# The database that the dashboard reads; what you get is what you may see there.",
            f"reader = notebook.open_reader(os.environ['ISPYB_LENS_DATABASE_URL'], {login!r})",
            "rows = notebook.table(",
            "    reader,",
            f"    {name!r},",
            *lines,
            ")",
            "",
        ]
    )
