"""Many images in one: the same pixels on every way, with progress, owners and a stop."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

pytest.importorskip("dask", reason="the extra stacks is not installed")

from servers.darkroom import CBF, EIGER, FRAMES, MOVIE, SENTINEL, Person, Sent, Site, counts, darkroom

from data.images import loops, stacks
from data.images.files import Files
from data.images.formats import Unreadable
from data.images.images import How, Images, Projection
from data.images.jobs import Job, Jobs, TooMany
from data.images.series import Series
from data.images.stacks import Stopped, project

NUMBER = 37
SHAPE = (60, 70)
HOWS: tuple[How, ...] = ("max", "sum", "mean")


def stack() -> np.ndarray[Any, Any]:
    """Counts, some masked in every image and some in one alone."""
    rng = np.random.default_rng(4)
    made = rng.poisson(3, (NUMBER, *SHAPE)).astype(np.uint32)
    made[:, 20] = SENTINEL
    made[5, 30] = SENTINEL
    made[9, 40, 40] = 100_000
    made[10, 41, 41] = 255
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("stacks")
    for name, filters in (("direct.h5", hdf5plugin.Bitshuffle(cname="lz4")), ("plain.h5", {"compression": "gzip"})):
        with h5py.File(path / name, "w") as file:
            file.create_dataset("/entry/data/data", data=stack(), chunks=(1, *SHAPE), **filters)
    return path


@pytest.fixture
def images(folder: Path) -> Images:
    return Images(Files((folder,)))


def projection(images: Images, name: str, how: How, first: int = 1, last: int = NUMBER) -> Projection:
    return images.projection(Series(str(images.files.spelled[0][0]), name, 1, NUMBER), first, last, how)


def expected(how: How, first: int = 1, last: int = NUMBER) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    part = np.ma.masked_equal(stack()[first - 1 : last].astype(np.int64), SENTINEL)
    found = {"max": part.max, "sum": part.sum, "mean": part.mean}[how](axis=0)
    return np.asarray(found.filled(0)), np.ma.getmaskarray(found)


def same(images: Images, name: str, how: How, **more: Any) -> None:
    found = project(images, projection(images, name, how), lambda number: None, lambda: False, **more)
    values, mask = expected(how)
    assert (found.mask == mask).all()
    assert found.array[~mask] == pytest.approx(values[~mask], rel=1e-6)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", ["direct.h5", "plain.h5"])
def test_each_way_gives_what_numpy_gives_of_the_valid_pixels(images: Images, name: str, how: How) -> None:
    same(images, name, how)


@pytest.mark.parametrize("how", HOWS)
def test_without_the_compiled_loops_it_is_the_same(images: Images, how: How, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops._State, "held_back", True)
    same(images, "direct.h5", how)


def test_a_scheduler_of_two_processes_gives_the_same_pixels(images: Images, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra stacks is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path)
    ) as cluster:
        seen: list[int] = []
        wanted = projection(images, "direct.h5", "max")
        there = project(images, wanted, seen.append, lambda: False, cluster.scheduler_address)
        here = project(images, wanted, lambda number: None, lambda: False)
        assert (there.array == here.array).all()
        assert (there.mask == here.mask).all()
        assert all(0 <= number <= NUMBER for number in seen)
        with pytest.raises(Stopped):
            project(images, wanted, lambda number: None, lambda: True, cluster.scheduler_address)


def test_a_scheduler_that_is_not_there_is_a_sentence(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra stacks is not installed")
    monkeypatch.setattr(stacks, "_SECONDS", 0.3)
    with pytest.raises(Unreadable, match="scheduler that computes projections does not answer"):
        project(images, projection(images, "direct.h5", "max"), lambda n: None, lambda: False, "tcp://127.0.0.1:1")


def test_progress_counts_up_to_all_images(images: Images) -> None:
    seen: list[int] = []
    project(images, projection(images, "direct.h5", "sum"), seen.append, lambda: False)
    assert sorted(seen)[-1] == NUMBER


def test_images_of_different_sizes_are_not_put_together(images: Images, tmp_path: Path) -> None:
    own = Images(Files((tmp_path,)))
    for number, shape in ((1, (20, 30)), (2, (21, 30))):
        with h5py.File(tmp_path / f"s_{number}.nxs", "w") as file:
            file["/entry/data/data"] = np.ones((1, *shape), "u2")
    series = Series(str(tmp_path), "s_#.nxs", 1, 2)
    with pytest.raises(Unreadable, match="one size"):
        project(own, own.projection(series, 1, 2, "max"), lambda n: None, lambda: False)


def over(jobs: Jobs, owner: str, job: Job) -> Job:
    deadline = time.monotonic() + 20
    while not job.over:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return job


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Folding waits for this."""
    gate = Event()
    real = stacks.folded

    def slow(*given: Any) -> Any:
        assert gate.wait(20)
        return real(*given)

    monkeypatch.setattr(stacks, "folded", slow)
    yield gate
    gate.set()


