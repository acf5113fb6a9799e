"""The comment of a collection on its page: what is drawn while it is written, and what becomes of it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ispyb import Facility, facility

from data.core import collection as collections
from data.core.comments import Comment, Pen
from views.core.remarks import Remarks, said
from views.desk import Desk
from views.office import NoOffice


class Office(NoOffice):
    """Writes as one person."""

    def __init__(self, tiny: Facility, pen: Pen, login: str) -> None:
        self._tiny, self._pen, self._login = tiny, pen, login

    def may_comment(self) -> bool:
        return self._pen.may(self._tiny.scope(self._login))

    def remembers(self) -> bool:
        return self._pen.remembers()

    def comment(self, collection_id: int, before: str | None, comment: Comment) -> None:
        self._pen.write(self._tiny.scope(self._login), collection_id, before, comment)

    def remark(self, collection_id: int, text: str) -> None:
        self._pen.remark(self._tiny.scope(self._login), collection_id, text)


class Writer:
    """One person at the page of collection 1001."""

    def __init__(self, tiny: Facility, pen: Pen, login: str) -> None:
        self._pool = ThreadPoolExecutor(1)
        self.desk = Desk(
            reader=lambda: tiny.reader(login), pool=self._pool, go=lambda *_: None, later=lambda call: call(),
            pulse=None, office=Office(tiny, pen, login),  # type: ignore[arg-type]
        )  # fmt: skip
        self.remarks = Remarks(self.desk, self.read)
        self.read()

    def read(self) -> None:
        reader = self.desk.reader()
        self.remarks.show(1001, said(self.desk, reader, collections.collection(reader, 1001)))

    async def act(self, name: str, **typed: str) -> None:
        self.remarks.part._heard("action", {"name": name, "value": json.dumps(typed) if typed else ""})
        for _ in range(200):
            await asyncio.sleep(0.01)
            if not (self.remarks._writing.waiting or self.remarks._adding.waiting):
                return
        raise AssertionError("no answer")

    @property
    def text(self) -> str:
        return json.dumps(self.remarks.part.blocks, ensure_ascii=False)

    def close(self) -> None:
        self._pool.shutdown()


@pytest.fixture
def open_(tmp_path: Any) -> Iterator[Callable[[str], Writer]]:
    tiny = facility("sqlite", f"sqlite:///{tmp_path / 'tiny.db'}")
    pen = Pen(f"sqlite:///{tmp_path / 'tiny.db'}")
    opened: list[Writer] = []

    def open_one(login: str) -> Writer:
        opened.append(Writer(tiny, pen, login))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
    pen.close()
    tiny.source.close()


def test_who_comes_second_sees_both_texts_and_decides(open_: Callable[[str], Writer]) -> None:
    async def talk() -> None:
        alice, bob = open_("alice"), open_("bob")
        await alice.act("edit")
        await bob.act("edit")
        await bob.act("save", comment="Bob was first")
        assert "Bob was first" in bob.text
        alice.read()  # a beat: what Alice writes on stays
        assert "Bob was first" not in alice.text
        await alice.act("save", comment="Alice <b>")
        assert "Somebody changed this comment" in alice.text
        assert "Bob was first" in alice.text
        assert "Alice <b>" in alice.text
        await alice.act("mine")
        assert "Bob was first" not in alice.text
        assert "Edit the comment" in alice.text
        bob.read()
        assert "Alice <b>" in bob.text

    asyncio.run(talk())


def test_a_flag_keeps_the_text_and_an_edit_keeps_the_flag(open_: Callable[[str], Writer]) -> None:
    async def talk() -> None:
        alice = open_("alice")
        await alice.act("flag")
        assert "★ flagged" in alice.text
        assert "good Crystal" in alice.text
        await alice.act("edit")
        await alice.act("save", comment="better")
        assert "★ flagged" in alice.text
        await alice.act("flag")
        assert "★" not in alice.text
        assert "better" in alice.text
        await alice.act("remark", remark="aloud")
        assert "aloud" in alice.text
        assert "Alice Adams" in alice.text

    asyncio.run(talk())


@pytest.mark.parametrize("name", ["save", "mine", "nonsense", "edit"])
def test_actions_out_of_turn_write_nothing(open_: Callable[[str], Writer], name: str) -> None:
    async def talk() -> None:
        alice = open_("alice")
        await alice.act(name, comment="out of turn")
        alice.read()
        assert collections.collection(alice.desk.reader(), 1001)["comments"] == "good Crystal"

    asyncio.run(talk())
