"""The pages of one energy scan and of one X-ray fluorescence spectrum."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from panel.viewable import Viewable

from data.core.contents import Content, Kind
from data.reader import Reader
from data.techniques.mx import lines as emission
from data.techniques.mx.edges import Factors, Measured
from data.techniques.mx.scans import FromFile, energy_scan, scan_files, shown, spectrum_file, spectrum_of
from data.techniques.mx.spectra import Calibration, Spectrum
from views import place as places
from views.desk import Desk
from views.parts import blocks as b
from views.parts import choices as c
from views.parts.blocks import Block, Blocks
from views.parts.choices import Choices
from views.parts.file_pane import FileHead, FilePane
from views.parts.line_plot import Line, LinePlot, Mark
from views.parts.text import KEV_ANGSTROM, number, when
from views.place import Place
from views.problem import Problem
from views.reading import Reading
from views.view import Span

Row = dict[str, Any]

_PEAK, _INFLECTION, _REMOTE, _EDGE = "#d65f5f", "#3fa66b", "#2fa7a7", "#8a93a1"
_MOST_ELEMENTS = 12
_LEFT = {
    ("energyscan", "picture"): "Picture of CHOOCH",
    ("xrf", "picture"): "Picture of the spectrum",
    ("xrf", "report"): "Spectrum with lines, by PyMca",
}
_NO_SCRIPTS = (
    "A program wrote this page. Its scripts are not run and it cannot fetch anything, so pictures may be missing."
)
# ISPyB's definition of these columns names no unit, neither Diamond's nor ESRF's.
_TRANSMISSION = "As stored: ISPyB does not say whether a fraction or percent, and sites differ"
_SIZE = "As stored: ISPyB does not say whether mm or µm, and sites differ"


class _ScanPage:
    """What both pages have in common: one answer, its words and its plots, the visit watched."""

    noun, kind = "", ""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = Place()
        self._number: int | None = None
        self._answer: Any = None
        self._head = Blocks([b.loading(2)])
        self._facts = Blocks()
        self._left = Blocks()
        self._report = FilePane(lambda *asked: None, lambda *asked: None)
        self.parts: list[Viewable] = [self._head]
        self.spans: list[Span] = [12]
        self._reading: Reading[Any] = Reading(desk, self._tell, self._fail)

    def show(self, place: Place) -> None:
        """Show the one that the place names."""
        self._place = place
        if place.scan == self._number and self._answer is not None:
            self._desk.pulse.watch(self._answer.row["visit_id"])
            self._draw(self._answer)
            return
        self._number, self._answer = place.scan, None
        self._head.set([b.heading(f"{self.noun} {self._number}", 1), b.loading(3)])
        self._arrange([(self._head, 12)])
        self._desk.head(f"{self.noun} {self._number}", (("Proposals", places.proposals()), (f"{self._number}", None)))
        self._reading.ask(self._question())

    def beat(self) -> None:
        """What was scanned does not change."""

    def hide(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    def _question(self) -> Callable[[Reader], Any]:
        raise NotImplementedError

    def _draw(self, answer: Any) -> None:
        raise NotImplementedError

    def _tell(self, answer: Any) -> None:
        self._answer = answer
        self._desk.pulse.watch(answer.row["visit_id"])
        self._draw(answer)

    def _fail(self, problem: Problem) -> None:
        self._desk.pulse.watch(None)
        self._head.set(
            [
                b.heading(f"{self.noun} {self._number}", 1),
                b.problem(problem.title, problem.text, problem.reference),
            ]
        )
        self._arrange([(self._head, 12)])

    def _arrange(self, parts: Sequence[tuple[Viewable, Span]]) -> None:
        shown = [part for part, _ in parts]
        if shown != self.parts:
            self.parts, self.spans = shown, [span for _, span in parts]
            self._desk.redraw()

    def _looked_at(self, row: Row, left: dict[str, Content]) -> list[tuple[Viewable, Span]]:
        """Pictures of the scan and the page that a program wrote of it, or in their place why they are not there."""
        base = f"{self._desk.prefix}/scan/{self.kind}/{self._number}"
        parts: list[tuple[Viewable, Span]] = []
        blocks: list[Block] = []
        for which, found in left.items():
            words, name = _LEFT[self.kind, which], (row[which] or "").rsplit("/", 1)[-1]
            if found.kind is Kind.PAGE:
                self._report.page(FileHead(name, "", "", _NO_SCRIPTS), f"{base}/{which}")
                parts.append((self._report, 12))
            elif found.kind is Kind.PICTURE:
                missing = "This picture cannot be drawn"
                picture = b.picture(f"{base}/{which}", words, name, link=f"{base}/{which}", missing=missing)
                blocks.append(b.card(words, [b.images([picture], height=420)]))
            else:
                said = found.words or f"“{name}” is neither a picture nor a page."
                blocks.append(b.card(words, [b.empty("Not shown here", said)]))
        self._left.set(blocks)
        return [*([(self._left, 12)] if blocks else []), *parts]

    def _title(self, row: Row, title: str) -> list[Block]:
        proposal, visit = row.get("proposal"), row.get("visit_number")
        trail: list[tuple[str, Place | None]] = [("Proposals", places.proposals())]
        if proposal:
            trail.append((proposal, places.proposal(proposal)))
        if proposal and visit is not None:
            trail.append((f"{proposal}-{visit}", places.visit(proposal, visit, "mx")))
        trail.append((f"{self.noun} {self._number}", None))
        self._desk.head(f"{self.noun} {self._number}", trail)
        detail = " · ".join(
            str(part) for part in (row["beamline"], when(row["start"]), row["sample"], row["protein"]) if part
        )
        comments = [b.text(row["comments"], quiet=True)] if row.get("comments") else []
        return [b.heading(title, 1, detail), *comments]


@dataclass(frozen=True, slots=True)
class _Scan:
    row: Row
    raw: FromFile[Measured]
    factors: FromFile[Factors]
    edge: float | None
    left: dict[str, Content]


class EnergyScanView(_ScanPage):
    """Fluorescence across an edge, f' and f'', and the energies chosen from them."""

    noun, kind = "Energy scan", "energyscan"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._raw = LinePlot(320, name="energy_scan")
        self._factors = LinePlot(320, name="anomalous_factors")
        self._sources = Blocks()

    def _question(self) -> Callable[[Reader], _Scan]:
        key, files = self._number or 0, self._desk.files

        def ask(reader: Reader) -> _Scan:
            row = energy_scan(reader, key)
            edge = emission.edge(row["element"], row["edge"])
            return _Scan(row, *scan_files(files, row), edge, shown(files, row, "energyscan"))

        return ask

    def _draw(self, answer: _Scan) -> None:
        row = answer.row
        name = " ".join(part for part in (row["element"], _edge_name(row["edge"])) if part) or "Unknown element"
        self._head.set([*self._title(row, f"{name} edge · energy scan"), b.tiles(_points(row))])
        marks = [
            Mark(words, row[f"{key}_energy"] / 1000, colour)
            for key, words, colour in (("peak", "peak", _PEAK), ("inflection", "inflection", _INFLECTION),
                                       ("remote", "remote", _REMOTE))
            if row[f"{key}_energy"] is not None
        ]  # fmt: skip
        if answer.edge is not None:
            marks.append(Mark("free atom", answer.edge / 1000, _EDGE))
        parts: list[tuple[Viewable, Span]] = [(self._head, 12)]
        raw, factors = answer.raw.found, answer.factors.found
        plots = 6 if raw is not None and factors is not None else 12
        if raw is not None:
            near = _near(marks, raw.energy / 1000)
            line = [Line(raw.what, raw.energy / 1000, raw.value)]
            self._raw.show("Energy (keV)", _measured_label(raw), line, near, unit="keV")
            parts.append((self._raw.view, plots))
        if factors is not None:
            energy = factors.energy / 1000
            lines = [Line("f″", energy, factors.f_double_prime), Line("f′", energy, factors.f_prime)]
            self._factors.show("Energy (keV)", "f′, f″ (electrons)", lines, _near(marks, energy), unit="keV")
            parts.append((self._factors.view, plots))
        self._sources.set([_files(answer)])
        self._facts.set([_scan_facts(row, answer.edge)])
        parts += [(self._facts, 7), (self._sources, 5), *self._looked_at(row, answer.left)]
        self._arrange(parts)


