"""The list:

Rows that the browser asks for as it scrolls, sorted and filtered by whoever answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from views.parts.part import Action, Part, short, to_json

Key = int | str
Row = Mapping[str, Any]

KINDS = ("text", "number", "time", "thumb", "badge", "link", "cell", "act")
FILTERS = ("text", "number", "choice", "none")
LAYOUTS = ("table", "cards")
MOST_ROWS = 200
_FURTHEST = 10_000_000
_MOST_KEYS = 2_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it is called, how its values are drawn, what may be done with it.

    Values by ``kind``: text str; number int or float, drawn with ``digits`` decimals; time
    datetime; thumb an address or ``{src, alt, missing, link}``; badge ``{text, tone, title}``, a
    text or a list of them; link ``{text, link}``; cell six numbers; act ``{act, text, title, pressed}``, a button.
    None is drawn as a dash, of an act as nothing.
    ``title`` explains the column, ``fixed`` keeps it in sight on the left.
    """

    key: str
    label: str
    unit: str = ""
    kind: str = "text"
    digits: int | None = None
    width: int = 0
    align: str = ""
    sortable: bool = True
    filter: str = "text"
    default: bool = True
    title: str = ""
    choices: tuple[str, ...] = ()
    fixed: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.filter not in FILTERS:
            raise ValueError(f"column {self.key!r}: unknown kind {self.kind!r} or filter {self.filter!r}")


@dataclass(frozen=True, slots=True)
class CardLayout:
    """Which columns a card shows: picture, title, a quieter line, badges, key numbers."""

    title: str
    thumb: str | None = None
    detail: tuple[str, ...] = ()
    badges: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableState:
    """What the user chose, as the link carries it. ``columns`` empty: those shown by default."""

    sort: str | None = None
    descending: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)
    search: str = ""
    columns: tuple[str, ...] = ()
    layout: str = "table"


@dataclass(frozen=True, slots=True)
class Want:
    """One page that the browser asks for; ``seq`` goes back with the answer."""

    seq: int
    sort: str | None
    descending: bool
    filters: Mapping[str, str]
    search: str
    offset: int
    limit: int


