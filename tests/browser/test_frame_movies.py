"""The frames of a microscope's movie in a browser: stepped, played, put together, and linked to."""

from collections.abc import Callable, Iterator

import pytest
from browser.conftest import served
from browser.site import EM, Site
from playwright.sync_api import Page, expect

from data import schema as s
from data.demo.movie_files import write_movie

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
FRAMES = 8


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with two movies, the second of which is not on disk."""
    for site in served(tmp_path_factory):
        path = site.folder / "files" / "hole_1.mrc"
        write_movie({"seed": 1, "frames": FRAMES, "pixel_size_A": 1.0, "defocus_um": 1.5}, path)
        site.add(s.Movie, movie_id=1, collection_id=EM, number=1, path=str(path))
        site.add(s.MotionCorrection, motion_id=1, movie_id=1, total_motion=12.5)
        site.add(s.CTF, ctf_id=1, motion_id=1, resolution=3.5)
        site.add(s.Movie, movie_id=2, collection_id=EM, number=2, path=str(path.with_name("hole_2.mrc")))
        yield site


def test_a_movie_is_stepped_played_and_put_together_and_the_link_names_its_frame(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={EM}&image=1")
    page.get_by_role("link", name="Step through the frames of this movie").click()
    picture = page.locator(".f-picture").first
    expect(page.get_by_text(f"Frame 1 of {FRAMES}")).to_be_visible()
    expect(picture).to_have_attribute("data-image", "1")
    expect(page.get_by_text("there are no rings and no d-spacings")).to_be_visible()
    expect(page.get_by_text("Total motion")).to_be_visible()
    expect(page.get_by_label("Follow the newest")).to_be_hidden()
    picture.focus()
    page.keyboard.press(".")
    page.keyboard.press(".")
    expect(picture).to_have_attribute("data-image", "3")
    page.wait_for_function("() => location.search.includes('v.frame=3')")
    page.reload()
    expect(page.get_by_text(f"Frame 3 of {FRAMES}")).to_be_visible()
    expect(picture).to_have_attribute("data-image", "3")
    page.get_by_role("button", name="Play").click()
    expect(picture).to_have_attribute("data-image", str(FRAMES))
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_text("Several images as one").click()
    page.get_by_label("How images are put together").select_option("sum")
    page.get_by_role("button", name="Whole collection").click()
    expect(page.get_by_text(f"Sum of images 1 to {FRAMES}")).to_be_visible()
    page.get_by_role("link", name="Collection", exact=True).click()
    expect(page.get_by_role("heading", name="Movie 1 of 2")).to_be_visible()


def test_a_movie_that_is_gone_and_a_frame_that_is_not_there_are_said(site: Site, opened: Open) -> None:
    page = opened(site, f"?collection={EM}&image=2&tab=image")
    expect(page.get_by_text("“hole_2.mrc” is not on disk any more").first).to_be_visible()
    page.goto(f"?collection={EM}&image=1&tab=image&v.frame=99")
    expect(
        page.get_by_text(f"There is no frame 99 in “hole_1.mrc”, which holds {FRAMES} frames.").first
    ).to_be_visible()
    page.goto(f"?collection={EM}&image=1&tab=image&v.frame=nonsense")
    expect(page.get_by_text(f"Frame 1 of {FRAMES}")).to_be_visible()
