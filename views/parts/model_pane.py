"""A model with its maps in a frame of its own, how the maps are contoured, and the peaks beside it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from views.parts.part import Part


@dataclass(frozen=True, slots=True)
class DrawnMap:
    """A map: ``kind`` 2fofc, fofc or anom, its words, its address, the file it is from, where to begin (σ)."""

    kind: str
    label: str
    src: str
    name: str
    level: float
    on: bool = True


@dataclass(frozen=True, slots=True)
class DrawnPeak:
    """A peak: its place in Å, and what the table says of it, as text."""

    x: float
    y: float
    z: float
    map: str
    height: str
    nearest: str
    distance: str
    source: str


class ModelPane(Part):
    """Draws a model: ``scene`` is the address of the page in the frame. Nothing comes back from the browser."""

    def __init__(self, scene: str, **params: Any) -> None:
        super().__init__(**params)
        self._scene = scene
        self._shown: dict[str, Any] = {"src": ""}

    def draw(
        self,
        src: str,
        form: str,
        about: str,
        maps: Sequence[DrawnMap],
        peaks: Sequence[DrawnPeak],
        words: Sequence[str] = (),
    ) -> None:
        """Show the model at ``src``, which is of ``form`` pdb or mmcif; ``words`` stand below."""
        shown = {"src": src, "form": form, "about": about, "maps": [asdict(one) for one in maps],
                 "peaks": [asdict(one) for one in peaks], "words": list(words)}  # fmt: skip
        if shown != self._shown:
            self._shown = shown
            self._tell("model", **shown)

    def _content(self) -> dict[str, Any]:
        return {"scene": self._scene, **self._shown}
