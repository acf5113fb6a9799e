"""The board of one serial run: numbers to be read from two metres, rates along time, cells, chip, laser, frames."""

from collections.abc import Callable
from typing import Any, Final

from views.parts.part import Part

_WISHES: Final = frozenset({"target", "brush", "cluster", "rules", "mute", "acknowledge", "watch"})


class RunBoard(Part):
    """Draws what it is given and keeps itself up to date from small messages.

    ``whole()`` is everything as it is now; ``begin`` gives it anew; ``tick`` what changed. ``on_wish(name, data)`` is
    called for what the user asks (``_WISHES``): a stranger's input.
    """

    def __init__(
        self,
        whole: Callable[[], dict[str, Any]],
        on_wish: Callable[[str, dict[str, Any]], None],
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._whole, self._on_wish = whole, on_wish

    def begin(self) -> None:
        """Show ``whole()`` instead of all that was."""
        self._tell("begin", **self._whole())

    def tick(self, changed: dict[str, Any]) -> None:
        """Show what changed."""
        self._tell("tick", **changed)

    def tell(self, kind: str, **data: Any) -> None:
        """An answer to a wish, for this browser alone."""
        self._tell(kind, **data)

    def _content(self) -> dict[str, Any]:
        return self._whole()

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        if kind in _WISHES:
            self._on_wish(kind, data)
