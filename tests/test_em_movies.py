"""The movies of a cryo-EM collection on its page: which is shown, what is said of it, and where its links lead."""

from typing import Any

import pytest

from views import place as places
from views.core.viewer import Viewer
from views.place import Place
from views.techniques.em_movies import Movies


class Desk:
    """What the view asks of the page: addresses and links; ``went`` is where it went."""

    def __init__(self) -> None:
        self.went: list[Place] = []

    def movie(self, movie: int, which: str, size: str = "small") -> str:
        return f"/movie/{movie}/{which}?size={size}"

    def frames(self, collection: int | None = None, movie: int | None = None) -> dict[str, str]:
        return {"frame": f"/frame/m{movie}"}

    def link(self, place: Place) -> str:
        return f"?collection={place.collection}&image={place.image}"

    def go(self, place: Place, over: bool) -> None:
        assert over
        self.went.append(place)


def row(number: int, **values: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("created", "motion", "motion_per_frame", "dose", "defocus", "astigmatism", "angle"))
    more = {"ctf_resolution": None, "correlation": None, "micrograph": 0, "fft": 0, "ctf": 0}
    return {"id": 100 + number, "number": number} | nothing | more | values


ROWS = [
    row(1, motion=12.5, defocus=1.25, ctf_resolution=3.1, micrograph=1, ctf=1),
    row(2, motion=8.0, micrograph=1),
    row(3),
]


def shown(image: int | None) -> tuple[Desk, Movies, list[dict[str, Any]]]:
    desk = Desk()
    view = Movies(desk)  # type: ignore[arg-type]
    place = places.collection(7, image)
    view.show(place, ROWS)
    return desk, view, list(view._shown.blocks)


def words_of(blocks: list[dict[str, Any]]) -> str:
    return repr(blocks)


def test_the_newest_is_shown_unless_another_is_asked_for() -> None:
    assert "Movie 3 of 3" in words_of(shown(None)[2])
    assert "Movie 1 of 3" in words_of(shown(1)[2])
    assert "Movie 3 of 3" in words_of(shown(99)[2])


def test_a_corrected_movie_shows_its_pictures_and_numbers_with_units() -> None:
    words = words_of(shown(1)[2])
    for wanted in ("/movie/101/micrograph?size=full", "/movie/101/ctf?size=small", "12.5", "1.25", "µm", "3.10", "Å"):
        assert wanted in words
    assert "/movie/101/fft" not in words
    assert "First frame" not in words


def test_a_movie_that_nobody_corrected_shows_its_first_frame_and_no_zeros() -> None:
    words = words_of(shown(3)[2])
    assert "/movie/103/movie?size=small" in words
    assert "before correction" in words
    assert "Neither corrected nor fitted yet." in words


@pytest.mark.parametrize(
    ("image", "there", "not_there"), [(1, ["image=2", "image=3"], "image=0"), (3, ["image=2"], "image=4")]
)
def test_links_lead_to_the_movies_around(image: int, there: list[str], not_there: str) -> None:
    words = words_of(shown(image)[2])
    assert all(link in words for link in there)
    assert not_there not in words


def test_a_point_of_the_plot_leads_to_its_movie_and_a_strangers_number_nowhere() -> None:
    desk, view, _ = shown(2)
    for number in (0, 4, -1, 3):
        view._chosen(number)
    assert [place.image for place in desk.went] == [3]


def test_the_viewer_is_told_the_movie_by_its_number_and_the_frame_that_the_link_names() -> None:
    assert "Step through the frames of this movie" in words_of(shown(2)[2])
    viewer, desk = viewer_at(2, "7")
    assert viewer.pane.routes == {"frame": "/frame/m102"}
    assert (viewer.pane.image, viewer.pane.last_image, viewer.pane.noun) == (7, None, "Frame")
    assert viewer.pane.label == "Movie 2 of 3"
    assert viewer.pane.facts == {"image": 7, "rows": [["Total motion", "8.0", "Å"]]}
    viewer._image(9)
    assert [(place.image, place.seen("frame")) for place in desk.went] == [(2, "9")]
    for number in (0, -1, 10**6):
        viewer._image(number)
    assert len(desk.went) == 1


@pytest.mark.parametrize("text", ["", "0", "-3", "x", "9" * 30, "²"])
def test_a_frame_of_nonsense_is_the_first(text: str) -> None:
    assert viewer_at(1, text)[0].pane.image == 1


def viewer_at(movie: int, frame: str) -> tuple[Viewer, "Desk"]:
    desk = Desk()
    viewer = Viewer(desk, full=True)  # type: ignore[arg-type]
    viewer.show_movie(places.image(7, movie).seeing(frame=frame), {"id": 7, "technique": "em"}, ROWS)
    return viewer, desk