def _edge_name(stored: str | None) -> str:
    """The name of the edge; some writers keep its energy there."""
    text = (stored or "").strip()
    return text if text[:1] in {"K", "L", "M"} else ""


def _points(row: Row) -> list[Block]:
    tiles = []
    for key, words in (("peak", "Peak"), ("inflection", "Inflection"), ("remote", "Remote")):
        energy = row[f"{key}_energy"]
        if energy is None and key == "remote":
            continue
        prime, double = row[f"{key}_f_prime"], row[f"{key}_f_double_prime"]
        detail = [f"{number(KEV_ANGSTROM / energy * 1000, 5)} Å"] if energy else []
        detail += [f"f′ {number(prime, 2)}"] if prime is not None else []
        detail += [f"f″ {number(double, 2)}"] if double is not None else []
        tiles.append(
            b.tile(words, number(energy, 1) if energy else "–", "eV" if energy else "", detail=" · ".join(detail))
        )
    return tiles


def _measured_label(raw: Measured) -> str:
    return "Absorption" if raw.what.startswith("ln(") else "Fluorescence (counts)"


def _near(marks: Sequence[Mark], energy: Any) -> list[Mark]:
    """The marks within the scan or a little beside it: one that is far off would hide the curve."""
    low, high = float(energy[0]), float(energy[-1])
    room = (high - low) * 0.3
    return [mark for mark in marks if low - room <= mark.x <= high + room]


