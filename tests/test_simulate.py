"""A simulated run: what is in the database after each step, on SQLite and on the schemas of real sites."""

import argparse
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from app.commands import simulate
from app.settings import Settings, load
from data.demo.beamline import MxRun, NoVisit, find_visit
from data.demo.render import make_missing
from data.demo.site import Site, writable
from data.images.files import Files, State, frame_file
from data.images.formats import open_frames
from data.schema import (
    AutoProc,
    Collection,
    Detector,
    Group,
    ImageQuality,
    Integration,
    Person,
    Program,
    ProgramMessage,
    Proposal,
    Scaling,
    ScalingHasIntegration,
    Statistics,
    Table,
    Visit,
)

NOON = datetime(2026, 3, 4, 12, 0, 0)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ispyb.sqlite'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = writable(url)
    Table.metadata.create_all(made)
    furnish(made)
    yield made
    made.dispose()


def furnish(engine: Engine) -> None:
    """Two visits, of which the later one runs now, and a detector."""
    site = Site(engine)
    proposal_id = site.insert(Proposal, code="mx", number="415", title="Simulated")
    for number, begin in ((1, -30), (2, -1)):
        start = NOON + timedelta(days=begin)
        site.insert(Visit, proposal_id=proposal_id, number=number, beamline="BX3", start=start,
                    end=start + timedelta(days=2))  # fmt: skip
    site.insert(Detector, model="EIGER2 X 4M")


def all_of(engine: Engine, *columns: Any) -> list[Any]:
    with Session(engine) as session:
        return list(session.execute(select(*columns)).all())


def count(engine: Engine, mapped: type[Table]) -> int:
    with Session(engine) as session:
        return int(session.execute(select(func.count()).select_from(mapped)).scalar_one())


def run_at(engine: Engine, clock: Clock, **options: Any) -> MxRun:
    target = find_visit(engine, "mx415-2", NOON)
    return MxRun(engine, target.visit_id, clock=clock, **options)


def to_the_end(run: MxRun, clock: Clock) -> list[str]:
    said = []
    while not run.finished:
        said += run.step()
        clock.forward(0.5)
    return said


def test_rows_come_first_with_the_status_that_beamlines_begin_with(engine: Engine, clock: Clock) -> None:
    run = run_at(engine, clock)
    run.step()
    ((status, end, images, group, directory),) = all_of(
        engine, Collection.status, Collection.end, Collection.images, Collection.group_id, Collection.directory
    )
    assert (status, end, images) == ("DataCollection Unsuccessful", None, 60)
    assert all_of(engine, Group.group_id, Group.end) == [(group, None)]
    assert directory.endswith("/")
    assert count(engine, ImageQuality) == 0


def test_images_come_as_time_passes_and_never_twice(engine: Engine, clock: Clock) -> None:
    run = run_at(engine, clock, images=60, rate=10)
    run.step()
    clock.forward(1.25)
    run.step()
    assert [row[0] for row in all_of(engine, ImageQuality.image)] == list(range(1, 13))
    run.step()
    assert count(engine, ImageQuality) == 12
    clock.forward(100)
    run.step()
    assert [row[0] for row in all_of(engine, ImageQuality.image)] == list(range(1, 61))


def test_the_time_that_the_first_rows_and_files_took_takes_no_image(engine: Engine, clock: Clock) -> None:
    run = run_at(engine, clock, images=60, rate=10)
    ticks = iter((NOON, NOON + timedelta(seconds=30), NOON + timedelta(seconds=30.5)))
    run._clock = lambda: next(ticks)
    run.step()
    run.step()
    assert count(engine, ImageQuality) == 5


def test_the_collection_ends_when_its_images_are_there(engine: Engine, clock: Clock) -> None:
    run = run_at(engine, clock, images=5)
    run.step()
    clock.forward(0.4)
    run.step()
    assert all_of(engine, Collection.end) == [(None,)]
    clock.forward(10)
    run.step()
    assert all_of(engine, Collection.end, Collection.status) == [
        (clock.now.replace(microsecond=0), "DataCollection Successful")
    ]
    assert all_of(engine, Group.end) == [(clock.now.replace(microsecond=0),)]
    assert count(engine, Program) == 0


