"""Files that pipelines left: what they are, windows on long texts, zips, and the routes that send them."""

import io
import os
import socket
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ispyb import RIGHTS, fill, writer
from PIL import Image
from servers.darkroom import Person, Site
from servers.gated import dashboard
from sqlalchemy import make_url

from app.access import Access
from app.routes import files as routes
from app.routes.streams import Streamed
from app.services import services
from app.settings import Database, FileSettings, Settings
from app.settings import Store as StoreSettings
from data import schema as s
from data.core import archive
from data.core import collection as collections
from data.core.archive import TooLarge, plain_name, zipped
from data.core.contents import Kind, content
from data.core.lines import lines_of
from data.errors import NotFound
from data.images.files import Files

PAGE = b"<!DOCTYPE html><html><script>window.executed = 1</script><p>report</p></html>"
BOMB = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>'


# ---- windows on long texts -----------------------------------------------------------------------------------------


def written(folder: Path, data: bytes) -> Path:
    path = folder / "x.log"
    path.write_bytes(data)
    return path


def test_lines_are_those_that_python_splits(tmp_path: Path) -> None:
    # Longer than two blocks, with lines across their edges and one that is longer than a block.
    text = [f"line {n} " + "x" * (n % 97) for n in range(60_000)]
    text[30_000] = "y" * 1_200_000
    lines = lines_of(written(tmp_path, "\n".join(text).encode()))
    assert lines.total() == 60_000
    for first in (1, 2, 17_000, 29_990, 30_000, 59_900, 60_000, 10**9, 0):
        window = lines.window(first, 50)
        expected = text[window.first - 1 : window.first + 49]
        assert [line[:90] for line in window.lines] == [line[:90] for line in expected], first
        assert window.total == 60_000
    assert lines.window(60_000, 1).lines == (text[-1],)
    assert lines.window(30_001, 1).lines[0].endswith("(1,200,001 bytes)")


@pytest.mark.parametrize(
    ("data", "lines"),
    [(b"", ()), (b"\n", ("",)), (b"a", ("a",)), (b"a\n", ("a",)), (b"a\r\n\r\nb", ("a", "", "b")), (b"\xff\n", ("�",))],
)
def test_the_ends_of_small_files(tmp_path: Path, data: bytes, lines: tuple[str, ...]) -> None:
    assert lines_of(written(tmp_path, data)).window(1, 10).lines == lines


def test_a_text_is_found_in_every_line_that_holds_it(tmp_path: Path) -> None:
    text = [f"line {n}" + (" Übel WARNING warning" if n % 7001 == 0 else "") for n in range(200_000)]
    text[99_999] = "z" * 3_000_000 + "warning"
    lines = lines_of(written(tmp_path, "\n".join(text).encode()))
    for wanted in ("warning", "WARNING", "Übel", "line 199999", "nowhere"):
        expected = [n for n, line in enumerate(text, 1) if wanted.lower() in line.lower()]
        found = lines.find(wanted)
        assert found.lines.tolist() == expected, wanted
        assert found.whole
    assert lines.find("").lines.tolist() == []
    assert not lines.find("line", lambda: True).whole


def test_a_text_of_200_mb_is_shown_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    block = b"".join(b"%9d an ordinary line of a log\n" % n for n in range(28_000))
    with path.open("wb") as file:
        for _ in range(200):
            file.write(block)
        file.write(b"the end")
    assert path.stat().st_size > 200_000_000
    import tracemalloc

    tracemalloc.start()
    try:
        lines = lines_of(path)
        tail = lines.window(10**12, 20)
        assert tail.lines[-1] == "the end"
        assert tail.total == 28_000 * 200 + 1
        assert lines.find("THE END").lines.tolist() == [tail.total]
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    began = time.perf_counter()
    lines.window(2_000_000, 300)
    assert time.perf_counter() - began < 1.0


