"""Every part with made-up content, to try and to test: ``python -m views.parts.gallery --port 5007``.

Pages are chosen by the query string: ``?page=list``, ``blocks``, ``detail``, ``hostile``,
``failed``, ``empty``, ``image`` (the viewer on a page of its own, at ``number``).
"""

import argparse
import re
from typing import Any
from urllib.parse import parse_qs, urlencode

import numpy as np
import panel as pn
from tornado.web import RequestHandler

from views.look import look_of
from views.parts import blocks as b
from views.parts import made_frame
from views.parts.frame_pane import FramePane
from views.parts.latency import lower_latency
from views.parts.plot import QualityPlot
from views.parts.shell import Shell
from views.parts.specimens import HOSTILE, MadeUp, some_blocks


class Gallery:
    """One browser's page."""

    def __init__(self, search: str) -> None:
        self.shell = Shell(
            on_go=self.go,
            on_jump=self.jump,
            on_theme=self.themed,
            site={"name": "ISPyB Lens", "demo": True},
            person={"name": "Ada Lovelace", "login": "ada"},
            logout="/logout",
            csrf="token",
            ping="/ping",
            nav=[
                {"key": key, "label": label, "link": f"?page={key}", "current": False}
                for key, label in (
                    ("list", "Collections"),
                    ("blocks", "Visit"),
                    ("detail", "Detail"),
                )
            ],
        )
        self.made: MadeUp | None = None
        self.gone: list[str] = []
        self.search = search
        self.go(search, True)

    def themed(self, theme: str) -> None:
        """Nothing here draws on the server."""

    def jump(self, words: str) -> None:
        found = [{"label": f"{words} {n}", "detail": "visit", "link": f"?page=detail&number={n}"} for n in (1, 2, 3)]
        self.shell.suggest([] if words == "nothing" else found)

    def go(self, search: str, pop: bool) -> None:
        self.search = search
        name = parse_qs(search.removeprefix("?")).get("page", ["list"])[0]
        build = {
            "list": self.a_list,
            "blocks": self.all_blocks,
            "detail": self.detail,
            "hostile": self.hostile,
            "failed": self.failed,
            "empty": self.empty,
            "image": self.image,
        }
        body, spans = build.get(name, self.a_list)()
        self.shell.param.update(
            title=name.title(),
            body=body,
            spans=spans,
            search=search or "?page=list",
            replace=pop,
            nav=[item | {"current": item["key"] == name} for item in self.shell.nav],
            crumbs=[
                {"label": "Proposals", "link": "?page=list"},
                {"label": "mx415", "link": "?page=blocks"},
                {"label": name, "link": None},
            ],
            notices=[{"kind": "warn", "text": HOSTILE}] if name == "hostile" else [],
        )

    def a_list(self) -> tuple[list[Any], list[int]]:
        self.made = self.made or MadeUp()
        made = self.made
        buttons = b.Blocks(
            [
                b.heading("Collections", 1, "mx415-3 · i04"),
                b.actions(
                    [
                        b.action("arrive", "Start a collection"),
                        b.action("finish", "Finish a processing"),
                    ]
                ),
            ],
            on_action=lambda name, value: getattr(made, name)() if name in ("arrive", "finish") else None,
        )
        return [buttons, made.table], []

    def all_blocks(self) -> tuple[list[Any], list[int]]:
        return [b.Blocks(some_blocks())], []

    def hostile(self) -> tuple[list[Any], list[int]]:
        return [
            b.Blocks(some_blocks(HOSTILE)),
            MadeUp(40, hostile=True).table,
            FramePane(label=HOSTILE, message=HOSTILE),
        ], []

    def failed(self) -> tuple[list[Any], list[int]]:
        return [
            MadeUp(100, failing=True).table,
            FramePane(routes=made_frame.ROUTES, first_image=0, image=0, last_image=9),
        ], []

    def empty(self) -> tuple[list[Any], list[int]]:
        return [MadeUp(0).table], []

    def detail(self) -> tuple[list[Any], list[int]]:
        x = np.arange(1, 3601)
        plot = QualityPlot(on_image=lambda number: show(number))
        noise = np.random.default_rng(4)
        spots = 300 + 180 * np.sin(x / 500) + noise.normal(0, 18, len(x))
        plot.show(x, spots, 1.6 + 0.4 * np.cos(x / 700) + noise.normal(0, 0.03, len(x)))
        frame = FramePane(
            on_image=lambda number: show(number),
            routes=made_frame.ROUTES,
            label="lyso_4_2",
            first_image=1,
            last_image=3600,
            series={"image": x.tolist(), "value": spots.tolist()},
            elsewhere="?page=image",
        )

        def show(number: int) -> None:
            frame.image = number
            plot.mark(number)

        show(1)
        top = b.Blocks(some_blocks()[:2])
        facts = b.Blocks([b.card("Beam", some_blocks()[3]["columns"][0][0]["blocks"])])
        return [top, plot.view, frame, facts], [12, 5, 7, 12]

    def image(self) -> tuple[list[Any], list[int]]:
        given = {name: values[0] for name, values in parse_qs(self.search.removeprefix("?")).items()}
        frame = FramePane(
            full=True,
            on_look=lambda look: self.looked(look),
            on_image=lambda number: self.facts(frame, number),
            routes=made_frame.ROUTES,
            label="lyso_4_2",
            first_image=1,
            image=int(given.get("number", "5")),
            last_image=60,
            look=dict(look_of(given)),
            series={"image": list(range(1, 61)), "value": [200 + 150 * ((n * 7) % 11) / 10 for n in range(60)]},
            elsewhere="?page=detail",
        )
        self.facts(frame, int(given.get("number", "5")))
        return [frame], []

    def facts(self, frame: FramePane, number: int) -> None:
        frame.facts = {"image": number, "rows": [["Spots", str(100 + number), ""], ["Resolution", "1.62", "Å"]]}

    def looked(self, look: dict[str, str]) -> None:
        with self.shell.param.update(replace=True):
            self.shell.search = f"?{urlencode({'page': 'image', **look})}"


