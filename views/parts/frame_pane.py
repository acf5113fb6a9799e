"""A frame of a detector drawn from its address."""

from typing import Any

import param

from views.parts.part import Action, Part

_TOLD = ["src", "image", "first_image", "last_image", "label", "message", "height"]


class FramePane(Part):
    """Draws 8-bit codes from ``src`` on a canvas; contrast, zoom and colour need no further
    request.

    ``GET src`` answers application/octet-stream of width x height codes, 255 where masked, with the
    headers X-Frame-Width, X-Frame-Height and X-Frame-Factor (detector pixels a code stands for); a
    failure answers JSON ``{title, text}``. ``on_image(number)`` is called when another image is
    asked for, within first..last.
    """

    src = param.String(default="", doc="Address of the frame; none shows ``message``.")
    image = param.Integer(default=None, allow_None=True, doc="Number of the image shown.")
    first_image = param.Integer(default=1)
    last_image = param.Integer(default=None, allow_None=True)
    label = param.String(default="", doc="What the frame is, for the heading and for screen readers.")
    message = param.String(default="No frame to show.", doc="Words where there is no address.")
    height = param.Integer(default=460, bounds=(160, None))

    _rename = dict.fromkeys(_TOLD)

    def __init__(self, on_image: Action | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._on_image = on_image
        self.param.watch(self._changed, _TOLD)

    def _content(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _TOLD}

    def _changed(self, *events: param.parameterized.Event) -> None:
        self._tell("frame", **{event.name: event.new for event in events})

    def _heard(self, kind: str, data: dict[str, Any]) -> None:
        number = data.get("image")
        if kind != "image" or not isinstance(number, int) or isinstance(number, bool):
            return
        last = self.last_image if self.last_image is not None else self.first_image
        if self.first_image <= number <= last:
            self._call(self._on_image, number)
