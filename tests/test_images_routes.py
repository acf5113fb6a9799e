"""The routes of the frame viewer: what they send, to whom, and in which words they fail."""

import gzip
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from servers.darkroom import (
    CBF,
    EIGER,
    FOREIGN,
    FRAMES,
    LISTED,
    MOVIE,
    OUTSIDE,
    SENTINEL,
    SHAPE,
    Person,
    Sent,
    Site,
    counts,
    darkroom,
)

from app.routes.lanes import Lanes
from app.routes.rows import Rows
from data.images.formats import Frame
from data.images.reduce import reduce

PARTS = (
    "",
    "/about",
    "/header",
    "/spots",
    "/predictions",
    "/radial",
    "/histogram",
    "/profile?x0=0&y0=0&x1=9&y1=9",
    "/box?x=0&y=0&w=9&h=9",
)
ROUTES = [f"/frame/{{}}{part}" for part in PARTS] + ["/tile/{}?x=0&y=0&w=9&h=9", "/region/{}?w=9&h=9&as=npy"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with darkroom(tmp_path_factory.mktemp("darkroom")) as running:
        yield running


@pytest.fixture(scope="module")
def alice(site: Site) -> Person:
    return site.person("alice")


def frame(image: int) -> Frame:
    array = counts(image)
    return Frame(array, array == SENTINEL)


def problem(sent: Sent) -> tuple[int, str, str]:
    return sent.status, sent.json["title"], sent.json["text"]


@pytest.mark.parametrize("image", [1, FRAMES])
def test_a_frame_is_sent_as_the_codes_of_its_reduction(alice: Person, image: int) -> None:
    sent = alice.get(f"/frame/{EIGER}/{image}")
    assert sent.status == 200
    assert (sent.codes == reduce(frame(image), 1100).codes).all()
    assert sent.headers["X-Frame-Full"] == f"{SHAPE[1]}x{SHAPE[0]}"
    assert sent.headers["X-Frame-Factor"] == "1"


def test_it_is_compressed_for_who_takes_that(alice: Person) -> None:
    sent = alice.get(f"/frame/{EIGER}/1", Accept_Encoding="gzip")
    assert sent.headers["Content-Encoding"] == "gzip"
    plain = alice.get(f"/frame/{EIGER}/1")
    assert "Content-Encoding" not in plain.headers
    assert len(sent.data) < len(plain.data)


def test_a_browser_on_a_quick_network_gets_it_unpacked(alice: Person) -> None:
    path = f"/frame/{EIGER}/2?size=256"
    packed = alice.get(path, Accept_Encoding="gzip")
    quick = alice.get(path, Accept_Encoding="gzip", X_Quick_Network="1")
    assert (packed.headers["Content-Encoding"], quick.headers["Content-Encoding"]) == ("gzip", None)
    assert quick.data == gzip.decompress(packed.data)
    assert packed.headers["ETag"] != quick.headers["ETag"]
    assert {one.headers["Vary"] for one in (packed, quick)} == {"Accept-Encoding, X-Quick-Network"}


@pytest.mark.parametrize("pool", ["max", "mean", "nearest"])
def test_size_and_pooling_are_of_the_query_and_bounded(site: Site, pool: str) -> None:
    sent = site.person("bob").get(f"/frame/{EIGER}/2?size=1&pool={pool}")
    assert sent.headers["X-Frame-Factor"] == "1"  # no smaller than 256
    assert (sent.codes == reduce(frame(2), 256, pool).codes).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("query", ["size=x&pool=y", "size=1e9", "channel=-4", "size=99999999999999999999"])
def test_nonsense_in_the_query_is_held_within_bounds(alice: Person, query: str) -> None:
    assert alice.get(f"/frame/{EIGER}/1?{query}").status == 200


def test_a_tile_holds_the_counts_themselves_cut_at_the_edges(alice: Person) -> None:
    sent = alice.get(f"/tile/{EIGER}/3?x=40&y=90&w=1024&h=1024")
    assert (sent.headers["X-Tile-X"], sent.headers["X-Tile-Y"]) == ("40", "90")
    assert sent.headers["X-Tile-Type"] == "u2"
    assert (sent.tile == counts(3)[90:, 40:]).all()
    masked = alice.get(f"/tile/{EIGER}/3?x=0&y=50&w=20&h=2").tile
    assert (masked[0] == 65535).all()
    assert (masked[1] == counts(3)[51, :20]).all()
    assert alice.get(f"/tile/{EIGER}/3?x=5000&y=0&w=9&h=9").tile.size == 0


@pytest.mark.parametrize("route", ROUTES)
def test_what_is_not_yours_is_answered_as_what_is_not_there(site: Site, alice: Person, route: str) -> None:
    missing = alice.get(route.format("999999/1"))
    foreign = site.person("carol").get(route.format(f"{EIGER}/1"))
    other = alice.get(route.format(f"{FOREIGN}/1"))
    assert problem(missing) == (404, "Not found", "This collection does not exist, or you do not have access to it.")
    assert problem(foreign) == problem(other) == problem(missing)
    assert alice.get(route.format(f"{EIGER}/1")).status == 200


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_is_let_in_without_signing_in(site: Site, route: str) -> None:
    assert Person(site.running.browser()).get(route.format(f"{EIGER}/1")).status == 401


@pytest.mark.parametrize(
    ("place", "title", "text"),
    [
        (f"{EIGER}/{FRAMES + 1}", "Not found", "This image does not exist"),
        (f"{CBF}/2", "File missing", "“c_0002.cbf” is not on disk any more"),
        (f"{CBF}/3", "File not usable", "“c_0003.cbf” holds no image"),
        (f"{OUTSIDE}/1", "File outside the permitted folders", "“o_0001.cbf” is not in a folder"),
    ],
)
def test_each_failure_is_a_sentence(alice: Person, place: str, title: str, text: str) -> None:
    status, said_title, said_text = problem(alice.get(f"/frame/{place}"))
    assert (status, said_title) == (404, title)
    assert text in said_text


def test_the_browser_may_keep_a_frame_for_a_minute_and_then_asks_whether_it_still_holds(
    site: Site, alice: Person
) -> None:
    first = alice.get(f"/frame/{EIGER}/4")
    assert first.headers["Cache-Control"] == "private, max-age=60"
    again = alice.get(f"/frame/{EIGER}/4", If_None_Match=first.headers["ETag"])
    assert (again.status, again.data) == (304, b"")
    # Not even that is told to others.
    assert site.person("carol").get(f"/frame/{EIGER}/4", If_None_Match=first.headers["ETag"]).status == 404
    assert alice.get(f"/frame/{CBF}/2").headers["Cache-Control"] == "no-store"


def test_about_tells_size_geometry_rings_and_that_they_are_consistent(alice: Person) -> None:
    found = alice.get(f"/frame/{EIGER}/1/about").json
    assert (found["width"], found["height"], found["images"]) == (SHAPE[1], SHAPE[0], [1, FRAMES])
    assert found["saturation"] == 1500
    assert found["geometry"]["beam"] == pytest.approx([90, 110])
    assert found["geometry"]["edge_d"] == pytest.approx(7.457, rel=1e-3)
    assert found["check"]["state"] == "consistent"
    steps = np.diff([1 / ring["d"] ** 2 for ring in found["rings"]])
    assert steps == pytest.approx(np.full(len(steps), steps[0]), rel=1e-3)
    at = np.array(found["rings"][0]["lines"][0])
    reach = np.hypot(at[:, 0] - 90, at[:, 1] - 110) * 0.075
    d = 1 / (2 * np.sin(np.arctan(reach / 50) / 2))
    assert d == pytest.approx(np.full(len(d), found["rings"][0]["d"]), rel=1e-3)
    assert {name: value for name, value, _ in found["header"][0][1]}["Distance"] == 50


def test_about_says_what_is_missing_for_a_geometry(alice: Person) -> None:
    found = alice.get(f"/frame/{CBF}/1/about").json
    assert found["geometry"] is None
    assert found["rings"] == []
    assert found["check"]["state"] == "unknown"
    assert "beam centre" in found["check"]["text"]
    assert "distance" in alice.get(f"/frame/{MOVIE}/1/about").json["check"]["text"]
    assert problem(alice.get(f"/frame/{CBF}/1/radial"))[2] == found["check"]["text"]


def test_the_planted_spot_is_found_where_it_is(alice: Person) -> None:
    found = alice.get(f"/frame/{EIGER}/5/spots").json
    x, y, peak, d = found["spots"][0]
    assert (x, y, peak) == (61.5, 106.5, 2000)
    assert d == pytest.approx(1 / (2 * np.sin(np.arctan(np.hypot(61.5 - 90, 106.5 - 110) * 0.075 / 50) / 2)), rel=1e-4)
    assert found["count"] == len(found["spots"])
    assert not found["more"]
    assert "background" in found["method"]


def test_the_list_of_spots_that_the_file_holds_comes_before_a_search(alice: Person) -> None:
    listed = alice.get(f"/frame/{LISTED}/2/spots").json
    assert (listed["listed"], listed["count"], listed["more"]) == (True, 2, False)
    assert [spot[:3] for spot in listed["spots"]] == [[40.5, 60.5, 900], [30.75, 16.0, 70]]
    assert "the file's own list" in listed["method"]
    assert alice.get(f"/frame/{LISTED}/3/spots").json["spots"] == []
    found = alice.get(f"/frame/{LISTED}/3/spots?by=search").json
    assert found["listed"] is True
    assert found["count"] >= 1
    assert "standard deviations" in found["method"]
    assert alice.get(f"/frame/{EIGER}/3/spots").json["listed"] is False


def test_the_header_is_told_as_the_file_has_it(alice: Person) -> None:
    sent = alice.get(f"/frame/{EIGER}/1/header").json
    assert "/entry/instrument/detector/count_time = 0.01  (units s)" in sent["text"].splitlines()
    assert "/entry/data/data: 6 × 220 × 180 of uint32" in sent["text"].splitlines()
    assert sent["more"] is False
    assert "X-Binary-Size-Fastest-Dimension: 120" in alice.get(f"/frame/{CBF}/1/header").json["text"]
    assert "nx = 48" in alice.get(f"/frame/{MOVIE}/1/header").json["text"]


def test_histogram_profile_and_box_leave_out_what_is_masked(alice: Person) -> None:
    array = counts(4)
    valid = array[array != SENTINEL]
    histogram = alice.get(f"/frame/{EIGER}/4/histogram").json
    assert sum(histogram["counts"]) == valid.size
    assert histogram["masked"] == SHAPE[1]
    assert histogram["overloaded"] == (valid >= 1500).sum() == 9
    line = alice.get(f"/frame/{EIGER}/4/profile?x0=61.5&y0=45.5&x1=61.5&y1=110.5").json
    assert line["value"][5] is None
    assert line["value"][:5] == array[45:50, 61].tolist()
    assert len(line["position"]) == len(line["d"]) == 66
    box = alice.get(f"/frame/{EIGER}/4/box?x=60&y=49&w=3&h=3").json
    assert box["masked"] == 3
    assert box["sum"] == array[[49, 51], 60:63].sum()
    assert box["rows"]["mean"][1] is None
    assert box["columns"]["sum"] == array[[49, 51], 60:63].sum(axis=0).tolist()


def test_the_radial_average_is_flat_where_the_counts_are(alice: Person) -> None:
    found = alice.get(f"/frame/{EIGER}/1/radial").json
    mean = np.array([np.nan if value is None else value for value in found["mean"]])
    count = np.array(found["count"])
    assert np.nansum(mean * count) / count.sum() == pytest.approx(counts(1)[counts(1) != SENTINEL].mean(), rel=0.02)
    assert found["method"]
    assert len(found["d"]) == len(found["two_theta"]) == len(mean)


@pytest.mark.parametrize("kind", ["npy", "tiff"])
def test_a_region_leaves_with_its_pixels_and_its_mask(alice: Person, kind: str) -> None:
    sent = alice.get(f"/region/{EIGER}/2?x=60&y=49&w=10&h=60&as={kind}")
    assert f'filename="image-2.{kind}"' in sent.headers["Content-Disposition"]
    pixels = np.load(io.BytesIO(sent.data)) if kind == "npy" else np.asarray(Image.open(io.BytesIO(sent.data)))
    expected = counts(2)[49:109, 60:70].astype(np.int64)
    expected[1] = -1
    assert (pixels == expected).all()


def test_densities_are_stretched_over_counts_and_the_scale_is_told(alice: Person) -> None:
    sent = alice.get(f"/tile/{MOVIE}/1?x=0&y=0&w=48&h=64")
    offset, step = map(float, sent.headers["X-Frame-Scale"].split(","))
    values = np.random.default_rng(5).normal(0, 1, (64, 48))
    inside = values > offset
    assert inside.mean() > 0.99
    assert sent.tile[inside] * step + offset == pytest.approx(values[inside], abs=step)
    assert alice.get(f"/frame/{MOVIE}/1").headers["X-Frame-Scale"] == sent.headers["X-Frame-Scale"]


def test_a_small_picture_of_a_frame_is_a_jpeg(alice: Person) -> None:
    sent = alice.get(f"/diffraction/{EIGER}/1")
    assert sent.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(sent.data)).size == (SHAPE[1], SHAPE[0])


def test_what_is_asked_at_once_of_one_file_by_two_collections_is_answered_for_each(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both rows name the same file, and each places the detector elsewhere.
    keys: list[object] = []
    run, imaging = Lanes.run, Rows.imaging

    async def noted(self: Lanes, lane: int, key: Any, work: Any, seconds: float = 0.0) -> Any:
        keys.append(key)
        return await run(self, lane, key, work, seconds)

    monkeypatch.setattr(Lanes, "run", noted)
    monkeypatch.setattr(Rows, "imaging", lambda *given: {**imaging(*given), "distance": 50.0 + len(keys)})
    monkeypatch.setattr(Rows, "held", lambda *given: None)
    for _ in range(2):
        assert alice.get(f"/frame/{EIGER}/1/about").status == 200
    assert keys[0] != keys[1]