def _files(answer: _Scan) -> Block:
    raw, factors = answer.raw, answer.factors
    facts = [
        b.fact("Measured", raw.name, title=f"Column {raw.found.what}") if raw.found else b.fact("Measured", raw.words),
        b.fact("f′ and f″", factors.name if factors.found else factors.words),
    ]
    units = {one.found.unit for one in (raw, factors) if one.found is not None}
    if units:
        facts.append(b.fact("Energies in the files", " and ".join(sorted(units)), title="Told by their size"))
    blocks: list[Block] = [b.facts(None, facts)]
    if raw.found is None and factors.found is None:
        blocks.insert(0, b.empty("No curve", "None of the files of this scan can be drawn; the numbers are ISPyB’s."))
    return b.card("Where the curves are from", blocks)


def _scan_facts(row: Row, edge: float | None) -> Block:
    free = [b.fact("Edge of the free atom", number(edge, 1), "eV", title="XrayDB")] if edge is not None else []
    wide = None
    if row["energy_start"] is not None and row["energy_end"] is not None:
        wide = f"{number(row['energy_start'], 1)} – {number(row['energy_end'], 1)}"
    return b.facts(
        "Scan",
        [
            b.fact("Energies", wide or "–", "eV" if wide else ""),
            *free,
            b.fact("Exposure", *_with(row["exposure"], 3, "s")),
            b.fact("Transmission", number(row["transmission"]), title=_TRANSMISSION),
            b.fact("Flux", *_with(row["flux"], None, "ph/s")),
            b.fact("Detector", row["detector"] or "–"),
            b.fact("Beam size, horizontal", number(row["beam_size_x"]), title=_SIZE),
            b.fact("Beam size, vertical", number(row["beam_size_y"]), title=_SIZE),
            b.fact("Dose", number(row["dose"]), title="As stored"),
            b.fact("Temperature", *_with(row["temperature"], 1, "K")),
            b.fact("Ring current", *_with(row["ring_current"], 1, "mA")),
        ],
        2,
    )


def _with(value: float | None, digits: int | None, unit: str) -> tuple[str, str]:
    return (number(value, digits), unit) if value is not None else ("–", "")


@dataclass(frozen=True, slots=True)
class _Xrf:
    row: Row
    file: FromFile[Spectrum]
    candidates: list[str]
    left: dict[str, Content]


