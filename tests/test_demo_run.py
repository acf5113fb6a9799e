"""The run that goes on while the demo is shown."""

import time
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.demo import Progress
from app.demo_run import DemoRun, current_visit
from data.demo import facility
from data.demo.site import writable
from data.reader import Reader
from data.schema import Collection, Group, ImageQuality
from data.scope import Scope
from data.source import Source
from data.techniques.ssx import queries

NOW = datetime.now()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> facility.Facility:
    """The facility of today; its pictures are drawn when they are asked for, so none beforehand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facility, "first_files", lambda plan: [])
        return facility.write(tmp_path_factory.mktemp("demo") / "demo", lambda share, words: None)


def test_a_run_is_live_while_the_demo_is_shown_and_none_is_left_running(made: facility.Facility) -> None:
    engine = writable(made.url)
    target = current_visit(engine, NOW)
    assert target is not None
    assert target.beamline == "SX1"
    run = DemoRun(made, hertz=200.0)
    began = time.process_time()
    run.start()
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with Session(engine) as session:
            rows = session.execute(select(ImageQuality.image).where(ImageQuality.collection_id == run.collection_id))
            if len(rows.all()) > 100:
                break
        time.sleep(0.3)
    number = run.collection_id
    source = Source(made.url)
    reader = Reader(source, Scope(everything=True))
    (live,) = queries.going(reader, [target.visit_id], datetime.now())
    assert live["id"] == number
    assert number is not None
    run.stop()
    assert time.process_time() - began < 10
    assert queries.going(reader, [target.visit_id], datetime.now()) == []
    with Session(engine) as session:
        status, comments = session.execute(
            select(Collection.status, Group.comments)
            .join(Group, Group.group_id == Collection.group_id)
            .where(Collection.collection_id == number)
        ).one()
    assert status == "DataCollection Cancelled"
    assert comments == "Simulated serial run"
    (stream,) = Path(made.roots[0]).rglob("serial_*.stream")
    assert stream.stat().st_size > 1000
    source.close()
    engine.dispose()


def test_progress_is_a_bar_on_a_screen_and_a_few_lines_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    for bar in (True, False):
        progress = Progress(bar)
        for percent in range(0, 101):
            progress(percent / 100, "Writing" if percent < 55 else "Drawing")
        said = capsys.readouterr().out
        assert said.count("\r") == (101 if bar else 0)
        assert said.count("\n") == (0 if bar else 12)
