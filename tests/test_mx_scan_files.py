"""Pictures and reports of scans: the route that sends them, and the energies that a site states for a detector."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ispyb import fill, writer
from PIL import Image
from servers.darkroom import Person, Site
from servers.gated import dashboard
from sqlalchemy import make_url

from app.access import Access
from app.routes import files as routes
from app.routes.streams import Streamed
from app.services import services
from app.settings import Database, FileSettings, Settings, SettingsError, load
from app.settings import Store as StoreSettings
from data import schema as s
from data.core.contents import Kind
from data.errors import NotFound
from data.images.files import Files
from data.scope import Rights
from data.techniques.mx import scans
from data.techniques.mx.scans import shown, spectrum_file
from data.techniques.mx.spectra import Calibration, Spectrum, calibrated

PAGE = b"<!DOCTYPE html><html><script>window.executed = 1</script><p>Fe K 6.404</p></html>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("scans")
    files = folder / "files"
    files.mkdir()
    Image.new("RGB", (40, 30)).save(files / "chooch.jpg")
    (files / "pymca.html").write_bytes(PAGE)
    (files / "empty.jpg").touch()
    (folder / "secret.jpg").write_bytes((files / "chooch.jpg").read_bytes())
    url = f"sqlite:///{folder / 'ispyb.db'}"
    rows = writer(url)
    fill(rows)
    for key, visit, name in ((71, 11, "chooch.jpg"), (72, 11, "empty.jpg"), (73, 11, "gone.jpg"), (74, 11, None),
                             (75, 11, "../secret.jpg")):  # fmt: skip
        rows.add(s.EnergyScan, scan_id=key, visit_id=visit, picture=name and f"{files}/{name}")
    rows.add(s.Fluorescence, spectrum_id=71, visit_id=11, report=str(files / "pymca.html"))
    settings = Settings(
        database=Database(url=make_url(url)),
        store=StoreSettings(url=make_url(f"sqlite:///{folder / 'unused.sqlite'}")),
        files=FileSettings(roots=(str(files),)),
    )
    shared = services(settings)
    shared.access = Access(shared.source, Rights(), frozenset({"people"}))
    try:
        with dashboard(folder, extra=routes.patterns(shared)) as running:
            yield Site(running, shared, files)
    finally:
        shared.close()
        shared.store.close()


def test_a_picture_and_a_page_of_a_scan_are_sent_and_the_page_may_do_nothing(site: Site) -> None:
    alice = site.person("alice")
    sent = alice.get("/scan/energyscan/71/picture")
    assert (sent.status, sent.headers["Content-Type"], sent.data[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    sent = alice.get("/scan/xrf/71/report")
    assert (sent.status, sent.data) == (200, PAGE)
    assert sent.headers["Content-Security-Policy"].startswith("sandbox;")


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/scan/energyscan/72/picture", 503, "is empty"),
        ("/scan/energyscan/73/picture", 503, "not on disk any more"),
        ("/scan/energyscan/74/picture", 503, "holds no file path"),
        ("/scan/energyscan/75/picture", 503, "is not usable"),
        ("/scan/energyscan/71/report", 404, "does not exist"),
        ("/scan/energyscan/71/comments", 404, ""),
    ],
)
def test_what_is_not_to_be_shown_is_said(site: Site, address: str, status: int, words: str) -> None:
    sent = site.person("alice").get(address)
    assert sent.status == status
    assert words in sent.data.decode()


def test_another_persons_scan_reads_as_none(site: Site) -> None:
    carol = site.person("carol")
    for kind, which in (("energyscan", "picture"), ("xrf", "report")):
        absent = carol.get(f"/scan/{kind}/424242/{which}")
        sent = carol.get(f"/scan/{kind}/71/{which}")
        assert (sent.status, sent.data) == (404, absent.data)
    assert Person(site.running.browser()).get("/scan/xrf/71/report").status == 401


def test_a_page_tells_of_each_file_that_the_row_names(site: Site) -> None:
    row = {"picture": str(site.folder / "gone.jpg"), "report": str(site.folder / "pymca.html")}
    found = shown(Files((site.folder,)), row, "xrf")
    assert {key: one.kind for key, one in found.items()} == {"picture": Kind.NONE, "report": Kind.PAGE}
    assert shown(Files((site.folder,)), {"picture": None}, "energyscan") == {}


def test_a_site_says_what_a_channel_is_where_the_file_does_not(tmp_path: Path) -> None:
    (tmp_path / "plain.dat").write_text("\n".join(map(str, range(2000))))
    row = {"raw_file": str(tmp_path / "plain.dat"), "name": None, "fitted_file": None}
    bare = spectrum_file(Files((tmp_path,)), row)
    assert bare.found is not None
    assert bare.found.energy is None
    told = spectrum_file(Files((tmp_path,)), row, Calibration.of(("-50", "10")))
    assert told.found is not None
    assert told.found.energy is not None
    assert told.found.energy[:2] == pytest.approx([-0.05, -0.04])
    assert "as the site states them" in told.found.words
    own = Spectrum(np.ones(5), np.arange(5.0), "Calibrated by the file.")
    assert calibrated(own, Calibration(0, 10)) is own
    # One that falls again is none.
    assert calibrated(bare.found, Calibration(0, 10, -1)) is bare.found


def test_the_setting_takes_numbers_that_rise(tmp_path: Path) -> None:
    path = tmp_path / "lens.toml"
    path.write_text('[results]\nmca = {i03 = ["0", "10"], i04 = ["-12", "9.98", "0.001"]}\n')
    assert load(path, {}).results.mca["i04"] == ("-12", "9.98", "0.001")
    for bad in ('["0"]', '["0", "-1"]', '["a", "b"]', '["0", "nan"]', '["0", "1", "2", "3"]'):
        path.write_text(f"[results]\nmca = {{i03 = {bad}}}\n")
        with pytest.raises(SettingsError, match=r"results\.mca"):
            load(path, {})


def test_a_report_that_is_taken_slowly_comes_whole(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right is asked for again while it is sent, and is there."""
    monkeypatch.setattr(Streamed, "seconds", 0.0)
    assert site.person("alice").get("/scan/xrf/71/report").data == PAGE


def test_sending_a_report_ends_when_the_visit_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Streamed, "seconds", 0.0)
    ask, asked = scans.spectrum_of, []

    def left(*given: Any) -> Any:
        asked.append(1)
        if len(asked) > 1:
            raise NotFound("This spectrum")
        return ask(*given)

    monkeypatch.setattr(scans, "spectrum_of", left)
    assert site.person("alice").get("/scan/xrf/71/report").status == 404
