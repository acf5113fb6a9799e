"""Made-up content for every part: a list that answers as a database would, and one of each block."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from views.parts import blocks as b
from views.parts import text
from views.parts.ranges import parse_range
from views.parts.table import CardLayout, Column, Table, TableState, Want

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
_PROTEINS = ("Lysozyme", "Thermolysin", "Mpro", "Insulin", "Thaumatin", "Protéase β")
_GROUPS = ("P 43 21 2", "P 61 2 2", "C 1 2 1", "I 21 3", "P 41 21 2", "P 1 21 1")
_STATES = (
    {"text": "Processed", "tone": "good"},
    {"text": "Running", "tone": "info"},
    {"text": "Failed", "tone": "bad"},
)
COLUMNS = (
    Column("number", "No.", kind="link", width=70, filter="number", fixed=True),
    Column(
        "thumb",
        "Image",
        kind="thumb",
        width=64,
        sortable=False,
        filter="none",
        title="First diffraction image",
    ),
    Column("time", "Started", kind="time"),
    Column("sample", "Sample"),
    Column("protein", "Protein", filter="choice", choices=_PROTEINS),
    Column("prefix", "Prefix"),
    Column("images", "Images", kind="number", digits=0, width=76, filter="number"),
    Column("energy", "Energy", unit="keV", kind="number", digits=3, filter="number"),
    Column("resolution", "Resolution", unit="Å", kind="number", digits=2, filter="number"),
    Column("flux", "Flux", unit="ph/s", kind="number", filter="number", default=False),
    Column("group", "Space group", width=100),
    Column("cell", "Cell", unit="Å, °", kind="cell", sortable=False, filter="none", default=False),
    Column("rmeas", "Rmeas", unit="%", kind="number", digits=1, filter="number"),
    Column("cc", "CC½", kind="number", digits=3, filter="number"),
    Column("complete", "Complete", unit="%", kind="number", digits=1, filter="number"),
    Column(
        "status",
        "Status",
        kind="badge",
        width=110,
        filter="choice",
        choices=("Processed", "Running", "Failed"),
    ),
    Column("comment", "Comment", default=False),
)
CARDS = CardLayout("prefix", "thumb", ("sample", "protein", "time"), ("status",), ("resolution", "images", "rmeas"))


def row(n: int, hostile: bool = False) -> dict[str, Any]:
    """Row ``n`` of the made-up list; every seventh has no result."""
    words = HOSTILE if hostile else None
    seen = n % 7 != 3
    return {
        "id": n,
        "_link": f"?page=detail&number={n}",
        "number": {"text": words or str(n), "link": f"?page=detail&number={n}"},
        "thumb": {
            "src": f"/made/{n}.svg" if n % 5 else None,
            "alt": words or f"Image of {n}",
            "missing": words or "Not on disk",
        },
        "time": words or datetime(2024, 5, 17, 9, 0) + timedelta(minutes=3 * n),
        "sample": words or f"{_PROTEINS[n % 6][:4].lower()}_{n % 16 + 1}",
        "protein": words or _PROTEINS[n % 6],
        "prefix": words or f"{_PROTEINS[n % 6][:4].lower()}_{n % 16 + 1}_{n % 4 + 1}",
        "images": (3600, 1800, 100, 7200)[n % 4],
        "energy": text.energy(0.9763 + 0.00001 * (n % 9)),
        "resolution": 1.2 + (n * 37 % 200) / 100 if seen else None,
        "flux": 1.8e12 / (n % 5 + 1),
        "group": words or (text.space_group(_GROUPS[n % 6]) if seen else None),
        "cell": [78.9, 78.9, 38.1, 90, 90, 90] if seen else None,
        "rmeas": 4.1 + (n * 13 % 90) / 10 if seen else None,
        "cc": 0.99 - (n * 7 % 60) / 1000 if seen else None,
        "complete": 99.9 - n * 3 % 11 if seen else None,
        "status": {"text": words, "tone": words} if hostile else _STATES[0 if seen else n % 3],
        "comment": words or "",
    }


class MadeUp:
    """A list of rows held in memory that answers as the database would."""

    def __init__(self, rows: int = 24_000, hostile: bool = False, failing: bool = False) -> None:
        self.rows = [row(n, hostile) for n in range(rows, 0, -1)]
        self.failing = failing
        self.wants: list[Want] = []
        self.table = Table(
            COLUMNS,
            self.answer,
            cards=CARDS,
            state=TableState(),
            label="Collections",
            noun=("collection", "collections"),
            empty=(
                "No collections yet",
                "They appear here by themselves when the first one starts.",
            ),
            on_select=self.selected,
        )
        self.keys: list[int | str] = []

    def selected(self, keys: list[int | str]) -> None:
        self.keys = keys

    def answer(self, want: Want) -> None:
        self.wants.append(want)
        if self.failing:
            self.failing = False
            self.table.fail(
                "The database does not answer. It is asked again when you press the button.",
                "a1b2c3",
            )
            return
        rows = [found for found in self.rows if _fits(found, want)]
        if want.sort:
            key = want.sort
            rows.sort(key=lambda found: _order(found[key]), reverse=want.descending)
        page = rows[want.offset : want.offset + want.limit]
        self.table.send_rows(want.seq, want.offset, page, len(rows))

    def arrive(self) -> None:
        """A new collection, as a beamline would bring it."""
        new = row(len(self.rows) + 1) | {
            "status": {"text": "Running", "tone": "info"},
            "rmeas": None,
        }
        self.rows.insert(0, new)
        self.table.insert_rows([new])

    def finish(self) -> None:
        """The second row's processing ends."""
        self.rows[1] = self.rows[1] | {
            "rmeas": 5.5,
            "status": {"text": "Processed", "tone": "good"},
        }
        self.table.update_rows([self.rows[1]])