def test_a_file_that_becomes_shorter_is_an_error_and_no_crash(tmp_path: Path) -> None:
    path = written(tmp_path, b"line\n" * 1_000_000)
    lines = lines_of(path)
    os.truncate(path, 1000)
    with pytest.raises(OSError, match="shorter"):
        lines.total()


# ---- what a file is ------------------------------------------------------------------------------------------------


def prepared(folder: Path) -> Files:
    """Files of every kind, good and bad."""
    inside = folder / "files"
    inside.mkdir()
    (inside / "a.log").write_bytes(b"one\ntwo WARNING\n" * 300)
    (inside / "empty.log").write_bytes(b"")
    (inside / "binary.log").write_bytes(bytes(range(256)) * 40)
    (inside / "report.html").write_bytes(PAGE)
    (inside / "bomb.xml").write_bytes(BOMB)
    (inside / "shape.json").write_bytes(b'[{"no": "graph"}]')
    Image.new("RGB", (30, 20)).save(inside / "plot.png")
    (inside / "cut.png").write_bytes((inside / "plot.png").read_bytes()[:20])
    (inside / "folder.log").mkdir()
    (folder / "secret.log").write_text("secret")
    (inside / "link.log").symlink_to(folder / "secret.log")
    return Files((inside,))


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("a.log", Kind.TEXT, ""),
        ("report.html", Kind.PAGE, ""),
        ("bomb.xml", Kind.TEXT, ""),
        ("shape.json", Kind.TEXT, ""),
        ("plot.png", Kind.PICTURE, ""),
        ("empty.log", Kind.OTHER, "is empty"),
        ("binary.log", Kind.OTHER, "is not text"),
        ("cut.png", Kind.OTHER, "is a damaged picture"),
        ("gone.log", Kind.NONE, "is not on disk any more"),
        ("folder.log", Kind.NONE, "is not a file"),
        ("link.log", Kind.NONE, "is not in a folder that this server may read"),
        ("../secret.log", Kind.NONE, "is not usable"),
    ],
)
def test_each_file_is_shown_as_what_it_is_or_says_why_not(tmp_path: Path, name: str, kind: Kind, words: str) -> None:
    files = prepared(tmp_path)
    found = content(files, f"{tmp_path / 'files'}/{name}")
    assert found.kind is kind
    assert words in found.words
    assert bool(found.words) == bool(words)
    assert str(tmp_path) not in found.words


# ---- zips ----------------------------------------------------------------------------------------------------------


def row(folder: Path, name: str, as_: str | None = None) -> dict[str, Any]:
    return {"name": as_ or name, "path": f"{folder / 'files'}/{name}"}


def test_a_zip_holds_the_files_and_tells_of_those_that_it_lacks(tmp_path: Path) -> None:
    files = prepared(tmp_path)
    names = ("a.log", "plot.png", "empty.log", "gone.log", "link.log")
    data = b"".join(zipped(files, [*(row(tmp_path, name) for name in names), row(tmp_path, "a.log", "A.LOG")], "7-3"))
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert found.testzip() is None
        assert found.namelist() == ["7-3/a.log", "7-3/plot.png", "7-3/empty.log", "7-3/A-2.LOG", "7-3/NOT INCLUDED.txt"]
        assert found.read("7-3/a.log") == (tmp_path / "files" / "a.log").read_bytes()
        assert found.getinfo("7-3/a.log").compress_type == zipfile.ZIP_DEFLATED
        assert found.getinfo("7-3/plot.png").compress_type == zipfile.ZIP_STORED
        lacking = found.read("7-3/NOT INCLUDED.txt").decode().splitlines()
    assert lacking == [
        "“gone.log” is not on disk any more.".replace("“gone.log”", "The file “gone.log”"),
        "“link.log” is not in a folder that this server may read.",
    ]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b.log", "..", "\\\\host\\x.log", "a\x00b.log", "", "x" * 500])
def test_no_name_in_a_zip_leaves_its_folder(name: str) -> None:
    made = plain_name(name)
    assert "/" not in made
    assert "\\" not in made
    assert made not in {"", ".", ".."}
    assert made.isprintable()
    assert len(made) <= 150