class Table(Part):
    """A list of any length as table or cards, drawn from the pages asked for.

    Calls, all with a stranger's input: ``on_want(Want)``, to be answered with ``send_rows`` or
    ``fail``; ``on_open(key)``; ``on_select(keys)``; ``on_state(TableState)``; ``on_act(key, act)`` for a
    button in a cell. ``key`` names the row's identity; a row's ``_link`` is its address, one with ``_child`` hangs
    below another. ``noun`` is one and many of what is listed.
    ``height`` in pixels, or 0 for the rest of the window. ``tools`` false leaves out search, filters and chooser.
    ``away``: address of the files that the list may be taken away as, without ending and query; see ``take_away``.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        on_want: Action,
        on_open: Action | None = None,
        on_select: Action | None = None,
        on_state: Action | None = None,
        on_act: Action | None = None,
        *,
        key: str = "id",
        cards: CardLayout | None = None,
        state: TableState | None = None,
        label: str = "List",
        noun: tuple[str, str] = ("row", "rows"),
        empty: tuple[str, str] = ("Nothing here yet", ""),
        page: int = 100,
        height: int = 0,
        tools: bool = True,
        away: str = "",
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._columns = {column.key: column for column in columns}
        self._on_want, self._on_open = on_want, on_open
        self._on_select, self._on_state, self._on_act = on_select, on_state, on_act
        self._cards = cards
        self._given = {
            "key": key,
            "cards": None if cards is None else asdict(cards),
            "label": label,
            "noun": list(noun),
            "empty": list(empty),
            "page": min(page, MOST_ROWS),
            "tall": height,
            "tools": tools,
            "away": away,
            "about": "",
        }
        self._state = self._allowed(state or TableState())

    # -- to the browser

    @property
    def state(self) -> TableState:
        """What the user chose last."""
        return self._state

    def send_rows(
        self,
        seq: int,
        offset: int,
        rows: Sequence[Row],
        total: int | None = None,
        done: bool = False,
    ) -> None:
        """Answer a ``Want``. ``total`` None: not known; ``done``: no row comes after these."""
        self._send("rows", seq=seq, offset=offset, rows=rows, total=total, done=done)

    def update_rows(self, rows: Sequence[Row]) -> None:
        """Change rows in place, by key; those not loaded are ignored. Nothing moves."""
        self._send("update", rows=rows)

    def insert_rows(self, rows: Sequence[Row]) -> None:
        """New rows for the top, first one uppermost.

        They wait behind a hint while the user looks further down.
        """
        self._send("insert", rows=rows)

    def offer(self, count: int) -> None:
        """So many new rows have their place somewhere in the list: a hint asks for it again when it is pressed."""
        self._send("offer", count=count)

    def remove(self, keys: Sequence[Key]) -> None:
        """Take rows out."""
        self._send("remove", keys=keys)

    def fail(self, words: str, reference: str | None = None) -> None:
        """The rows cannot be read: say so in their place, with a button to try again."""
        self._send("fail", text=words, reference=reference)

    def choose(self, keys: Sequence[Key]) -> None:
        """Select these rows, and bring the first of them into sight; those not loaded are ignored."""
        self._send("choose", keys=keys)

    def waiting(self) -> None:
        """Rows are on their way although none were asked for: a moving line says so."""
        self._send("waiting")

    def reload(self, keep: bool = False) -> None:
        """Forget the rows and ask for them: the list is another one, or was read anew.

        With ``keep`` the rows in sight stay, and stay in their place, until the new ones are there.
        """
        self._send("reload", keep=keep)

    def set_state(self, state: TableState) -> None:
        """Sort, filter and lay out as ``state`` says; the browser then asks for its rows."""
        state = self._allowed(state)
        if state != self._state:
            self._state = state
            self._tell("state", state=asdict(state))

    def take_away(self, about: str) -> None:
        """What the list is about, as a query string: the files hold what the browser sees, read anew for who asks."""
        if about != self._given["about"]:
            self._given["about"] = about
            self._tell("about", about=about)

    def _send(self, kind: str, **data: Any) -> None:
        # Rows are no part of the content: a browser that missed them asks again. The version stays.
        if self._models:
            self._send_msg(to_json({"type": kind, **data}))

    def _content(self) -> dict[str, Any]:
        return self._given | {
            "columns": [asdict(column) for column in self._columns.values()],
            "state": asdict(self._state),
        }

    # -- from the browser

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "want":
            want = self._want(data)
            if want is not None:
                self._call(self._on_want, want)
        elif kind == "state":
            state = self._asked(data)
            if state != self._state:
                self._state = state
                self._call(self._on_state, state)
        elif kind == "open" and (key := _key(data.get("key"))) is not None:
            self._call(self._on_open, key)
        elif kind == "act" and (key := _key(data.get("key"))) is not None and (act := short(data.get("act"), 40)):
            self._call(self._on_act, key, act)
        elif kind == "select" and isinstance(data.get("keys"), list):
            keys = (_key(key) for key in data["keys"][:_MOST_KEYS])
            self._call(self._on_select, [key for key in keys if key is not None])

    def _want(self, data: Mapping[str, Any]) -> Want | None:
        seq, offset, limit = (data.get(name) for name in ("seq", "offset", "limit"))
        if not all(isinstance(n, int) and not isinstance(n, bool) for n in (seq, offset, limit)):
            return None
        asked = self._asked(data)
        return Want(
            seq=seq,  # type: ignore[arg-type]
            sort=asked.sort,
            descending=asked.descending,
            filters=asked.filters,
            search=asked.search,
            offset=min(max(offset, 0), _FURTHEST),  # type: ignore[type-var,arg-type]
            limit=min(max(limit, 1), MOST_ROWS),  # type: ignore[type-var,arg-type]
        )

    def _asked(self, data: Mapping[str, Any]) -> TableState:
        filters, shown = data.get("filters"), data.get("columns")
        return self._allowed(
            TableState(
                sort=short(data.get("sort")),
                descending=data.get("descending") is True,
                filters=filters if isinstance(filters, dict) else {},
                search=short(data.get("search")) or "",
                columns=tuple(key for key in shown if isinstance(key, str)) if isinstance(shown, list) else (),
                layout=str(data.get("layout")),
            )
        )

    def _allowed(self, state: TableState) -> TableState:
        """``state`` without what this table does not have."""
        column = self._columns.get(state.sort or "")
        filters = {
            key: words.strip()
            for key, words in state.filters.items()
            if isinstance(key, str)
            and key in self._columns
            and self._columns[key].filter != "none"
            and isinstance(words, str)
            and words.strip()
            and len(words) <= 200
        }
        shown = tuple(key for key in self._columns if key in state.columns)
        if shown == tuple(key for key, column in self._columns.items() if column.default):
            shown = ()
        cards = state.layout == "cards" and self._cards is not None
        sortable = column is not None and column.sortable
        return replace(
            state,
            sort=state.sort if sortable else None,
            descending=state.descending if sortable else False,
            filters=filters,
            search=state.search.strip()[:200],
            columns=shown,
            layout="cards" if cards else "table",
        )


def _key(value: object) -> Key | None:
    if isinstance(value, bool):
        return None
    return value if isinstance(value, int) else short(value)