class Picture(RequestHandler):
    """A made-up picture."""

    def get(self, number: str) -> None:
        n = int(number)
        self.set_header("Content-Type", "image/svg+xml")
        self.set_header("Cache-Control", "max-age=600")
        rings = "".join(
            f'<circle cx="{60 + n % 9}" cy="45" r="{r}" fill="none" stroke="#8a93a1" />' for r in range(12, 80, 14)
        )
        dots = "".join(
            f'<circle cx="{(n * 37 + i * 53) % 120}" cy="{(n * 11 + i * 29) % 90}" r="1.1"/>' for i in range(60)
        )
        self.finish(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 90">'
            f'<rect width="120" height="90" fill="#e4e6ea"/>{rings}{dots}</svg>'
        )


class Ping(RequestHandler):
    """Always signed in."""

    def get(self) -> None:
        self.finish("")


def _with_nonce(policy_nonce: str) -> None:
    """The content policy that the pages are meant for, on every answer of this process."""
    policy = (
        f"script-src 'self' 'nonce-{policy_nonce}'; script-src-attr 'none'; object-src 'none'; "
        "base-uri 'none'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "connect-src 'self' blob:"
    )
    write = RequestHandler.write

    def headers(self: RequestHandler) -> None:
        self.set_header("Content-Security-Policy", policy)

    def with_nonce(self: RequestHandler, chunk: Any) -> None:
        if isinstance(chunk, str) and "<html" in chunk:
            chunk = re.sub(r"<script(?=[\s>])", f'<script nonce="{policy_nonce}"', chunk)
        write(self, chunk)

    RequestHandler.set_default_headers = headers  # type: ignore[method-assign]
    RequestHandler.write = with_nonce  # type: ignore[method-assign]


def page() -> Any:
    """The page of one browser."""
    arguments = pn.state.location.search if pn.state.location else ""
    return Gallery(arguments or "").shell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5007)
    options = parser.parse_args()
    lower_latency()
    _with_nonce("gallery")
    pn.serve(
        {"/": page},
        port=options.port,
        address="127.0.0.1",
        show=False,
        title="Gallery",
        extra_patterns=[*made_frame.PATTERNS, (r"/made/(\d+)\.svg", Picture), (r"/ping", Ping)],
    )


if __name__ == "__main__":
    main()