def test_two_who_want_the_same_share_a_job_that_stops_with_the_second(images: Images, held: Event) -> None:
    jobs = Jobs(images, str)
    wanted = projection(images, "direct.h5", "max")
    job = jobs.begin("alice", wanted, "/frame/1/1")
    assert jobs.begin("bob", wanted, "/frame/2/1") is job
    # Each has it by the collection that they asked for: the other's may not be theirs to see.
    assert job.owners == {"alice": "/frame/1/1", "bob": "/frame/2/1"}
    assert jobs.find("carol", job.id) is None
    assert not jobs.stop("carol", job.id)
    assert jobs.stop("alice", job.id)
    assert jobs.find("alice", job.id) is None
    assert not job.halt.is_set()
    assert jobs.stop("bob", job.id)
    held.set()
    assert over(jobs, "bob", job).state == "stopped"
    assert images.projections.held(wanted) is None
    jobs.close()


def test_the_number_of_jobs_is_bounded(images: Images, held: Event) -> None:
    jobs = Jobs(images, str, most=1)
    for last in range(2, 22):
        jobs.begin("alice", projection(images, "direct.h5", "max", 1, last))
    with pytest.raises(TooMany):
        jobs.begin("alice", projection(images, "direct.h5", "max", 1, 30))
    jobs.close()