def test_more_than_is_packed_is_refused_in_words_before_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = prepared(tmp_path)
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    with pytest.raises(TooLarge, match="download them one by one"):
        zipped(files, [row(tmp_path, "a.log")], "x")


# ---- the routes ----------------------------------------------------------------------------------------------------

NAMES = ("a.log", "report.html", "plot.png", "binary.log", "gone.log", "link.log", "empty.log", 'evil"\r\n.log')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The tiny ISPyB behind the routes; run 3 of 1001 left the files of NAMES, numbered from 21."""
    folder = tmp_path_factory.mktemp("files")
    files = prepared(folder)
    with (folder / "files" / "big.log").open("wb") as big:
        big.truncate(40_000_000)
    url = f"sqlite:///{folder / 'ispyb.db'}"
    write = writer(url)
    fill(write)
    with write.engine.begin() as connection:
        rows = replace(write, open=connection)
        for key, name in enumerate((*NAMES, "big.log"), 21):
            rows.add(s.ProgramAttachment, id=key, program_id=3, kind="Log", name=name, directory=str(folder / "files"))
        rows.add(s.ProgramAttachment, id=40, program_id=3, name="a.log", directory=str(folder / "files"), deleted=1)
        rows.add(s.CollectionAttachment, id=9, collection_id=1001, path=str(folder / "files" / "a.log"))
        rows.add(s.ProgramAttachment, id=50, program_id=6, kind="Log", name="a.log", directory=str(folder / "files"))
    settings = Settings(
        database=Database(url=make_url(url)),
        store=StoreSettings(url=make_url(f"sqlite:///{folder / 'unused.sqlite'}")),
        files=FileSettings(roots=(str(folder / "files"),)),
    )
    shared = services(settings, files)
    shared.access = Access(shared.source, RIGHTS, frozenset({"people"}))
    try:
        with dashboard(folder, extra=list(routes.patterns(shared))) as running:
            yield Site(running, shared, folder / "files")
    finally:
        shared.close()
        shared.store.close()


@pytest.fixture(scope="module")
def alice(site: Site) -> Person:
    return site.person("alice")


def test_a_file_is_saved_whole_under_its_name(site: Site, alice: Person) -> None:
    for address in ("/attachment/1001/run.21", "/attachment/1001/own.9"):
        sent = alice.get(address)
        assert sent.status == 200
        assert sent.data == (site.folder / "a.log").read_bytes()
        assert sent.headers["Content-Disposition"] == "attachment; filename=\"a.log\"; filename*=UTF-8''a.log"
        assert sent.headers["Content-Type"] == "application/octet-stream"
        assert sent.headers["Cache-Control"] == "private, no-store"
    assert alice.get("/attachment/1001/run.27").data == b""


def test_no_name_breaks_a_header(alice: Person) -> None:
    sent = alice.get("/attachment/1001/run.28")
    assert sent.status == 503
    assert "Not" in sent.data.decode()
    assert routes.attached('evil"\r\nX: 1.log') == (
        "attachment; filename=\"evil___X_ 1.log\"; filename*=UTF-8''evil%22%0D%0AX%3A%201.log"
    )


def test_a_page_comes_with_a_policy_that_lets_it_do_nothing(alice: Person) -> None:
    sent = alice.get("/attachment/1001/run.22/view")
    assert sent.status == 200
    assert sent.data == PAGE
    policy = dict(part.strip().partition(" ")[::2] for part in sent.headers["Content-Security-Policy"].split(";"))
    assert policy["sandbox"] == ""
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert policy["frame-ancestors"] == "'self'"
    assert sent.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_picture_is_one_and_nothing_else_is_shown_in_a_page(alice: Person) -> None:
    sent = alice.get("/attachment/1001/run.23/view")
    assert (sent.status, sent.headers["Content-Type"], sent.data[:4]) == (200, "image/png", b"\x89PNG")
    for key, words in (("run.21", "not a page"), ("run.24", "is not text"), ("run.25", "not on disk"),
                       ("run.26", "not in a folder")):  # fmt: skip
        refused = alice.get(f"/attachment/1001/{key}/view")
        assert refused.status == 503
        assert words in refused.data.decode()
        assert refused.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("key", ["run.50", "own.2", "run.40", "run.999", "own.999", "run.2"])
def test_a_file_of_another_collection_a_deleted_one_and_none_answer_alike(alice: Person, key: str) -> None:
    absent = alice.get("/attachment/1001/run.123456")
    for end in ("", "/view"):
        sent = alice.get(f"/attachment/1001/{key}{end}")
        assert (sent.status, sent.data) == (404, absent.data)


@pytest.mark.parametrize(
    "address", ["/attachment/1001/run.21", "/attachment/1001/run.22/view", "/attachments/1001/3.zip"]
)
def test_who_may_not_see_the_collection_gets_what_is_said_of_none(site: Site, address: str) -> None:
    carol = site.person("carol")
    assert carol.get(address).status == 404
    assert carol.get(address).data == carol.get(address.replace("1001", "424242")).data
    assert Person(site.running.browser()).get(address).status == 401


def test_all_files_of_a_run_come_as_a_zip(alice: Person) -> None:
    sent = alice.get("/attachments/1001/3.zip")
    assert sent.status == 200
    with zipfile.ZipFile(io.BytesIO(sent.data)) as found:
        assert found.testzip() is None
        assert {"1001-3/a.log", "1001-3/report.html", "1001-3/big.log"} <= set(found.namelist())
        assert "gone.log" in found.read("1001-3/NOT INCLUDED.txt").decode()
    assert alice.get("/attachments/1001/6.zip").status == 404
    assert alice.get("/attachments/1001/1.zip").status == 404


def test_sending_ends_when_the_browser_goes_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    ended: list[bool] = []

    def pieces(*_: Any) -> Iterator[bytes]:
        try:
            for n in range(10_000):
                taken.append(n)
                yield b"x" * 262_144
        finally:
            ended.append(True)

    monkeypatch.setattr(routes, "_bytes_of", pieces)
    person = site.person("alice")
    with socket.create_connection(("localhost", person.browser.port)) as wire:
        cookie = "; ".join(f"{k}={v}" for k, v in person.browser.cookies.items())
        wire.sendall(f"GET /attachment/1001/run.29 HTTP/1.1\r\nHost: localhost:{person.browser.port}\r\n"
                     f"Cookie: {cookie}\r\n\r\n".encode())  # fmt: skip
        assert wire.recv(100).startswith(b"HTTP/1.1 200")
    for _ in range(100):
        if ended:
            break
        time.sleep(0.05)
    assert ended
    assert len(taken) < 5000


def test_sending_ends_when_the_right_is_gone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    person = site.person("bob")
    scope = site.services.access.scope
    asked: list[int] = []

    def changing(identity: Any) -> Any:
        asked.append(1)
        found = scope(identity)
        return found if len(asked) < 6 else replace(found, beamlines=frozenset({"I99"}))

    monkeypatch.setattr(site.services.access, "scope", changing)
    with pytest.raises(Exception, match=r"IncompleteRead|closed"):
        person.get("/attachment/1001/run.29")


@pytest.mark.parametrize("address", ["/attachment/1001/run.29", "/attachments/1001/3.zip"])
def test_sending_ends_when_the_proposal_is_left(site: Site, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    # The Scope stays what it was: it names the person, not the proposals.
    person = site.person("bob")
    monkeypatch.setattr(Streamed, "seconds", 0.0)
    ask, asked = collections.visit_of, []

    def left(*given: Any) -> int:
        asked.append(1)
        if len(asked) > 3:
            raise NotFound("This collection")
        return ask(*given)

    monkeypatch.setattr(collections, "visit_of", left)
    with pytest.raises(Exception, match=r"IncompleteRead|closed"):
        person.get(address)