def _order(value: Any) -> tuple[bool, str | float]:
    value = value.get("text") if isinstance(value, dict) else value
    if isinstance(value, int | float):
        return (False, value)
    return (value is None, str(value))


def _fits(found: Mapping[str, Any], want: Want) -> bool:
    if want.search and not any(want.search.lower() in str(value).lower() for value in found.values()):
        return False
    for key, words in want.filters.items():
        value = found[key]
        value = value.get("text") if isinstance(value, dict) else value
        asked = parse_range(words)
        if asked is not None and isinstance(value, int | float):
            if value not in asked:
                return False
        elif words.lower() not in str(value).lower():
            return False
    return True


def some_blocks(words: str | None = None) -> list[b.Block]:
    """One of each block; ``words`` replaces every text."""
    w: Callable[[str], str] = lambda given: words or given  # noqa: E731
    facts = [
        b.fact(w("Wavelength"), w("0.9763"), "Å"),
        b.fact(w("Energy"), w(text.number(text.energy(0.9763), 3)), "keV"),
        b.fact(w("Exposure"), w("0.002"), "s", title=w("Time per image")),
        b.fact(w("Transmission"), text.number(None), "%"),
        b.fact(w("Flux"), w(text.number(1.8e12)), "ph/s"),
        b.fact(w("Space group"), w(text.space_group("P 43 21 2")), tone="good"),
    ]
    badges = [
        b.badge(w("Processed"), "good"),
        b.badge(w("3 pipelines"), "quiet"),
        b.badge(w("Ice"), "warn"),
    ]
    tree = [
        b.branch(
            "s1",
            w("Shipment 12 May"),
            w("2 dewars"),
            items=[
                b.branch(
                    "d1",
                    w("DLS-MX-0415"),
                    items=[
                        b.branch(
                            "c1",
                            w("Puck AB-12"),
                            badges=[b.badge(w("full"), "info")],
                            items=[
                                b.branch("x1", w("lyso_1"), w("pin 1"), link="?sample=1"),
                                b.branch("x2", w("lyso_2"), w("pin 2")),
                            ],
                        ),
                    ],
                    expanded=True,
                ),
            ],
            expanded=True,
        ),
        b.branch("s2", w("Shipment 2 June")),
    ]
    return [
        b.heading(w("mx415-3"), 1, w("i04 · 17 May 2024, 09:00 to 18 May, 09:00"), badges),
        b.tiles(
            [
                b.tile(w("Collections"), w("1 204")),
                b.tile(w("Indexed"), w("34.1"), "%", "info"),
                b.tile(w("Processed"), w("236"), tone="good"),
                b.tile(w("Median resolution"), w("2.05"), "Å", "warn"),
                b.tile(
                    w("Failed"),
                    w("3"),
                    tone="bad",
                    detail=w("2 since yesterday"),
                    link="?page=failed",
                ),
                b.tile(w("Lag"), "–"),
            ]
        ),
        b.tabs(
            [
                b.tab("a", w("Collections"), "?page=list", 1204, True),
                b.tab("b", w("Samples"), "?page=list", 16),
                b.tab("c", w("People"), "?page=blocks"),
            ]
        ),
        b.columns(
            [
                b.card(w("Beam"), [b.facts(None, facts, 2)], "?page=detail"),
                b.card(
                    w("What changed"),
                    [
                        b.entries(
                            [
                                b.entry(
                                    w("mx415-3 / lyso_4_2"),
                                    w("xia2 finished at 1.62 Å"),
                                    w("09:31"),
                                    "?page=detail",
                                    [b.badge(w("new"), "info")],
                                ),
                                b.entry(
                                    w("mx415-3 / thau_1_1"),
                                    w("Grid scan"),
                                    w("09:12"),
                                    "?page=detail",
                                ),
                                b.entry(w("No link here"), None, w("08:55")),
                            ]
                        )
                    ],
                ),
                b.card(w("Shipments"), [b.tree(tree, w("Shipments"))]),
            ],
            [
                b.card(
                    w("People"),
                    [
                        b.people(
                            [
                                b.person(w("Ada Lovelace"), w("PI")),
                                b.person(w("Čeněk Dvořák"), detail=w("User office")),
                                b.person(w("José Núñez")),
                            ]
                        )
                    ],
                ),
                b.card(
                    w("Completeness"),
                    [
                        b.bars(
                            [
                                b.bar(w("xia2 dials"), 0.99, w("99.1 %"), "good"),
                                b.bar(w("autoPROC"), 0.81, w("81.0 %")),
                                b.bar(w("fast_dp"), 0.42, w("42.0 %"), "warn"),
                            ]
                        )
                    ],
                ),
                b.card(
                    w("Snapshots"),
                    [
                        b.images(
                            [
                                b.picture("/made/7.svg", w("Crystal at 0°"), w("0°"), "/made/7.svg"),
                                b.picture(
                                    "/made/none.svg",
                                    w("Crystal at 90°"),
                                    w("90°"),
                                    missing=w("The file is not on disk"),
                                ),
                                b.picture(None, w("Crystal"), w("180°"), missing=w("Not recorded")),
                            ],
                            height=130,
                        )
                    ],
                ),
                b.card(w("Still reading"), [b.loading(4)]),
            ],
            widths=(3, 2),
        ),
        b.note("warn", w("The beam was dumped between 03:10 and 04:25.")),
        b.text(w("Text keeps its lines.\nIt is never read as HTML."), True),
        b.actions([b.action("again", w("Process again"), "7", "info"), b.action("other", w("Other"))]),
        b.columns(
            [b.empty(w("No samples"), w("Samples appear when a shipment names them."))],
            [
                b.problem(
                    w("This list could not be read."),
                    w("The database did not answer in 10 s. Try again in a minute."),
                    "a1b2c3",
                )
            ],
        ),
    ]
