"""The model that came after a collection, with its maps and peaks: which one is drawn is in the link."""

from collections.abc import Callable, Sequence
from typing import Any

from panel.viewable import Viewable

from data.reader import Reader
from data.techniques.mx.density import SEARCHED
from data.techniques.mx.models import Candidate, Scene, scene
from views.desk import Desk
from views.parts import blocks as b
from views.parts import choices as c
from views.parts.blocks import Blocks
from views.parts.choices import Choices
from views.parts.model_pane import DrawnMap, DrawnPeak, ModelPane
from views.parts.text import MISSING, number, space_group
from views.problem import Problem
from views.reading import Reading

_LEVELS = {"2fofc": 1.5, "fofc": 3.0, "anom": 4.0}
"""Contours to begin with (σ), as crystallographers do."""
_MOST_OPTIONS = 100


class ModelPanel:
    """One model of several. ``arrange`` is called when ``parts`` changed, ``choose`` with the key of a model."""

    def __init__(self, desk: Desk, arrange: Callable[[], None], choose: Callable[[str], None]) -> None:
        self._desk, self._arrange, self._choose = desk, arrange, choose
        self._options: list[Candidate] = []
        self._asked: tuple[int, Candidate] | None = None
        self._which = Choices(self._chosen, label="Model that is drawn")
        self._words = Blocks()
        self._pane = ModelPane(f"{desk.prefix}/molecule/scene")
        self._reading: Reading[Scene] = Reading(desk, self._tell, self._fail)
        self.parts: list[Viewable] = []

    def show(self, collection_id: int, options: Sequence[Candidate], key: str | None) -> None:
        """Show the model of this key, else the first."""
        self._options = list(options[:_MOST_OPTIONS])
        if not self._options:
            self.clear()
            return
        one = next((option for option in self._options if option.key == key), self._options[0])
        named = [(option.key, f"{option.label} · {option.name}") for option in self._options]
        self._which.set([c.select("model", "Model", named, one.key)])
        if self._asked == (collection_id, one):
            return
        self._asked = collection_id, one
        self._words.set([b.loading(3, "Reading the model")])
        self._set([self._which, self._words])
        files = self._desk.files

        def question(reader: Reader) -> Scene:
            return scene(reader, files, collection_id, one)

        self._reading.ask(question)

    def clear(self) -> None:
        """There is no model."""
        self.forget()
        self._asked = None
        self._set([])

    def forget(self) -> None:
        """Drop what is under way."""
        self._reading.forget()

    def _chosen(self, key: str, value: str) -> None:
        self._choose(value)

    def _set(self, parts: list[Viewable]) -> None:
        if parts != self.parts:
            self.parts = parts
            self._arrange()

    def _fail(self, problem: Problem) -> None:
        self._asked = None
        self._words.set([b.problem(problem.title, problem.text, problem.reference)])
        self._set([self._which, self._words])

    def _tell(self, found: Scene) -> None:
        if self._asked is None or self._asked[1] != found.candidate:
            return
        number_, one = self._asked
        if not found.drawn:
            self._words.set([b.empty("This model cannot be drawn", " ".join(found.words))])
            self._set([self._which, self._words])
            return
        base = f"{self._desk.prefix}/model/{number_}/{one.key}"
        maps = [
            DrawnMap(drawn["kind"], drawn["label"], f"{base}/map/{drawn['key']}/{drawn['kind']}", drawn["name"] or "",
                     _LEVELS[drawn["kind"]], drawn["kind"] != "anom" or len(found.maps) == 1)
            for drawn in found.maps
        ]  # fmt: skip
        group = f" · {space_group(one.space_group)}" if one.space_group else ""
        about = f"{one.name}{group} · {number(found.atoms)} atoms"
        self._pane.draw(base, found.form, about, maps, [_peak(peak) for peak in found.peaks], _notes(found))
        self._set([self._which, self._pane])


def _peak(row: dict[str, Any]) -> DrawnPeak:
    peak = row["peak"]
    height = MISSING if peak.height is None else number(peak.height, 1)
    x, y, z = (round(place, 3) for place in (peak.x, peak.y, peak.z))
    nearest = peak.nearest or MISSING
    return DrawnPeak(x, y, z, row["label"], height, nearest, number(peak.distance, 2), row["from"] or "")


def _notes(found: Scene) -> list[str]:
    notes = list(found.words)
    searched = {peak["kind"] for peak in found.peaks if peak["from"] != "ISPyB"} & SEARCHED.keys()
    if searched:
        least = " and ".join(f"{SEARCHED[kind]:g} σ ({drawn['label']})" for drawn in found.maps
                             if (kind := drawn["kind"]) in searched)  # fmt: skip
        notes.append(
            f"Peaks were searched in the map: the highest points of all that lies above {least}, each moved by the "
            "symmetry of the crystal to where it is nearest to an atom."
        )
    if found.maps:
        notes.append("σ is the standard deviation of the map over the whole cell; maps are shown about the model only.")
    return notes