class FluorescenceView(_ScanPage):
    """A fluorescence spectrum with the lines of elements."""

    noun, kind = "XRF spectrum", "xrf"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._choices = Choices(self._chosen, label="What is drawn")
        self._plain = LinePlot(420, name="xrf_spectrum")
        self._powers = LinePlot(420, log=True, name="xrf_spectrum")

    def _question(self) -> Callable[[Reader], _Xrf]:
        key, files, choices = self._number or 0, self._desk.files, self._desk.choices

        def ask(reader: Reader) -> _Xrf:
            row = spectrum_of(reader, key)
            stated = choices.get(f"mca.{row['beamline']}")
            file = spectrum_file(files, row, Calibration.of(stated.split(",")) if stated else None)
            found: list[str] = []
            if file.found is not None and file.found.energy is not None:
                beam = row["energy"] / 1000 if row["energy"] else None
                found = emission.candidates(file.found.energy, file.found.counts, beam)
            return _Xrf(row, file, found, shown(files, row, "xrf"))

        return ask

    def _chosen(self, key: str, value: str) -> None:
        if key == "elements":
            named = elements_of(value)
            self._desk.go(self._place.seeing(elements=",".join(named) or ("none" if value.strip() else None)), True)
        elif key == "log":
            self._desk.go(self._place.seeing(log=value or None), True)

    def _draw(self, answer: _Xrf) -> None:
        row, found = answer.row, answer.file.found
        beam = row["energy"] / 1000 if row["energy"] else None
        self._head.set(self._title(row, "X-ray fluorescence spectrum"))
        parts: list[tuple[Viewable, Span]] = [(self._head, 12)]
        notes: list[Block] = []
        if found is None:
            notes.append(b.empty("No spectrum", answer.file.words))
        else:
            asked = self._place.seen("elements")
            named = answer.candidates if asked is None else elements_of(asked)
            log = self._place.seen("log") == "yes"
            self._choices.set(
                [
                    c.words("elements", "Lines of", ", ".join(named), "Symbols of elements, as Fe, Zn, Se", 24),
                    c.tick("log", "Powers of ten", log),
                ]
            )
            marks = marks_of(named, beam) if found.energy is not None else []
            x = found.energy if found.energy is not None else _channels(found)
            axis, unit = ("Energy (keV)", "keV") if found.energy is not None else ("Channel", "")
            plot = self._powers if log else self._plain
            near = [mark for mark in marks if x[0] <= mark.x <= x[-1]]
            plot.show(axis, "Counts", [Line(answer.file.name or "Counts", x, found.counts)], near, unit=unit)
            parts += [(self._choices, 12), (plot.view, 12)]
            notes += _spectrum_notes(answer, found, asked)
        notes.append(_spectrum_facts(row, answer))
        self._facts.set(notes)
        parts += [(self._facts, 12), *self._looked_at(row, answer.left)]
        self._arrange(parts)


def _channels(found: Spectrum) -> Any:
    return np.arange(len(found.counts), dtype=np.float64)


def elements_of(text: str) -> list[str]:
    """The symbols of elements in a text of a stranger, without what is none; at most twelve."""
    parts = text[:200].replace(";", ",").replace(" ", ",").split(",")
    found = (emission.symbol(part) for part in parts[:60])
    return list(dict.fromkeys(name for name in found if name))[:_MOST_ELEMENTS]


_LINE_COLOURS = ("#e2953c", "#3fa66b", "#9a7fd1", "#d65f5f", "#2fa7a7", "#b58b2a", "#c768a8", "#5f7fd6", "#a3b535",
                 "#d6896a", "#7b8794", "#4f8ff7")  # fmt: skip


def marks_of(elements: Sequence[str], beam: float | None) -> list[Mark]:
    """The lines of these elements that a beam of ``beam`` keV excites, and what the beam itself leaves."""
    marks = [
        Mark(line.name, line.energy, _LINE_COLOURS[n % len(_LINE_COLOURS)])
        for n, name in enumerate(elements)
        for line in emission.emission(name, beam)
    ]
    if beam is not None:
        marks += [Mark("beam", beam, _EDGE), Mark("Compton 90°", emission.compton(beam), _EDGE)]
    return marks


def _spectrum_notes(answer: _Xrf, found: Spectrum, asked: str | None) -> list[Block]:
    notes: list[Block] = []
    if found.energy is None:
        notes.append(b.note("info", "Without energies no lines of elements can be drawn."))
    elif not emission.ready():
        notes.append(b.note("info", emission.MISSING))
    elif asked is None and answer.candidates:
        words = ", ".join(answer.candidates)
        notes.append(
            b.text(f"Lines that lie on peaks, by position alone: {words}. Lines of elements overlap.", quiet=True)
        )
    elif asked is None:
        notes.append(b.text("No line of a usual element lies on a peak.", quiet=True))
    return notes


def _spectrum_facts(row: Row, answer: _Xrf) -> Block:
    found = answer.file.found
    counts = float(found.counts.sum()) if found is not None else None
    return b.facts(
        "Spectrum",
        [
            b.fact("File", answer.file.name or "–"),
            b.fact("Energies", found.words if found is not None else "–"),
            b.fact("Counts in all", number(counts)),
            b.fact("Beam energy", *_with(row["energy"], 1, "eV")),
            b.fact("Exposure", *_with(row["exposure"], 3, "s")),
            b.fact("Transmission", number(row["transmission"]), title=_TRANSMISSION),
            b.fact("Flux", *_with(row["flux"], None, "ph/s")),
            b.fact("Beam size, horizontal", number(row["beam_size_x"]), title=_SIZE),
            b.fact("Beam size, vertical", number(row["beam_size_y"]), title=_SIZE),
        ],
        2,
    )
