"""Links: a place and its query string, both ways."""

import pytest

from views import place as places
from views.look import look_of
from views.place import ListPlace, Place, from_query, to_query

PLACES = [
    Place(),
    places.proposals(),
    places.proposal("mx415"),
    places.proposal("mx415", "samples"),
    places.visit("mx415", 3),
    places.visit("mx415", 3, "ssx"),
    places.runs("ssx3", 1),
    places.runs("ssx3", 1, per="sample"),
    places.compare("ssx3", 1, [3001, 3002]),
    places.collection(1234567),
    places.collection(1234567, 17),
    places.image(1234567),
    places.image(1234567, 17, (("map", "inferno"), ("dark", "0"), ("counts", "0-40"), ("at", "2075.5,2185.5,1.25"))),
    Place("collection", collection=12, image=3, look=(("show", "none"), ("with", "4"), ("two", "blink"))),
    places.account(),
    places.admin(),
    places.admin("trail"),
    Place("admin", tab="trail", listing=ListPlace(search="bob", filters=(("kind", "denied"),))),
    Place("why"),
    places.why(places.proposal("mx415", "samples")),
    places.why(places.visit("mx415", 3, "ssx"), "o'neil & <b>"),
    places.why(places.collection(17, 4)),
    Place(
        "visit",
        proposal="mx415",
        visit=3,
        tab="mx",
        listing=ListPlace(
            "best_resolution_high",
            False,
            "lyso & <b>",
            (("images", ">100"), ("sample", "a=b&c")),
            ("id", "start"),
            True,
        ),
    ),
]


@pytest.mark.parametrize("place", PLACES, ids=to_query)
def test_a_link_restores_the_place_it_was_made_from(place: Place) -> None:
    assert from_query(to_query(place)) == place


def test_home_has_no_query_and_defaults_are_left_out() -> None:
    assert to_query(Place()) == ""
    assert to_query(places.visit("mx415", 3)) == "?visit=mx415-3"


@pytest.mark.parametrize(
    ("search", "page"),
    [
        ("?visit=mx415-abc", "home"),
        ("?visit=mx415-abc&proposal=mx415", "proposal"),
        ("?collection=12x&visit=mx415-3", "visit"),
        ("?collection=99999999999999999999", "home"),
        ("?proposal=../../etc/passwd", "home"),
        ("?page=nonsense", "home"),
        ("?page=nonsense&visit=mx415-3", "visit"),
        ("?page=why&visit=nonsense", "why"),
        ("?page=why&visit=nonsense&proposal=mx415", "why"),
        ("?page=account&visit=mx415-3", "account"),
        ("?%00=%ff&&&=&proposal", "home"),
        ("?proposal=mx415'--", "home"),
        ("nonsense", "home"),
    ],
)
def test_an_unusable_part_drops_itself_and_the_rest_opens(search: str, page: str) -> None:
    assert from_query(search).page == page


def test_the_digits_of_other_scripts_are_no_number() -> None:
    assert from_query("?collection=١٢٣").collection is None


def test_a_link_with_too_many_filters_keeps_the_first_sixty() -> None:
    search = "?visit=mx1-1&" + "&".join(f"f.k{n}=1" for n in range(100))
    assert len(from_query(search).listing.filters) == 60


def test_filters_and_columns_with_odd_names_are_dropped() -> None:
    listing = from_query("?visit=mx1-1&f.__class__=x&f.images=>3&columns=id,__dict__,start").listing
    assert listing.filters == (("images", ">3"),)
    assert listing.columns == ("id", "start")


def test_of_how_a_frame_is_looked_at_only_the_usable_parts_are_kept_in_their_order() -> None:
    given = {
        "two": "blink",
        "map": "grey",
        "counts": "9-<b>",
        "at": "1,2,0x3",
        "show": "rings.everything",
        "over": "٣",
        "scale": "log",
        "how": 7,
        "else": "1",
    }
    assert look_of(given) == (("map", "grey"), ("scale", "log"), ("two", "blink"))


def test_lists_and_other_pages_carry_no_look() -> None:
    assert from_query("?visit=mx415-3&map=grey").look == ()
    assert to_query(Place("visit", "mx415", 3, look=(("map", "grey"),))) == "?visit=mx415-3"
