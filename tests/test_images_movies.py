"""Pictures of a microscope's movies: what is sent, to whom, and what a block of pixels becomes."""

import io
from collections.abc import Iterator
from pathlib import Path

import ispyb
import numpy as np
import pytest
from PIL import Image
from servers import realdata
from servers.darkroom import Site, darkroom

from data import schema as s
from data.images.formats import Frame, open_frames
from data.images.micrographs import binned, micrograph


def test_a_block_becomes_the_mean_of_its_valid_pixels() -> None:
    array = np.arange(30, dtype=np.float32).reshape(5, 6)
    mask = np.zeros(array.shape, bool)
    mask[0, 0] = True
    mask[2:4, 4:6] = True
    small = binned(Frame(array, mask), 3)
    assert small.shape == (2, 3)
    assert small[0].tolist() == pytest.approx([(1 + 6 + 7) / 3, 5.5, 7.5])
    assert small[1, 0] == pytest.approx(15.5)
    assert np.isnan(small[1, 2])


def test_contrast_is_that_of_the_specimen_and_not_of_single_hot_pixels() -> None:
    rng = np.random.default_rng(2)
    array = rng.normal(100, 5, (256, 256)).astype(np.float32)
    array[:, 128:] += 20
    array[3, 3] = 1e9
    drawn = np.asarray(Image.open(io.BytesIO(micrograph(Frame(array, np.zeros(array.shape, bool)), 64))))
    assert drawn.shape == (64, 64)
    assert float(drawn[:, 40:].mean()) - float(drawn[:, :24].mean()) > 100


def test_an_image_of_nothing_valid_is_grey() -> None:
    array = np.full((32, 32), np.nan, np.float32)
    drawn = np.asarray(Image.open(io.BytesIO(micrograph(Frame(array, ~np.isfinite(array))))))
    assert drawn.min() > 100
    assert drawn.max() < 150


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with darkroom(tmp_path_factory.mktemp("movies")) as found:
        writer = ispyb.writer(str(found.services.settings.database.url))
        picture = found.folder / "m_mc.jpg"
        Image.fromarray(np.full((700, 900), 77, np.uint8)).save(picture)
        movie = str(found.folder / "m.mrc")
        writer.add(s.Movie, movie_id=50, collection_id=1104, number=1, path=movie)
        writer.add(s.MotionCorrection, motion_id=50, movie_id=50, snapshot=str(picture), fft="/elsewhere/a.jpg")
        writer.add(s.Movie, movie_id=51, collection_id=1104, number=2, path=str(found.folder / "gone.mrc"))
        writer.add(s.MotionCorrection, motion_id=51, movie_id=51, snapshot=movie)
        writer.add(s.Movie, movie_id=52, collection_id=4001, number=1, path=movie)
        yield found


def drawn(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def test_a_micrograph_is_sent_as_a_picture_whatever_it_is_kept_as(site: Site) -> None:
    alice = site.person("alice")
    jpeg, density = alice.get("/movie/50/micrograph"), alice.get("/movie/51/micrograph")
    assert (jpeg.status, drawn(jpeg.data)) == (200, (360, 280))
    assert drawn(alice.get("/movie/50/micrograph?size=full").data) == (900, 700)
    assert (density.status, density.headers["Content-Type"], drawn(density.data)) == (200, "image/jpeg", (48, 64))
    assert drawn(alice.get("/movie/50/movie").data) == (48, 64)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("51/movie", "“gone.mrc” is not on disk any more"),
        ("50/fft", "not in a folder that this server may read"),
        ("50/ctf", "ISPyB holds no file path here"),
        ("52/movie", "This movie does not exist"),
        ("999/movie", "This movie does not exist"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence_and_what_is_not_yours_is_absent(site: Site, place: str, words: str) -> None:
    sent = site.person("alice").get(f"/movie/{place}")
    assert sent.status == 404
    assert words in sent.json["text"]


@pytest.mark.parametrize("name", ["KLH.tif", "stem/HAADFscan.mrc", "particles/relion31.mrcs", "EMD-3197.map"])
def test_real_images_of_microscopes_become_pictures(name: str) -> None:
    folder = realdata.folder()
    if folder is None or not (folder / "cryoem" / name).exists():
        pytest.skip("the real images of microscopes are not on this machine")
    with open_frames(Path(folder / "cryoem" / name)) as frames:
        data = micrograph(frames.read())
    shades = np.asarray(Image.open(io.BytesIO(data)))
    assert shades.std() > 20
