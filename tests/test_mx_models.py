"""The models that came after a collection: which there are, their maps and peaks, and the routes that send them."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ispyb import fill, writer
from servers.darkroom import Person, Site
from servers.gated import dashboard
from sqlalchemy import make_url

from app import viewer_files
from app.access import Access
from app.routes import viewer
from app.services import services
from app.settings import Database, FileSettings, Settings
from app.settings import Store as StoreSettings
from app.viewer_files import VIEWER, ViewerFiles, packaged
from data import schema as s
from data.core import attachments
from data.demo import molecule
from data.reader import Reader
from data.scope import Rights, scope_of
from data.techniques.mx import models
from data.techniques.mx.downstream import Downstream, downstream
from data.techniques.mx.models import candidates, fractional

pytest.importorskip("gemmi", reason="gemmi is not installed (extra mx)")

WHAT = {"cell": (42.0, 51.0, 61.0, 90.0, 104.0, 90.0), "space_group": "C 1 2 1", "seed": 7, "high": 2.5, "metal": False}


def file(key: str, name: str, kind: str | None = None, program_id: int | None = None) -> dict[str, Any]:
    return {"key": key, "name": name, "kind": kind, "program_id": program_id, "program": "big_ep"}


def run(number: int, free: float | None, files: list[dict[str, Any]], program_id: int | None = None) -> dict[str, Any]:
    return {"id": number, "program": "dimple", "pipeline": "DIALS", "program_id": program_id, "r_free_end": free,
            "space_group": "P 1", "files": files, "blobs": []}  # fmt: skip


def test_the_best_refined_model_stands_first_and_none_twice() -> None:
    mine = [file("model.1", "a.pdb", "Model"), file("reflections.1", "a.mtz", "Reflections"), file("mrlog.1", "log")]
    step = {"statistics": {}, "space_group": "P 1", "kind": "PHASING", "method": "SAD", "pipeline": "DIALS",
            "run": {"name": "SHELXE"},
            "files": [file("phasing.4", "s.pdb", "PDB"), file("phasing.5", "2fofc", "Map")]}  # fmt: skip
    left = [file("run.7", "final.pdb", "Result", 70), file("run.8", "final.mtz", "Result", 70),
            file("run.9", "scaled.mtz", "Result", 71), file("run.3", "other.pdb", "Result", 72)]  # fmt: skip
    found = candidates(Downstream([step], [run(1, 0.3, mine), run(2, 0.25, [], 70), run(3, None, [])]), left)
    assert [one.key for one in found] == ["run.7", "model.1", "phasing.4", "run.3"]
    assert [[m["key"] for m in one.maps] for one in found] == [["run.8"], ["reflections.1"], ["phasing.5"], []]
    assert found[0].label == "dimple · DIALS"
    assert found[2].label == "SHELXE · SAD · DIALS"


def test_places_beyond_one_are_no_fractions() -> None:
    blob = {"x": 0.2, "y": -1.0, "z": None}
    assert fractional([blob, {"x": 1.0, "y": 0, "z": 0}])
    assert not fractional([blob, {"x": 0.1, "y": 3.5, "z": 0}])


# ---- the routes ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("models")
    files = folder / "files"
    files.mkdir()
    (files / "m.pdb").write_text(molecule.pdb_of(WHAT))
    molecule.write_mtz(WHAT, files / "m.mtz")
    (files / "empty.pdb").touch()
    (files / "cut.mtz").write_bytes((files / "m.mtz").read_bytes()[:3000])
    (files / "large.mtz").touch()
    os.truncate(files / "large.mtz", 200_000_000)
    url = f"sqlite:///{folder / 'ispyb.db'}"
    rows = writer(url)
    fill(rows)
    about = {"directory": str(files), "r_free_end": 0.2}
    for key, scaling, model, maps in (
        (21, 3, "m.pdb", "m.mtz"), (22, 3, "m.pdb", "cut.mtz"), (23, 3, "empty.pdb", "m.mtz"),
        (24, 3, "m.pdb", "large.mtz"), (25, 3, "gone.pdb", "gone.mtz"), (26, 6, "m.pdb", "m.mtz"),
    ):  # fmt: skip
        rows.add(s.MRRun, mr_id=key, scaling_id=scaling, model=model, reflections=maps, **about)
    rows.add(s.Blob, blob_id=21, mr_id=21, x=0.3, y=0.3, z=0.3, height=6.0, map_kind="anomalous")
    settings = Settings(
        database=Database(url=make_url(url)),
        store=StoreSettings(url=make_url(f"sqlite:///{folder / 'unused.sqlite'}")),
        files=FileSettings(roots=(str(files),)),
    )
    shared = services(settings)
    shared.access = Access(shared.source, Rights(), frozenset({"people"}))
    try:
        with dashboard(folder, extra=viewer.patterns(shared)) as running:
            yield Site(running, shared, files)
    finally:
        shared.close()
        shared.store.close()


@pytest.fixture(scope="module")
def alice(site: Site) -> Person:
    return site.person("alice")


MAP = "/model/1001/model.21/map/reflections.21/"


def test_a_model_and_its_maps_are_sent(alice: Person) -> None:
    sent = alice.get("/model/1001/model.21", Accept_Encoding="gzip")
    assert sent.status == 200
    assert sent.headers["Content-Type"].startswith("text/plain")
    assert gzip.decompress(sent.data) == molecule.pdb_of(WHAT).encode()
    for kind in ("2fofc", "fofc", "anom"):
        sent = alice.get(MAP + kind)
        assert (sent.status, sent.data[208:212]) == (200, b"MAP ")
        assert alice.get(MAP + kind, If_None_Match=sent.headers["ETag"]).status == 304


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/model/1001/model.23", "is empty"),
        ("/model/1001/model.25", "not on disk any more"),
        ("/model/1001/model.22/map/reflections.22/2fofc", "damaged"),
        ("/model/1001/model.24/map/reflections.24/2fofc", "has 200 MB"),
    ],
)
def test_a_file_that_cannot_be_drawn_is_an_answer_in_words(alice: Person, address: str, words: str) -> None:
    sent = alice.get(address)
    assert sent.status == 404
    assert words in sent.json["text"]
    assert "files/" not in sent.json["text"]


@pytest.mark.parametrize("end", ["", "/map/reflections.26/2fofc"])
def test_what_is_another_collections_or_another_persons_reads_as_what_is_not_there(site: Site, end: str) -> None:
    alice, carol = site.person("alice"), site.person("carol")
    for person, address, like in (
        (alice, f"/model/1001/model.26{end}", f"/model/1001/model.999{end}"),
        (alice, "/model/1001/model.21/map/reflections.26/2fofc", f"/model/1001/model.999{end}"),
        (alice, f"/model/4001/model.26{end}", f"/model/424242/model.26{end}"),
        (carol, f"/model/1001/model.21{end}", f"/model/424242/model.21{end}"),
    ):
        sent, absent = person.get(address), alice.get(like)
        assert (sent.status, sent.data) == (404, absent.data), address
    assert Person(site.running.browser()).get("/model/1001/model.21").status == 401


def test_the_page_that_draws_may_neither_evaluate_text_nor_ask_others(alice: Person, site: Site) -> None:
    sent = alice.get("/molecule/scene")
    policy = dict(part.strip().partition(" ")[::2] for part in sent.headers["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'self'")
    assert b"<script>" not in sent.data
    assert sent.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert alice.get("/molecule/scene.js").headers["Content-Type"].startswith("text/javascript")
    assert alice.get("/molecule/nothing.js").status == 404
    assert Person(site.running.browser()).get("/molecule/molstar.js").status == 401


# ---- the viewer's files ----------------------------------------------------------------------------------------


def test_the_viewer_is_the_one_that_was_checked_less_what_compiles_text() -> None:
    folder = packaged()
    if folder is None:
        pytest.skip("the viewer is not installed (extra model)")
    made = ViewerFiles()
    for name in VIEWER.files:
        assert made.packed(name) is not None
    script = gzip.decompress(made.packed("molstar.js") or b"")
    assert (folder / "molstar.js").read_bytes().count(viewer_files._ENCODER) == 1
    assert viewer_files._ENCODER not in script
    assert script.count(viewer_files._NO_ENCODER) == 1


def test_another_viewer_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "molstar.js").write_text("alert(1)")
    assert ViewerFiles(str(tmp_path)).packed("molstar.js") is None
    assert ViewerFiles(str(tmp_path)).packed("light.css") is None
    assert ViewerFiles(str(tmp_path)).packed("../secret") is None
    monkeypatch.setattr(viewer_files, "packaged", lambda: None)
    assert ViewerFiles().packed("molstar.js") is None


# ---- what a page shows ----------------------------------------------------------------------------------------


def test_a_scene_has_maps_peaks_and_words(site: Site) -> None:
    reader = Reader(site.services.source, scope_of(site.services.source, "alice", Rights()))
    found = candidates(downstream(reader, 1001), attachments.of_runs(reader, 1001))
    named = {one.key: one for one in found}

    def scene(key: str) -> models.Scene:
        return models.scene(reader, site.services.files, 1001, named[key])

    whole = scene("model.21")
    assert (whole.form, whole.atoms) == ("pdb", 139)
    assert [drawn["kind"] for drawn in whole.maps] == ["2fofc", "fofc", "anom"]
    # ISPyB has an anomalous peak, so only the difference map is searched.
    assert {(peak["kind"], peak["from"]) for peak in whole.peaks} == {("anom", "ISPyB"), ("fofc", "m.mtz")}
    cut = scene("model.22")
    assert cut.drawn
    assert cut.maps == ()
    assert "MTZ" in cut.words[0]
    assert scene("model.24").words == ("“large.mtz” has 200 MB; up to 150 MB are drawn.",)
    gone = scene("model.25")
    assert not gone.drawn
    assert gone.words == ("The file “gone.pdb” is not on disk any more.",)
