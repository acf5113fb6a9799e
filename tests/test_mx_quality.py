"""Per-image numbers of a collection and of a group: which images stand where, each by itself or in stretches."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from ispyb import DATABASES, Facility, at_server, facility, writer
from sqlalchemy import insert

from data import schema as s
from data.errors import NotFound
from data.techniques.mx import quality

LONG = 4_000


def numbers(images: int) -> dict[str, np.ndarray]:
    """The same for each run of the tests: spots, resolution (every seventh unknown) of images 1 and on."""
    rng = np.random.default_rng(8)
    resolution = np.round(rng.uniform(1.2, 4.0, images), 2)
    resolution[::7] = np.nan
    return {"spots": rng.integers(0, 900, images).astype(float), "resolution": resolution}


@pytest.fixture(scope="module", params=DATABASES)
def long(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    """The tiny ISPyB in which collection 1005 has 4,000 images, and 1006 of its group 10 more, counted from 0."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('long') / 'long.db'}"
    else:
        url = at_server(request.getfixturevalue("mariadb"), request.param, "long")
    found = facility(request.param, url)
    write = writer(url)
    given = numbers(LONG)
    rows = [
        {"dataCollectionId": 1005, "imageNumber": n + 1, "spotTotal": int(spots), "goodBraggCandidates": n % 50,
         "method2Res": None if np.isnan(resolution) else resolution}
        for n, (spots, resolution) in enumerate(zip(given["spots"], given["resolution"], strict=True))
    ]  # fmt: skip
    rows += [
        {"dataCollectionId": 1006, "imageNumber": n, "spotTotal": 7, "goodBraggCandidates": 1, "method2Res": 2.0}
        for n in range(10)
    ]
    with write.engine.begin() as connection:
        write.prepare(connection)
        w = replace(write, open=connection)
        w.add(s.Collection, collection_id=1006, group_id=103, visit_hint=12, images=10, first_image=0, prefix="b",
              axis_start=90.0, axis_range=0.5, number=2)  # fmt: skip
        connection.execute(insert(s.ImageQuality), rows)
    write.engine.dispose()
    yield found
    found.source.close()


def test_a_collection_stands_by_itself_and_a_group_one_after_another(long: Facility) -> None:
    reader = long.reader("bob")
    alone = quality.layout(reader, 1005)
    assert [(one.collection_id, one.offset, one.first, one.last) for one in alone.segments] == [(1005, 0, 1, LONG)]
    assert (alone.group, alone.length) == (2, LONG)
    whole = quality.layout(reader, 1006, group=True)
    assert [(one.collection_id, one.offset) for one in whole.segments] == [(1005, 0), (1006, LONG)]
    assert whole.length == LONG + 10
    assert whole.image(LONG) == (1006, 0)
    assert whole.image(LONG - 1) == (1005, LONG)
    assert whole.image(LONG + 10) is None
    assert whole.place(1006, 9) == LONG + 9
    assert whole.segments[1].angle(3) == 91.5
    assert replace(whole.segments[1], axis_range=0.0).angle(3) is None


def test_few_images_are_given_each_by_itself(long: Facility) -> None:
    reader, given = long.reader("bob"), numbers(LONG)
    found = quality.series(reader, quality.layout(reader, 1005), 100, 199)
    assert found.width == 1
    assert found.place.tolist() == list(range(100, 200))
    np.testing.assert_array_equal(found.mean["spots"], given["spots"][100:200])
    np.testing.assert_allclose(found.mean["resolution"], given["resolution"][100:200], rtol=1e-6)
    assert np.isnan(found.mean["dozor"]).all()


@pytest.mark.parametrize(("low", "high"), [(0, LONG - 1), (1, 3_777), (555, 2_600)])
def test_stretches_equal_numpy(long: Facility, low: int, high: int) -> None:
    reader, given = long.reader("bob"), numbers(LONG)
    found = quality.series(reader, quality.layout(reader, 1005), low, high, stretches=100)
    assert found.width == -(-(high - low + 1) // 100)
    places = np.arange(low, high + 1)
    stretches = places // found.width
    assert len(found.place) == len(np.unique(stretches))
    for n, stretch in enumerate(np.unique(stretches)):
        inside = places[stretches == stretch]
        assert (found.place[n], found.until[n], found.count[n]) == (inside[0], inside[-1], len(inside))
        for name in ("spots", "resolution"):
            values = given[name][inside]
            expected = np.nanmin(values), np.nanmean(values), np.nanmax(values)
            got = found.least[name][n], found.mean[name][n], found.most[name][n]
            np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_a_stretch_never_mixes_collections(long: Facility) -> None:
    reader = long.reader("bob")
    whole = quality.layout(reader, 1005, group=True)
    found = quality.series(reader, whole, stretches=7)
    border = found.place >= LONG
    assert int(found.count[border].sum()) == 10
    assert int(found.count.sum()) == LONG + 10
    assert (found.mean["spots"][border] == 7).all()
    assert (found.until[~border] < LONG).all()


def test_a_very_long_collection_is_overlooked_without_losing_a_peak(long: Facility) -> None:
    reader, given = long.reader("bob"), numbers(LONG)
    whole = quality.overview(reader, 1005, LONG)
    assert "stretch" not in whole
    np.testing.assert_array_equal(whole["spots"], given["spots"])
    some = quality.overview(reader, 1005, LONG, most=1_000)
    assert some["stretch"].tolist() == [2]
    assert (some["image"][0], some["image"][-1]) == (1, LONG)
    assert np.nanmax(some["spots"]) == given["spots"].max()
    assert np.nanmin(some["resolution"]) == pytest.approx(np.nanmin(given["resolution"]), rel=1e-6)
    assert (np.diff(some["image"]) >= 0).all()


def test_no_numbers_are_an_empty_series_and_not_zeros(long: Facility) -> None:
    reader = long.reader("alice")
    found = quality.series(reader, quality.layout(reader, 1002))
    assert len(found.place) == 0
    assert len(quality.series(reader, quality.layout(reader, 1001), 10**9).place) == 0


def test_who_may_not_see_the_collection_is_told_that_it_is_not_there(long: Facility) -> None:
    for login in ("alice", "nobody", "mx10"):
        with pytest.raises(NotFound, match="This collection"):
            quality.layout(long.reader(login), 1005)
    # Also with a layout that somebody else read.
    found = quality.layout(long.reader("bob"), 1005, group=True)
    assert len(quality.series(long.reader("alice"), found).place) == 0


def test_the_statements_do_not_grow_with_the_images(long: Facility) -> None:
    reader = long.reader("bob")
    before = long.source.statements
    quality.series(reader, quality.layout(reader, 1005, group=True))
    assert long.source.statements - before <= 5