def test_pipelines_run_before_they_finish_one_by_one(engine: Engine, clock: Clock) -> None:
    run = run_at(engine, clock, images=2)
    run.step()
    clock.forward(5)
    run.step()
    clock.forward(1.6)
    run.step()
    assert [row[0] for row in all_of(engine, Program.status)] == [None] * 4
    assert count(engine, Integration) == 0
    clock.forward(1.4)
    run.step()
    assert sorted(str(row[0]) for row in all_of(engine, Program.status)) == ["1", "None", "None", "None"]
    assert count(engine, Integration) == 1
    assert not run.finished


def test_one_pipeline_fails_and_the_others_have_results(engine: Engine, clock: Clock) -> None:
    run = run_at(engine, clock, images=2)
    said = to_the_end(run, clock)
    assert said[-1] == "autoPROC 1.0.5 has finished"
    assert sorted(row[0] for row in all_of(engine, Program.status)) == ["0", "1", "1", "1"]
    ((failed,),) = all_of(engine, ProgramMessage.program_id)
    assert (failed, "xia2 3dii", "0") in all_of(engine, Program.program_id, Program.name, Program.status)
    assert count(engine, AutoProc) == 3
    assert count(engine, ScalingHasIntegration) == 3
    assert set(all_of(engine, Integration.collection_id)) == {(run.collection_id,)}


def test_results_hang_together(engine: Engine, clock: Clock) -> None:
    for seed in (1, 2):
        to_the_end(run_at(engine, clock, images=2, seed=seed), clock)
    with Session(engine) as session:
        joined = session.execute(
            select(Program.program_id, AutoProc.space_group, func.count(Statistics.id))
            .join(AutoProc, AutoProc.program_id == Program.program_id)
            .join(Scaling, Scaling.auto_proc_id == AutoProc.auto_proc_id)
            .join(ScalingHasIntegration, ScalingHasIntegration.scaling_id == Scaling.scaling_id)
            .join(Integration, Integration.integration_id == ScalingHasIntegration.integration_id)
            .outerjoin(Statistics, Statistics.scaling_id == Scaling.scaling_id)
            .where(Integration.program_id == Program.program_id)
            .group_by(Program.program_id, AutoProc.space_group)
        ).all()
    assert len(joined) == 6
    assert all(group.startswith("P 4") for _, group, _ in joined)


def test_the_same_seed_gives_the_same_numbers(engine: Engine, clock: Clock) -> None:
    to_the_end(run_at(engine, clock, images=20, seed=5), clock)
    to_the_end(run_at(engine, clock, images=20, seed=5), clock)
    spots = [row[0] for row in all_of(engine, ImageQuality.spots)]
    assert len(spots) == 40
    assert spots[:20] == spots[20:]


def test_frames_are_there_at_the_place_that_the_rows_name(engine: Engine, clock: Clock, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    run = run_at(engine, clock, images=4, directory=folder, stored="/stored/visit")
    run.step()
    ((directory, template, snapshot),) = all_of(
        engine, Collection.directory, Collection.template, Collection.snapshot_1
    )
    files = Files((folder,), (("/stored/visit", str(folder)),), make_missing)
    assert files.find(snapshot).state is State.PRESENT
    found = files.find(frame_file(directory, template, 1))
    assert found.path is not None
    with open_frames(found.path, files.permits, files.supply) as frames:
        assert frames.read(0).shape == (2162, 2068)


def test_without_a_folder_no_file_is_written(engine: Engine, clock: Clock, tmp_path: Path) -> None:
    to_the_end(run_at(engine, clock, images=2), clock)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".sqlite"] == []
    assert all_of(engine, Collection.snapshot_1) == [(None,)]


@pytest.mark.parametrize("options", [{"images": 0}, {"rate": 0.0}, {"rate": -1.0}, {"rate": float("nan")}])
def test_impossible_runs_are_refused(engine: Engine, clock: Clock, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="positive"):
        run_at(engine, clock, **options)


def test_the_visit_that_runs_now_is_taken(engine: Engine) -> None:
    assert find_visit(engine, None, NOON).name == "mx415-2"
    assert find_visit(engine, None, NOON - timedelta(days=29)).name == "mx415-1"


