"""Pictures of a microscope's movies: what is sent, to whom, and what a block of pixels becomes."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ispyb
import numpy as np
import pytest
from PIL import Image
from servers import realdata
from servers.darkroom import Person, Site, darkroom

from data import schema as s
from data.demo.movie_files import write_movie
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


FRAMES, SIZE = 12, (60, 90)
STACK = np.random.default_rng(7).poisson(30, (FRAMES, *SIZE))


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
        stack = found.folder / "odd_####_%03d.mrcs"
        head = bytearray((found.folder / "m.mrc").read_bytes()[:1024])
        head[0:16] = np.array([*SIZE[::-1], FRAMES, 6], "<i4").tobytes()
        stack.write_bytes(bytes(head) + STACK.astype("<u2").tobytes())
        writer.add(s.Movie, movie_id=53, collection_id=1104, number=4, path=str(stack))
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


def counted(person: Person, place: str) -> np.ndarray[Any, Any]:
    sent = person.get(f"/region/{place}&w=4000&h=4000&as=npy")
    assert sent.status == 200, sent.data
    return np.asarray(np.load(io.BytesIO(sent.data)))


def test_every_frame_of_a_movie_is_there_for_the_viewer_and_the_file_says_how_many(site: Site) -> None:
    alice = site.person("alice")
    for number in (1, 7, FRAMES):
        assert np.array_equal(counted(alice, f"m53/{number}?x=0&y=0"), STACK[number - 1])
        assert alice.get(f"/frame/m53/{number}").headers["X-Frame-Full"] == "90x60"
    about = alice.get("/frame/m53/3/about").json
    assert about["images"] == [1, FRAMES]
    assert about["geometry"] is None
    assert "no rings and no d-spacings" in about["check"]["text"]
    assert "nx = 90" in alice.get("/frame/m53/3/header").json["text"]
    beyond = alice.get(f"/frame/m53/{FRAMES + 1}")
    assert (beyond.status, "which holds 12 frames" in beyond.json["text"]) == (404, True)


@pytest.mark.parametrize(("how", "fold"), [("sum", np.sum), ("mean", np.mean), ("max", np.max)])
def test_some_frames_of_a_movie_become_one(site: Site, how: str, fold: Any) -> None:
    alice = site.person("alice")
    deadline = time.monotonic() + 20
    while (sent := alice.get(f"/frame/m53/2?last=9&how={how}")).status == 202:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert sent.status == 200
    assert counted(alice, f"m53/2?last=9&how={how}&x=0&y=0") == pytest.approx(fold(STACK[1:9], axis=0), rel=1e-6)


def test_a_whole_movie_is_put_together_as_work_that_is_watched(site: Site) -> None:
    alice = site.person("alice")
    csrf = str(alice.get("/auth/form").json["csrf"])
    begun = alice.post("/stack/m53", {"first": 1, "last": FRAMES, "how": "sum"}, X_CSRF=csrf)
    assert begun.status == 202
    deadline = time.monotonic() + 20
    while (state := alice.get(f"/stack/job/{begun.json['job']}").json)["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert state["src"].startswith("/frame/m53/1?")
    assert alice.get(f"{state['src']}&size=300").status == 200


@pytest.mark.parametrize("person", ["carol", "bob"])
def test_frames_of_movies_are_seen_by_who_sees_their_collection_and_are_absent_for_others(
    site: Site, person: str
) -> None:
    for place in ("frame/{}/1", "frame/{}/1/about", "tile/{}/1?x=0&y=0&w=9&h=9", "region/{}/1?x=0&y=0&w=9&h=9"):
        sent, none = (site.person(person).get("/" + place.format(movie)) for movie in ("m53", "m999"))
        if person == "bob":
            assert sent.status == 200
        else:
            assert (sent.status, sent.json) == (404, none.json)
        assert none.status == 404


def test_a_movie_that_is_missing_or_elsewhere_is_a_sentence(site: Site) -> None:
    sent = site.person("alice").get("/frame/m51/1")
    assert (sent.status, "“gone.mrc” is not on disk any more" in sent.json["text"]) == (404, True)


@pytest.mark.parametrize("suffix", [".mrc", ".tiff"])
def test_movies_of_the_simulated_microscope_drift_and_need_no_extra(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_movie({"seed": 4, "frames": 30, "pixel_size_A": 1.06, "defocus_um": 1.4}, path)
    with open_frames(path) as frames:
        assert (frames.count, frames.shape) == (30, (512, 512))
        first, second, last = (sum(frames.read(at + n).array.astype(float) for n in range(3)) for at in (0, 3, 27))
        assert 0.5 < first.mean() / 3 < 2.5
        assert "SIMULATED" in frames.text()
        if suffix == ".mrc":
            assert frames.meta().pixel_x == pytest.approx(8.48e-10)

    def shift(a: Any, b: Any) -> tuple[int, int]:
        spectrum = np.fft.fft2(a - a.mean()) * np.conj(np.fft.fft2(b - b.mean()))
        where = np.unravel_index(np.argmax(np.fft.ifft2(spectrum).real), a.shape)
        return tuple((int(at) + 256) % 512 - 256 for at in where)  # type: ignore[return-value]

    assert max(map(abs, shift(last, first))) > max(map(abs, shift(second, first)))


@pytest.mark.parametrize("name", ["KLH.tif", "stem/HAADFscan.mrc", "particles/relion31.mrcs", "EMD-3197.map"])
def test_real_images_of_microscopes_become_pictures(name: str) -> None:
    folder = realdata.folder()
    if folder is None or not (folder / "cryoem" / name).exists():
        pytest.skip("the real images of microscopes are not on this machine")
    with open_frames(Path(folder / "cryoem" / name)) as frames:
        data = micrograph(frames.read())
    shades = np.asarray(Image.open(io.BytesIO(data)))
    assert shades.std() > 20
