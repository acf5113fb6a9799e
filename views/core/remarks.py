"""The comment of a collection, its flag, and what people said of it; with the means to write, for who may."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data.core.comments import MOST, MOST_REMARK, Changed, Comment, comment_of
from data.core.comments import remarks as remarks_of
from data.reader import Reader
from views.desk import Desk
from views.parts import blocks as b
from views.parts.blocks import Block, Blocks
from views.parts.text import when
from views.problem import Problem
from views.reading import Reading

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a collection: the comment as stored, remarks, and whether this person may write either."""

    stored: str | None
    remarks: list[Row]
    may: bool
    remembers: bool


def said(desk: Desk, reader: Reader, row: Row) -> Said:
    """For a row of ``data.core.collection.collection``. One statement, and one for rights where a site lets write."""
    may = desk.office.may_comment()
    remembers = may and reader.scope.person_id is not None and desk.office.remembers()
    return Said(row.get("comments"), remarks_of(reader, row["id"]), may, remembers)


class Remarks:
    """Draws them on one ``part``; ``changed`` is called once something was written."""

    def __init__(self, desk: Desk, changed: Callable[[], None]) -> None:
        self._desk, self._changed = desk, changed
        self._number = 0
        self._said: Said | None = None
        self._before: str | None = None  # what the person who writes has seen
        self._draft: str | None = None  # what is being written; None while nothing is
        self._theirs: str | None = None  # what somebody else wrote meanwhile
        self._trouble: Problem | str | None = None
        self.part = Blocks(on_action=self._act)
        self._added = 0  # remarks that were added here: the field is empty again after each
        self._writing: Reading[Changed | None] = Reading(desk, self._written, self._fail)
        self._adding: Reading[None] = Reading(desk, self._remarked, self._fail)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.part.blocks

    def show(self, number: int, said: Said) -> None:
        """Show what is said of a collection. What is being written on the same one stays."""
        if number != self._number:
            self._number, self._draft, self._theirs, self._trouble = number, None, None, None
        self._said = said
        self._draw()

    # -- what the browser asks for

    def _act(self, name: str, value: str) -> None:
        said = self._said
        if said is None or not said.may:
            return
        if name == "edit":
            self._draft, self._before, self._trouble = comment_of(said.stored).text, said.stored, None
            self._draw()
        elif name == "cancel":
            self._draft = self._theirs = self._trouble = None
            self._draw()
        elif name == "flag":
            old = comment_of(said.stored)
            self._save(said.stored, Comment(old.text, not old.flagged))
        elif name == "save" and self._draft is not None:
            self._draft = b.typed(value, MOST).get("comment", "")
            self._save(self._before, Comment(self._draft, comment_of(self._before).flagged))
        elif name == "mine" and self._draft is not None:
            # Over what the person has just been shown, and nothing newer.
            self._before = self._theirs
            self._theirs = None
            self._save(self._before, Comment(self._draft, comment_of(self._before).flagged))
        elif name == "remark" and said.remembers:
            text, number = b.typed(value, MOST_REMARK).get("remark", ""), self._number
            office = self._desk.office
            self._adding.ask(lambda reader: office.remark(number, text))

    def _save(self, before: str | None, comment: Comment) -> None:
        office, number = self._desk.office, self._number

        def save(reader: Reader) -> Changed | None:
            try:
                office.comment(number, before, comment)
            except Changed as changed:
                return changed
            return None

        self._writing.ask(save)

    def _written(self, changed: Changed | None) -> None:
        if changed is not None:
            self._theirs = changed.now or ""
            self._trouble = str(changed)
            if self._draft is None:
                # A flag: nothing was typed that could be lost.
                self._theirs = None
                self._trouble = "Somebody changed the comment meanwhile. Try again."
            self._draw()
        else:
            self._draft = self._theirs = self._trouble = None
        self._changed()

    def _remarked(self, _: None) -> None:
        self._added += 1
        self._draw()
        self._changed()

    def _fail(self, problem: Problem) -> None:
        # A write is never tried again by itself.
        self._writing.forget()
        self._adding.forget()
        self._trouble = problem
        self._draw()

    # -- drawing

    def _draw(self) -> None:
        said = self._said
        if said is None or not (said.may or said.stored or said.remarks):
            self.part.set([])
            return
        # While somebody writes, what they write on stays as it was: a block that changes would lose what is typed.
        comment = comment_of(said.stored if self._draft is None else self._before)
        inside: list[Block] = []
        if comment.flagged:
            inside.append(b.badges([b.badge("★ flagged", "warn", "Marked for everybody who sees this collection")]))
        if self._draft is None:
            inside.append(b.text(comment.text) if comment.text else b.text("No comment.", quiet=True))
        trouble = self._trouble
        if isinstance(trouble, Problem):
            inside.append(b.problem(trouble.title, trouble.text, trouble.reference))
        elif trouble is not None:
            inside.append(b.note("warn", trouble))
        if self._theirs is not None:
            theirs = comment_of(self._theirs).text
            inside.append(
                b.facts(
                    "Both texts",
                    [b.fact("Now in ISPyB", theirs or "Nothing"), b.fact("Yours", self._draft or "Nothing")],
                )
            )
            inside.append(
                b.actions([b.action("mine", "Replace it with mine", tone="bad"), b.action("cancel", "Keep it")])
            )
        elif self._draft is not None:
            field = b.field("comment", "Comment", self._draft, lines=3, longest=MOST)
            inside.append(b.form("save", [field], "Save", "Comment of the collection"))
            inside.append(b.actions([b.action("cancel", "Cancel")]))
        if said.may and self._draft is None:
            flag = "Remove the flag" if comment.flagged else "Flag"
            inside.append(b.actions([b.action("edit", "Edit the comment"), b.action("flag", flag)]))
        blocks: list[Block] = [b.card("Comment", inside)]
        if said.remarks:
            entries = [b.entry(one["person"] or "Somebody", one["text"], when(one["time"])) for one in said.remarks]
            blocks.append(b.card("Remarks", [b.entries(entries)]))
        if said.remembers:
            field = b.field("remark", "Add a remark", longest=MOST_REMARK, placeholder="Kept with your name")
            blocks.append(b.form("remark", [field], "Add", f"Remark {self._added + 1} of yours"))
        self.part.set(blocks)
