"""What the page expects of a view."""

from typing import Protocol

from panel.viewable import Viewable

from views.place import Place

Span = int | tuple[int, int]
"""Width in twelfths of the page, or (width, rows of the page that it reaches over)."""


class View(Protocol):
    """One screen, built once per browser; ``parts`` stay, their contents change.

    ``show`` is called whenever the place changes to one of this view's, ``beat`` when the watched visit has changed,
    ``hide`` when another view takes the page.
    """

    parts: list[Viewable]
    spans: list[Span]

    def show(self, place: Place) -> None:
        """Show this place."""

    def beat(self) -> None:
        """Something in the watched visit changed."""

    def hide(self) -> None:
        """Another view takes the page."""
