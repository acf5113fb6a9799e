"""The parts without a browser: what they send, and what they take from a stranger."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from bokeh.models import Spacer

from views.parts import blocks as b
from views.parts import text
from views.parts.blocks import Blocks
from views.parts.frame_pane import FramePane
from views.parts.latency import lower_latency
from views.parts.part import to_json
from views.parts.plot import QualityPlot, thin
from views.parts.ranges import Range, parse_range
from views.parts.shell import Shell
from views.parts.specimens import some_blocks
from views.parts.table import CardLayout, Column, Table, TableState, Want

THIN = "\u202f"
COLUMNS = (
    Column("number", "No.", kind="number", filter="number"),
    Column("sample", "Sample"),
    Column("cell", "Cell", kind="cell", sortable=False, filter="none"),
    Column("comment", "Comment", default=False),
)


def say(part: Any, **message: Any) -> None:
    """Let a browser send a message."""
    part._handle_msg(json.dumps(message))


# -- numbers and words


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0, None, "0"),
        (12, None, "12"),
        (1.61803, None, "1.618"),
        (1.6, 2, "1.60"),
        (123456, None, f"123{THIN}456"),
        (-0.5, 1, "−0.5"),
        (-0.001, 1, "0.0"),
        (1.8e12, None, f"1.80{THIN}×{THIN}10¹²"),
        (2.5e-7, None, f"2.50{THIN}×{THIN}10⁻⁷"),
        (Decimal("0.9763"), 4, "0.9763"),
        (24_000_000, None, f"24{THIN}000{THIN}000"),
    ],
)
def test_a_number_is_written_with_sensible_digits(value: float, digits: int | None, shown: str) -> None:
    assert text.number(value, digits) == shown


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "", "abc", True])
def test_a_missing_number_is_a_dash_and_never_0(value: object) -> None:
    assert text.number(value, 2, "Å") == "–"


def test_a_unit_follows_the_number_it_belongs_to() -> None:
    assert text.number(1.5, 2, "Å") == f"1.50{THIN}Å"
    assert text.number(99.9, 1, "%") == "99.9%"


def test_times_are_written_as_the_facility_s_clock_showed_them() -> None:
    assert text.when(datetime(2024, 5, 17, 9, 31, 5)) == "2024-05-17 09:31"
    assert text.when(None) == "–"
    assert [text.duration(s) for s in (0.5, 42, 185, 7800, 100_000, None)] == [
        f"0.5{THIN}s",
        f"42{THIN}s",
        f"3{THIN}min 05{THIN}s",
        f"2{THIN}h 10{THIN}min",
        f"1{THIN}d 3{THIN}h",
        "–",
    ]


def test_a_cell_keeps_what_is_known_of_it() -> None:
    assert text.cell(78.9, 78.9, 38.1, 90, 90, 90.5) == "78.90 78.90 38.10\u200390 90 90.5"
    assert text.cell(78.9, None, 38.1, 90, 90, 90) == "78.90 – 38.10\u200390 90 90"
    assert text.cell(None, None, None, None, None, None) == "–"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("P 21 21 21", "P2₁2₁2₁"),
        ("P212121", "P2₁2₁2₁"),
        ("P 43 21 2", "P4₃2₁2"),
        ("P3121", "P3₁21"),
        ("P 3 2 1", "P321"),
        ("P321", "P321"),
        ("I 21 3", "I2₁3"),
        ("C 1 2 1", "C121"),
        ("R 3 :H", "R3:H"),
        ("P 63/m", "P6₃/m"),
        ("something else", "something else"),
        ("Unknown", "Unknown"),
        (None, "–"),
        ("  ", "–"),
    ],
)
def test_screw_axes_of_a_space_group_are_subscripts(name: str | None, shown: str) -> None:
    assert text.space_group(name) == shown


def test_energy_comes_from_the_wavelength() -> None:
    assert text.energy(0.9763) == pytest.approx(12.69939, abs=1e-5)
    assert text.energy(0) is None
    assert text.energy(None) is None


@pytest.mark.parametrize(
    ("typed", "inside", "outside"),
    [
        (">2", [2.1], [2.0, 1]),
        ("<= 1.8", [1.8, 0], [1.81]),
        ("1.5-2", [1.5, 1.7, 2], [1.49, 2.01]),
        ("2-1.5", [1.7], [2.01]),
        ("-3 - -1", [-2], [0]),
        ("1.9", [1.85, 1.949], [1.95, 1.84]),
        ("42", [42], [42.4, 41]),
        ("1e12..2e12", [1.5e12], [3e12]),
    ],
)
def test_a_typed_range_holds_the_numbers_it_names(typed: str, inside: list[float], outside: list[float]) -> None:
    found = parse_range(typed)
    assert found is not None
    assert [value for value in inside + outside if value in found] == inside


@pytest.mark.parametrize("typed", ["", "abc", ">", "1-", "1,5", ">1e999", "nan", "inf", "> 2 or 1=1"])
def test_what_names_no_range_gives_none(typed: str) -> None:
    assert parse_range(typed) is None


def test_a_range_without_bounds_holds_everything() -> None:
    assert 1e300 in Range()


# -- what goes to the browser


def test_values_of_a_database_become_plain_json() -> None:
    row = {"t": datetime(2024, 5, 17, 9, 31), "d": Decimal("1.5"), "n": np.float32(0.5), "x": None}
    assert json.loads(to_json(row)) == {"t": "2024-05-17 09:31:00", "d": 1.5, "n": 0.5, "x": None}


def test_not_a_number_reaches_the_browser_as_nothing() -> None:
    assert json.loads(to_json({"a": [float("nan"), 1], "b": float("inf")})) == {
        "a": [None, 1],
        "b": None,
    }


def test_a_block_leaves_out_what_it_does_not_have() -> None:
    assert b.tile("Rate", "12") == {
        "kind": "tile",
        "label": "Rate",
        "value": "12",
        "unit": "",
        "tone": "",
    }


def test_every_block_survives_json() -> None:
    made = some_blocks()
    assert json.loads(to_json(made)) == made


class Recorder:
    """Collects what a part sends, as if one browser showed it."""

    def __init__(self, part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[dict[str, Any]] = []
        part._models = {"root": (Spacer(), None)}
        monkeypatch.setattr(part, "_send_msg", lambda words: self.sent.append(json.loads(words)))


def test_equal_blocks_are_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Blocks([b.text("one")])
    record = Recorder(part, monkeypatch)
    part.set([b.text("one")])
    assert record.sent == []
    part.set([b.text("two")])
    assert record.sent == [{"type": "blocks", "version": 1, "blocks": [b.text("two")]}]


def test_a_browser_that_missed_a_change_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Blocks([b.text("one")])
    part.set([b.text("two")])
    record = Recorder(part, monkeypatch)
    say(part, type="ready", version=1)
    assert record.sent == []
    say(part, type="ready", version=0)
    assert record.sent == [{"type": "all", "version": 1, "blocks": [b.text("two")]}]


def test_a_shell_sends_only_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(title="Home")
    record = Recorder(shell, monkeypatch)
    with shell.param.update(replace=True):
        shell.param.update(title="Visits", search="?page=visits")
    assert record.sent == [
        {"type": "shell", "version": 1, "title": "Visits", "search": "?page=visits", "replace": True, "asked": 0}
    ]


def test_nothing_the_browser_writes_into_a_model_is_taken_over() -> None:
    for part in (Shell(), Blocks(), FramePane(), Table(COLUMNS, on_want=print)):
        assert part._linked_properties == ()


# -- what comes from the browser


@pytest.mark.parametrize(
    "words", ["", "[]", "{}", "null", '{"type": 1}', "{" * 100, 7, None, {"type": "go"}, "x" * 70_000]
)
def test_a_message_that_is_none_is_dropped(words: object) -> None:
    heard: list[Any] = []
    Shell(on_go=lambda *said: heard.append(said))._handle_msg(words)
    assert heard == []


def test_a_shell_follows_only_query_strings() -> None:
    heard: list[Any] = []
    shell = Shell(on_go=lambda search, pop: heard.append((search, pop)))
    for search in ("?page=a", "", "//evil.example", "javascript:alert(1)", 7, None, "?" + "x" * 5000):
        say(shell, type="go", search=search)
    say(shell, type="go", search="?page=b", pop=True)
    assert heard == [("?page=a", False), ("", False), ("?page=b", True)]


def test_a_jump_is_trimmed_and_never_empty() -> None:
    heard: list[str] = []
    shell = Shell(on_jump=heard.append)
    for words in ("  mx415-3 ", "   ", 7, "x" * 300):
        say(shell, type="jump", text=words)
    assert heard == ["mx415-3"]


def test_a_theme_is_light_or_dark() -> None:
    heard: list[str] = []
    shell = Shell(on_theme=heard.append)
    for theme in ("dark", "auto", "red", None):
        say(shell, type="theme", theme=theme)
    assert heard == ["dark"]


def test_only_images_of_the_series_can_be_asked_for() -> None:
    heard: list[int] = []
    pane = FramePane(on_image=heard.append, first_image=1, last_image=5)
    for number in (0, 1, 5, 6, -1, True, "3", 2.5, None):
        say(pane, type="image", image=number)
    assert heard == [1, 5]


def test_what_the_browser_says_of_an_image_is_kept_and_not_told_back() -> None:
    looks: list[dict[str, str]] = []
    pane = FramePane(on_look=looks.append, first_image=1, last_image=5, image=1)
    told: list[str] = []
    pane._tell = lambda kind, **data: told.append(kind)  # type: ignore[method-assign]
    version = pane._version
    say(pane, type="image", image=4)
    say(pane, type="look", look={"map": "inferno", "dark": "0", "at": "nowhere", "x": {"y": 1}})
    assert (pane.image, pane.look, looks[-1]) == (4, {"map": "inferno", "dark": "0"}, {"map": "inferno", "dark": "0"})
    assert told == []
    assert pane._version == version + 2  # a browser that draws anew is sent everything
    say(pane, type="look", look=["map"])
    assert len(looks) == 1
    pane.image = 2
    assert told == ["frame"]


def test_a_button_names_its_action() -> None:
    heard: list[tuple[str, str]] = []
    part = Blocks(on_action=lambda name, value: heard.append((name, value)))
    say(part, type="action", name="again", value="7")
    say(part, type="action", name="", value="7")
    say(part, type="action", name="again", value={"x": 1})
    assert heard == [("again", "7")]


def wanted(**message: Any) -> list[Want]:
    """What a table makes of a want of the browser."""
    heard: list[Want] = []
    table = Table(COLUMNS, on_want=heard.append)
    say(table, **{"type": "want", "seq": 1, "offset": 0, "limit": 100} | message)
    return heard


def test_a_want_keeps_what_the_table_knows_and_drops_the_rest() -> None:
    (want,) = wanted(
        sort="sample",
        descending=True,
        filters={"number": ">2", "cell": "7", "password": "x", "sample": "  ", "comment": ["x"]},
        search=" lyso ",
    )
    assert want == Want(1, "sample", True, {"number": ">2"}, "lyso", 0, 100)


@pytest.mark.parametrize("sort", ["cell", "password", None, 7, ["sample"]])
def test_a_column_that_cannot_be_sorted_is_not_sorted(sort: object) -> None:
    (want,) = wanted(sort=sort, descending=True)
    assert (want.sort, want.descending) == (None, False)


def test_places_and_sizes_of_a_want_are_clamped() -> None:
    (want,) = wanted(offset=-5, limit=10**9)
    assert (want.offset, want.limit) == (0, 200)
    (want,) = wanted(offset=10**30, limit=-1)
    assert (want.offset, want.limit) == (10_000_000, 1)


@pytest.mark.parametrize("broken", [{"seq": "1"}, {"offset": 1.5}, {"limit": None}, {"seq": True}])
def test_a_want_without_whole_numbers_is_dropped(broken: dict[str, Any]) -> None:
    assert wanted(**broken) == []


def test_a_state_reported_twice_is_told_once() -> None:
    heard: list[TableState] = []
    table = Table(COLUMNS, on_want=print, on_state=heard.append, cards=CardLayout("sample"))
    for _ in range(2):
        say(table, type="state", sort="sample", columns=["comment", "nothing"], layout="cards")
    assert heard == [TableState(sort="sample", columns=("comment",), layout="cards")]
    assert table.state == heard[0]


def test_the_usual_columns_are_the_empty_choice_and_cards_need_a_layout() -> None:
    table = Table(COLUMNS, on_want=print)
    say(table, type="state", columns=["number", "sample", "cell"], layout="cards")
    assert table.state == TableState()


def test_selected_keys_are_whole_numbers_or_short_texts() -> None:
    heard: list[Any] = []
    table = Table(COLUMNS, on_want=print, on_select=heard.append, on_open=heard.append)
    say(table, type="select", keys=[1, "a", None, True, 2.5, "x" * 500, {"k": 1}])
    say(table, type="open", key={"k": 1})
    say(table, type="open", key=7)
    assert heard == [[1, "a"], 7]


def test_a_column_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind 'html'"):
        Column("x", "X", kind="html")


# -- the plot


def test_a_thinned_series_keeps_its_peaks_and_dips() -> None:
    x = np.arange(1, 100_001, dtype=float)
    y = np.sin(x / 5000)
    y[41_234], y[77_777] = 50, -50
    kept_x, kept_y = thin(x, y, 2_000)
    assert len(kept_x) <= 2_000
    assert (np.diff(kept_x) > 0).all()
    assert (kept_y.max(), kept_x[kept_y.argmax()]) == (50, 41_235)
    assert (kept_y.min(), kept_x[kept_y.argmin()]) == (-50, 77_778)


def test_missing_values_do_not_hide_others_when_thinned() -> None:
    y = np.full(1_001, np.nan)
    y[500] = 3.0
    kept_x, kept_y = thin(np.arange(1_001.0), y, 10)
    assert 500 in kept_x
    assert np.nanmax(kept_y) == 3.0


def test_a_short_series_is_left_as_it_is() -> None:
    x = np.arange(5.0)
    assert thin(x, x, 10)[0] is x


def test_series_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="x has 3 values and y 2"):
        thin(np.arange(3.0), np.arange(2.0), 10)


def test_a_plot_shows_what_it_was_given_and_calls_back_with_an_image_of_it() -> None:
    heard: list[int] = []
    plot = QualityPlot(on_image=heard.append)
    plot.show([3, 4, 5], [10, None, 30], [1.5, 1.6, None])
    assert plot._sources["spots"].data["image"].tolist() == [3, 4, 5]
    assert np.isnan(plot._sources["spots"].data["value"][1])
    plot._sources["spots"].selected.indices = [2]
    plot._sources["spots"].selected.indices = [99]
    assert heard == [5]
    plot.mark(4)
    assert (plot._mark.location, plot._mark.visible) == (4, True)


def test_the_latency_patches_still_fit_panel_and_bokeh() -> None:
    assert lower_latency() == ["debounce", "nodelay"]
    assert lower_latency() == ["debounce", "nodelay"]
