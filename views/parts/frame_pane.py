"""The viewer of detector frames: pixels come from addresses, what is looked at is told both ways."""

from typing import Any

import param

from views.look import look_of
from views.parts.part import Action, Part

_TOLD = [
    *("routes", "image", "first_image", "last_image", "newest", "label", "noun", "message", "height", "look"),
    *("series", "facts", "elsewhere"),
]


MOST = 100_000
"""Images of a file that says itself how many it holds."""


class FramePane(Part):
    """Draws frames of one collection on a canvas; contrast, zoom, colours and marks need no request of the page.

    ``routes`` are the addresses of the collection: ``frame`` answers ``<frame>/<image>?size=…`` with 8-bit codes and
    ``<frame>/<image>/about|spots|predictions|radial|profile|box`` with JSON, ``tile`` full-resolution counts,
    ``region`` files, ``stack`` starts work over many images, ``job`` says how far it is, ``token`` what a request must
    bring to start or stop work. A failure is JSON ``{title, text}``.

    ``on_image(number)`` is called when another image, within first..last, was settled on; ``on_look(look)`` when it is
    looked at differently, with what a link may carry of it. Both come from the browser and are checked here.
    """

    routes = param.Dict(default={}, doc="Addresses by name; without ``frame`` the pane shows ``message``.")
    image = param.Integer(default=None, allow_None=True, doc="Number of the image shown.")
    first_image = param.Integer(default=1)
    last_image = param.Integer(default=None, allow_None=True, doc="None: as many as the file is found to hold.")
    newest = param.Integer(default=None, allow_None=True, doc="The newest image there is, for following.")
    label = param.String(default="", doc="What the frame is, for the heading and for screen readers.")
    noun: Any = param.Selector(default="Image", objects=["Image", "Frame"], doc="Frame: one of a microscope's movie.")
    message = param.String(default="No frame to show.", doc="Words where there is no address.")
    height = param.Integer(default=460, bounds=(160, None), doc="Of the picture; a full pane fills the window.")
    look = param.Dict(default={}, doc="How it is looked at, as `views.look` has it in a link.")
    series = param.Dict(default={}, doc="{image, value}: spots of each image, for the bars under the picture.")
    facts = param.Dict(default={}, doc="{image, rows: [[name, value, unit]]}: what is known of one image.")
    elsewhere = param.String(default="", doc="Address of the other page: the image alone, or its collection.")
    full = param.Boolean(default=False, constant=True, doc="A page of its own: all tools, beside the picture.")

    _rename = dict.fromkeys([*_TOLD, "full"])

    def __init__(self, on_image: Action | None = None, on_look: Action | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._on_image, self._on_look = on_image, on_look
        self._from_browser = False
        self.param.watch(self._changed, _TOLD)

    def _content(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in [*_TOLD, "full"]}

    def _changed(self, *events: param.parameterized.Event) -> None:
        if self._from_browser:
            # The browser is there already, or further: told back, it would be taken back a step.
            self._version += 1
            return
        self._tell("frame", **{event.name: event.new for event in events})

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "image":
            number = data.get("image")
            if not isinstance(number, int) or isinstance(number, bool):
                return
            last = self.last_image if self.last_image is not None else MOST
            if self.first_image <= number <= last:
                self._kept(image=number)
                self._call(self._on_image, number)
        elif kind == "look":
            given = data.get("look")
            if isinstance(given, dict):
                look = dict(look_of(given))
                self._kept(look=look)
                self._call(self._on_look, look)

    def _kept(self, **values: Any) -> None:
        self._from_browser = True
        try:
            self.param.update(**values)
        finally:
            self._from_browser = False
