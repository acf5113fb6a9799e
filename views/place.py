"""Where one is: exactly what a link carries, and its query string both ways.

``to_query`` leaves defaults out and keeps a fixed order, so the same place has the same link. ``from_query`` never
fails: a part that cannot be used is dropped and the rest opens.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, urlencode

from views.look import Look, look_of

_NAME = re.compile(r"^[A-Za-z]{1,8}\d{1,10}$")
_VISIT = re.compile(r"^([A-Za-z]{1,8}\d{1,10})-(\d{1,6})$")
_KEY = re.compile(r"^[a-z][a-z0-9_]{0,40}$")
_LONGEST = 200
_LONGEST_VIEW = 2000
_MOST = 60

PAGES = ("home", "proposals", "proposal", "visit", "collection", "image", "processing", "strategy", "files",
         "downstream", "monitor", "quality", "results", "cells", "events", "sample", "table1", "runs", "compare",
         "energyscan", "xrf", "why", "account", "admin")  # fmt: skip
# Pages that the link names as a tab of what they are about.
_OF_COLLECTION = {"image", "processing", "strategy", "files", "downstream", "monitor", "quality"}
_OF_VISITS = {"results", "cells"}
_OF_ONE_VISIT = {"runs", "compare", "events"}
# Pages that the link names by themselves.
_BY_NAME = {"proposals", "table1", "account", "admin"}
# Pages whose number the link gives under their own name.
_SCANS = ("energyscan", "xrf")


@dataclass(frozen=True, slots=True)
class ListPlace:
    """How a list stands: order, search, filters, columns (empty: the default ones), table or cards."""

    sort: str | None = None
    descending: bool = True
    search: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    cards: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked at. ``page`` says which of the others count; ``view``: what a page keeps of its own."""

    page: str = "home"
    proposal: str | None = None
    visit: int | None = None
    tab: str | None = None
    collection: int | None = None
    image: int | None = None
    sample: int | None = None
    scan: int | None = None
    look: Look = ()
    listing: ListPlace = field(default_factory=ListPlace)
    view: tuple[tuple[str, str], ...] = ()

    @property
    def visit_name(self) -> str | None:
        """``mx415-3``."""
        return f"{self.proposal}-{self.visit}" if self.proposal and self.visit is not None else None

    def seen(self, key: str) -> str | None:
        """What the link says of ``key`` of the page's own."""
        return dict(self.view).get(key)

    def seeing(self, **changed: str | None) -> "Place":
        """The same place with these of its own; None drops one."""
        kept = {key: text for key, text in {**dict(self.view), **changed}.items() if text}
        return replace(self, view=tuple(sorted(kept.items())))


def proposals() -> Place:
    """All proposals."""
    return Place("proposals")


def proposal(name: str, tab: str | None = None) -> Place:
    """One proposal; ``tab``: visits, samples, shipments, people."""
    return Place("proposal", proposal=name, tab=tab)


def visit(name: str, number: int, tab: str | None = None) -> Place:
    """One visit; ``tab`` is the technique."""
    return Place("visit", proposal=name, visit=number, tab=tab)


def collection(number: int, image: int | None = None) -> Place:
    """One collection, at one image."""
    return Place("collection", collection=number, image=image)


def image(collection: int, number: int | None = None, look: Look = ()) -> Place:
    """The viewer of a collection's images on a page of its own."""
    return Place("image", collection=collection, image=number, look=look)


def processing(number: int) -> Place:
    """The results of one collection, compared."""
    return Place("processing", collection=number)


def files(number: int, key: str | None = None) -> Place:
    """The files of one collection and of the pipelines that ran on it; ``key`` is the one that is open."""
    return Place("files", collection=number).seeing(file=key)


def downstream(number: int) -> Place:
    """What came after the reduction of one collection."""
    return Place("downstream", collection=number)


def strategy(number: int) -> Place:
    """What programs made of a collection's first images, and the strategies that they propose."""
    return Place("strategy", collection=number)


def monitor(number: int) -> Place:
    """The monitor of the serial run of one collection."""
    return Place("monitor", collection=number)


def results(name: str, number: int | None = None, page: str = "results", **view: str | None) -> Place:
    """The best results of a visit, or of a proposal; ``page`` cells: their cells in clusters."""
    return Place(page, proposal=name, visit=number).seeing(**view)


def sample(number: int) -> Place:
    """One sample: its collections over all visits."""
    return Place("sample", sample=number)


def runs(name: str, number: int, **view: str | None) -> Place:
    """The serial runs of a visit side by side."""
    return Place("runs", proposal=name, visit=number).seeing(**view)


def compare(name: str, number: int, collections: Sequence[int]) -> Place:
    """These serial runs of a visit over each other, the first one as what the others are held against."""
    return Place("compare", proposal=name, visit=number).seeing(runs=",".join(map(str, collections)))


def events(name: str, number: int) -> Place:
    """Everything that happened in a visit, along time and as a list."""
    return Place("events", proposal=name, visit=number)


def quality(number: int) -> Place:
    """The per-image numbers of one collection or its group."""
    return Place("quality", collection=number)


def table1(scalings: Sequence[int]) -> Place:
    """Table 1 of these results."""
    return Place("table1").seeing(results=",".join(map(str, scalings)))


def energy_scan(number: int) -> Place:
    """One energy scan."""
    return Place("energyscan", scan=number)


def xrf(number: int) -> Place:
    """One X-ray fluorescence spectrum."""
    return Place("xrf", scan=number)


def why(about: Place, person: str | None = None) -> Place:
    """Why oneself, or the person of that login, sees the proposal, visit or collection of ``about``."""
    return Place("why", about.proposal, about.visit, collection=about.collection).seeing(person=person)