def test_a_failure_that_nobody_foresaw_ends_the_job_in_words(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> Any:
        raise RuntimeError("planted")

    monkeypatch.setattr(stacks, "folded", broken)
    jobs = Jobs(images, lambda error: f"failed: {error}")
    job = over(jobs, "a", jobs.begin("a", projection(images, "direct.h5", "max")))
    assert (job.state, job.text) == ("failed", "failed: planted")
    jobs.close()


# Over HTTP


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with darkroom(tmp_path_factory.mktemp("stack-site"), most=500) as running:
        yield running


@pytest.fixture(scope="module")
def alice(site: Site) -> Person:
    return site.person("alice")


def token(person: Person) -> str:
    sent: Sent = person.get("/auth/form")
    return str(sent.json["csrf"])


def finished(person: Person, job: str) -> Any:
    deadline = time.monotonic() + 20
    while (found := person.get(f"/stack/job/{job}").json)["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("how", HOWS)
def test_a_projection_is_begun_watched_and_fetched(alice: Person, how: str) -> None:
    sent = alice.post(f"/stack/{EIGER}", {"first": 1, "last": FRAMES, "how": how}, X_CSRF=token(alice))
    assert sent.status == 202
    found = finished(alice, sent.json["job"])
    assert (found["state"], found["done"], found["of"]) == ("done", FRAMES, FRAMES)
    frame = alice.get(found["src"])
    assert frame.status == 200
    pixels = alice.get(f"/region/{EIGER}/1?last={FRAMES}&how={how}&as=npy")
    got = np.load(io.BytesIO(pixels.data))
    part = np.ma.masked_equal(np.stack([counts(n) for n in range(1, FRAMES + 1)]).astype(float), SENTINEL)
    values = {"max": part.max, "sum": part.sum, "mean": part.mean}[how](axis=0)
    valid = ~np.ma.getmaskarray(values)
    assert got[valid] == pytest.approx(np.asarray(values)[valid], rel=1e-6)


def test_a_frame_of_a_projection_that_nobody_computed_begins_it(alice: Person) -> None:
    address = f"/frame/{EIGER}/2?last=4&how=max"
    sent = alice.get(address)
    assert sent.status == 202
    assert sent.headers["Cache-Control"] == "no-store"
    assert finished(alice, sent.json["job"])["state"] == "done"
    codes = alice.get(address).codes
    top = np.stack([np.where(counts(n) == SENTINEL, 0, counts(n)) for n in (2, 3, 4)]).max(axis=0)
    assert (codes[:50][top[:50] < 32] == top[:50][top[:50] < 32]).all()
    assert alice.get(f"/tile/{EIGER}/2?last=4&how=max&w=9&h=9").tile.tolist() == top[:9, :9].tolist()


def test_a_job_is_of_the_login_session_that_began_it(site: Site, alice: Person) -> None:
    sent = alice.post(f"/stack/{EIGER}", {"first": 1, "last": 2, "how": "max"}, X_CSRF=token(alice))
    job = sent.json["job"]
    for other in (site.person("bob"), site.person("alice")):
        assert other.get(f"/stack/job/{job}").status == 404
        assert other.ask("DELETE", f"/stack/job/{job}", None, {"X-CSRF": token(other)}).status == 404
    assert alice.ask("DELETE", f"/stack/job/{job}", None, {"X-CSRF": token(alice)}).status == 204


def test_nothing_begins_or_stops_without_the_token_of_our_page(alice: Person) -> None:
    asked = {"first": 1, "last": 2, "how": "max"}
    assert alice.post(f"/stack/{EIGER}", asked).status == 403
    assert alice.post(f"/stack/{EIGER}", asked, X_CSRF="x" * 43).status == 403
    sent = alice.post(f"/stack/{EIGER}", asked, X_CSRF=token(alice), Sec_Fetch_Site="cross-site")
    assert sent.status == 403
    assert alice.ask("DELETE", "/stack/job/x", None, {}).status == 403


@pytest.mark.parametrize(
    "asked",
    [
        {},
        [],
        {"first": 3, "last": 1, "how": "max"},
        {"first": 1, "last": 2, "how": "median"},
        {"first": "1", "last": 2, "how": "max"},
        {"first": True, "last": 2, "how": "max"},
        {"first": 1, "last": 2, "how": "max", "channel": -1},
    ],
)
def test_what_is_not_understood_is_refused(alice: Person, asked: Any) -> None:
    assert alice.post(f"/stack/{EIGER}", asked, X_CSRF=token(alice)).status == 400


def test_foreign_images_absent_images_and_too_many_are_refused(site: Site, alice: Person) -> None:
    asked = {"first": 1, "last": 2, "how": "max"}
    carol = site.person("carol")
    foreign = carol.post(f"/stack/{EIGER}", asked, X_CSRF=token(carol))
    missing = alice.post("/stack/999999", asked, X_CSRF=token(alice))
    assert (foreign.status, foreign.json) == (missing.status, missing.json)
    assert foreign.status == 404
    assert alice.post(f"/stack/{EIGER}", asked | {"last": 99}, X_CSRF=token(alice)).status == 404
    many = alice.post(f"/stack/{EIGER}", asked | {"last": 501}, X_CSRF=token(alice))
    assert "At most 500" in many.json["text"]


def test_a_missing_file_among_them_fails_in_a_sentence_and_leaves_nothing(alice: Person) -> None:
    sent = alice.post(f"/stack/{CBF}", {"first": 1, "last": 3, "how": "sum"}, X_CSRF=token(alice))
    found = finished(alice, sent.json["job"])
    assert found["state"] == "failed"
    assert "c_000" in found["text"]
    assert alice.get(f"/frame/{CBF}/1?last=3&how=sum").status == 202


def test_densities_are_averaged_as_they_are(alice: Person) -> None:
    sent = alice.post(f"/stack/{MOVIE}", {"first": 1, "last": 1, "how": "mean"}, X_CSRF=token(alice))
    assert finished(alice, sent.json["job"])["state"] == "done"
    pixels = np.load(io.BytesIO(alice.get(f"/region/{MOVIE}/1?last=1&how=mean&as=npy").data))
    assert pixels == pytest.approx(np.random.default_rng(5).normal(0, 1, (64, 48)), abs=1e-6)