@pytest.mark.parametrize("name", ["mx415-9", "mx416-1", "nonsense", "mx-1", "415-1", "mx415-", "-", "mx415-1' OR 1=1"])
def test_a_visit_that_is_not_there_is_named(engine: Engine, name: str) -> None:
    with pytest.raises(NoVisit, match=name.replace("(", r"\(")):
        find_visit(engine, name, NOON)


def fill_real(engine: Engine) -> None:
    """The same two visits in a site's full schema."""
    site = Site(engine)
    person_id = site.insert(Person, family_name="Ono", login="user")
    proposal_id = site.insert(Proposal, person_id=person_id, code="mx", number="415", title="Simulated")
    site.insert(Visit, proposal_id=proposal_id, number=2, beamline="BX3", start=NOON - timedelta(days=1),
                end=NOON + timedelta(days=1))  # fmt: skip


def simulated_at_a_site(url: URL, clock: Clock) -> Engine:
    engine = writable(url)
    fill_real(engine)
    to_the_end(run_at(engine, clock, images=30), clock)
    return engine


def test_a_run_fits_diamond_s_schema(diamond_scratch_url: URL, clock: Clock) -> None:
    engine = simulated_at_a_site(diamond_scratch_url, clock)
    assert all_of(engine, Collection.status, Collection.images) == [("DataCollection Successful", 30)]
    assert count(engine, ImageQuality) == 30
    assert sorted(str(row[0]) for row in all_of(engine, Program.status)) == ["0", "1", "1", "1"]
    assert count(engine, Integration) == 3
    engine.dispose()


def test_a_run_fits_esrf_s_schema(esrf_scratch_url: URL, clock: Clock) -> None:
    engine = simulated_at_a_site(esrf_scratch_url, clock)
    assert count(engine, ImageQuality) == 30
    ended = {row[0]: row[1] for row in all_of(engine, Program.name, Program.status)}
    assert ended["xia2 3dii"] == "FAILED"
    assert ended["xia2 dials"] == ended["fast_dp"] == ended["dozor"] == "SUCCESS"
    assert {row[0] for row in all_of(engine, Program.collection_hint)} == {
        row[0] for row in all_of(engine, Collection.collection_id)
    }
    engine.dispose()


@pytest.fixture
def arguments() -> Callable[..., argparse.Namespace]:
    def made(**given: Any) -> argparse.Namespace:
        usual = {"visit": "mx415-2", "dir": None, "images": 2, "rate": 100.0, "count": 1, "seed": 0}
        return argparse.Namespace(**{**usual, **given})

    return made


@pytest.fixture
def settings(url: str) -> Settings:
    return load(None, {"ISPYB_LENS_DATABASE_URL": url, "XDG_DATA_HOME": "/nonexistent"})


def test_the_command_takes_as_many_collections_as_it_is_told(
    engine: Engine, settings: Settings, arguments: Callable[..., argparse.Namespace],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    taken: list[int] = []
    monkeypatch.setattr(MxRun, "run", lambda self, say, sleep: taken.append(self.seed))
    assert simulate.run(arguments(count=3, seed=7), settings) == 0
    assert taken == [7, 8, 9]
    assert "mx415-2 at BX3" in capsys.readouterr().out


def test_the_command_names_a_visit_that_is_not_there(
    engine: Engine, settings: Settings, arguments: Callable[..., argparse.Namespace],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert simulate.run(arguments(visit="mx9-9"), settings) == 1
    assert "mx9-9" in capsys.readouterr().err


def test_the_command_says_when_the_database_has_no_tables(
    url: str, settings: Settings, arguments: Callable[..., argparse.Namespace], capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate.run(arguments(), settings) == 1
    assert capsys.readouterr().err.startswith("ispyb-lens: ")


def test_the_command_without_a_database_or_demo_says_what_to_do(
    arguments: Callable[..., argparse.Namespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert simulate.run(arguments(), load(None, {"XDG_DATA_HOME": str(tmp_path)})) == 1
    assert "ispyb-lens demo" in capsys.readouterr().err