def account() -> Place:
    """One's own sign-ins and rights."""
    return Place("account")


def admin(tab: str | None = None) -> Place:
    """Pages of administrators; ``tab``: groups, permissions, signed_in, trail."""
    return Place("admin", tab=tab)


def to_query(place: Place) -> str:
    """The query string of ``place`` with its question mark; empty for home."""
    pairs: list[tuple[str, str]] = []
    if place.page == "why":
        pairs += [("page", "why"), *_about(place)]
    elif place.page in _BY_NAME:
        pairs.append(("page", place.page))
    elif place.page in _SCANS and place.scan is not None:
        pairs.append((place.page, str(place.scan)))
    elif place.page == "proposal" and place.proposal:
        pairs.append(("proposal", place.proposal))
    elif place.page == "visit" and place.visit_name:
        pairs.append(("visit", place.visit_name))
    elif place.page == "sample" and place.sample is not None:
        pairs.append(("sample", str(place.sample)))
    elif place.page == "collection" and place.collection is not None:
        pairs.append(("collection", str(place.collection)))
        if place.image is not None:
            pairs.append(("image", str(place.image)))
        pairs += place.look
    elif place.page in _OF_COLLECTION and place.collection is not None:
        pairs.append(("collection", str(place.collection)))
        if place.page == "image" and place.image is not None:
            pairs.append(("image", str(place.image)))
        pairs.append(("tab", place.page))
        if place.page == "image":
            pairs += place.look
    elif place.page in _OF_VISITS | _OF_ONE_VISIT and place.visit_name:
        pairs += [("visit", place.visit_name), ("tab", place.page)]
    elif place.page in _OF_VISITS and place.proposal:
        pairs += [("proposal", place.proposal), ("tab", place.page)]
    if place.tab and place.page in {"proposal", "visit", "collection", "admin"}:
        pairs.append(("tab", place.tab))
    listing = place.listing
    if listing.sort:
        pairs.append(("sort", ("-" if listing.descending else "") + listing.sort))
    if listing.search:
        pairs.append(("q", listing.search))
    pairs += [(f"f.{key}", text) for key, text in listing.filters]
    if listing.columns:
        pairs.append(("columns", ",".join(listing.columns)))
    if listing.cards:
        pairs.append(("as", "cards"))
    pairs += [(f"v.{key}", text) for key, text in place.view]
    return f"?{urlencode(pairs, quote_via=quote, safe=',.-')}" if pairs else ""


def _about(place: Place) -> list[tuple[str, str]]:
    if place.collection is not None:
        return [("collection", str(place.collection))]
    if place.visit_name:
        return [("visit", place.visit_name)]
    return [("proposal", place.proposal)] if place.proposal else []


def from_query(search: str) -> Place:
    """The place that a query string names, whatever somebody typed there."""
    given = dict(parse_qsl(search.removeprefix("?")[:8000], max_num_fields=200, separator="&"))
    tab = given.get("tab") if _KEY.match(given.get("tab", "")) else None
    place = Place(tab=tab, listing=_listing(given), view=_view(given))
    number = _whole(given.get("collection"))
    stay = _VISIT.match(given.get("visit", ""))
    if given.get("page") == "why":
        given.pop("page")
        about = replace(from_query(urlencode({**given, "tab": ""})), image=None, tab=None, listing=ListPlace(), look=())
        return replace(about, page="why")
    if given.get("page") in {"account", "admin"}:
        return replace(place, page=given["page"], tab=tab if given["page"] == "admin" else None)
    at = _whole(given.get("image"))
    if number is not None and tab == "image":
        return replace(place, page=tab, collection=number, image=at, look=look_of(given), tab=None)
    if number is not None and tab in _OF_COLLECTION:
        return replace(place, page=tab, collection=number, tab=None)
    if number is not None:
        return replace(place, page="collection", collection=number, image=at, look=look_of(given))
    for page in _SCANS:
        if (scan := _whole(given.get(page))) is not None:
            return replace(place, page=page, scan=scan, tab=None)
    if stay and tab in _OF_VISITS | _OF_ONE_VISIT:
        return replace(place, page=tab, proposal=stay[1], visit=int(stay[2]), tab=None)
    if stay:
        return replace(place, page="visit", proposal=stay[1], visit=int(stay[2]))
    if _NAME.match(given.get("proposal", "")) and tab in _OF_VISITS:
        return replace(place, page=tab, proposal=given["proposal"], tab=None)
    if _NAME.match(given.get("proposal", "")):
        return replace(place, page="proposal", proposal=given["proposal"])
    if (named := _whole(given.get("sample"))) is not None:
        return replace(place, page="sample", sample=named, tab=None)
    if given.get("page") in {"proposals", "table1"}:
        return replace(place, page=given["page"], tab=None)
    return Place()


def _listing(given: dict[str, str]) -> ListPlace:
    sort = given.get("sort", "")
    key = sort.removeprefix("-")
    return ListPlace(
        sort=key if _KEY.match(key) else None,
        descending=sort.startswith("-") if _KEY.match(key) else True,
        search=given.get("q", "")[:_LONGEST],
        filters=tuple(
            (name[2:], text[:_LONGEST])
            for name, text in given.items()
            if name.startswith("f.") and _KEY.match(name[2:]) and text
        )[:_MOST],
        columns=tuple(name for name in given.get("columns", "").split(",") if _KEY.match(name))[:_MOST],
        cards=given.get("as") == "cards",
    )


def _view(given: dict[str, str]) -> tuple[tuple[str, str], ...]:
    found = {name[2:]: text for name, text in given.items() if name.startswith("v.") and _KEY.match(name[2:]) and text}
    return tuple(sorted((key, text[:_LONGEST_VIEW]) for key, text in found.items()))[:_MOST]


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 12 else None
