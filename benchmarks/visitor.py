"""A light browser: what a page's script says to the server, without drawing anything.

Signs in, gets a page, opens its websocket, pulls the document, and answers as `views/parts/js` does: ``ready`` for each
part that arrives, ``want`` for each list. Static files are not asked for: a browser keeps them.
"""

import asyncio
import html
import itertools
import json
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

Json = dict[str, Any]

AsyncHTTPClient.configure(None, max_clients=400, defaults={"request_timeout": 120, "connect_timeout": 120})

_TOKEN = re.compile(r'"token":\s*"([^"]+)"')
_HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
_SECONDS = 60.0


@dataclass
class Visitor:
    """One person's browser: an address and the cookies of a login session."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    """Whom to trust over https, where not the system's authorities."""

    async def ask(
        self, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> HTTPResponse:
        """GET, or POST of a form; redirections are not followed. Raises HTTPClientError for 4xx and 5xx."""
        headers = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Cookie": self.cookie} | (headers or {})
        if form is not None:
            headers |= {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded"}
        request = HTTPRequest(
            self.address + path,
            method="GET" if form is None else "POST",
            body=None if form is None else urlencode(form),
            headers=headers,
            follow_redirects=False,
            ssl_options=self.tls,
        )
        try:
            answer = await AsyncHTTPClient().fetch(request)
        except HTTPClientError as error:
            if error.response is None or not 300 <= error.code < 400:
                raise
            answer = error.response
        for line in answer.headers.get_list("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    @property
    def origin(self) -> str:
        """The site, as browsers name the page that asks."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def cookie(self) -> str:
        """The header of the cookies."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)

    async def sign_in(self, login: str, password: str, provider: str | None = None) -> None:
        """Sign in by the form, with the first provider or this one. Raises RuntimeError where that fails."""
        text = (await self.ask("/login")).body.decode().partition("</form>")[0]
        form = {name: html.unescape(value) for name, value in _HIDDEN.findall(text)}
        form |= {} if provider is None else {"provider": provider}
        answer = await self.ask("/login", form | {"login": login, "password": password})
        if answer.code != 303:
            raise RuntimeError(f"signing in as {login} failed: {answer.code}")

    async def open(self, path: str, drawn: bool = True) -> "Tab":
        """Open a page and its websocket, and pull its document; unless ``drawn``, never say that it was drawn."""
        page = (await self.ask(path)).body.decode()
        found = _TOKEN.search(page)
        if found is None:
            raise RuntimeError(f"{path} holds no page")
        root = self.address + path.partition("?")[0].rstrip("/")
        request = HTTPRequest(
            f"{root.replace('http', 'ws', 1)}/ws",
            headers={"Cookie": self.cookie, "Origin": self.origin},
            ssl_options=self.tls,
            connect_timeout=_SECONDS,
            request_timeout=_SECONDS,
        )
        socket = await websocket_connect(request, subprotocols=["bokeh", found.group(1)], max_message_size=1 << 28)
        if socket.protocol is not None:
            socket.protocol.set_nodelay(True)  # as browsers do
        tab = Tab(socket, len(page))
        try:
            await tab.begin(drawn)
        except BaseException:
            tab.close()
            raise
        return tab


class Tab:
    """An open page. ``parts`` by the id of their model; ``heard`` are the messages that parts were sent."""

    def __init__(self, socket: WebSocketClientConnection, page: int) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.bytes = page
        self.objects = 0
        self.parts: dict[str, Json] = {}
        self.models: dict[str, list[str]] = {}
        """Names of the properties that each model was sent with, by its id."""
        self.errors: list[Json] = []
        self.ids: dict[str, str] = {}
        """Class or name of a part or model → id; the latest where there are several."""
        self.heard: list[tuple[str, Json]] = []
        self.patches = 0
        self.closed = False
        self._failed: Exception | None = None

    async def begin(self, drawn: bool) -> None:
        """Pull the document; from then on listen."""
        async with asyncio.timeout(_SECONDS):
            await self._receive()  # ACK
            await self._send("PULL-DOC-REQ", {})
            while True:
                kind, content = await self._receive()
                if kind == "PULL-DOC-REPLY":
                    break
        await self._meet(content["doc"]["roots"])
        self._task = asyncio.create_task(self._listen())
        if drawn:
            await self.drawn()

    async def drawn(self) -> None:
        """Say that the page has been drawn."""
        await self._send("PATCH-DOC", {"events": [_message({"type": "event", "name": "document_ready"})]})

    def close(self) -> None:
        """Close the page as a browser does that goes away."""
        self.closed = True
        if self._task is not None:
            self._task.cancel()
        self._socket.close()

    async def tell(self, part: str, **message: Any) -> None:
        """A message of a part, as its script sends it; ``part`` is an id."""
        values = [["model", {"id": part}], ["data", json.dumps(message)]]
        event = {"type": "event", "name": "data_event", "values": {"type": "map", "entries": values}}
        await self._send("PATCH-DOC", {"events": [_message(event)]})

    async def set(self, model: str, name: str, value: Any) -> None:
        """Change a property, as a widget's view does."""
        change = {"kind": "ModelChanged", "model": {"id": model}, "attr": name, "new": value}
        await self._send("PATCH-DOC", {"events": [change]})

    async def until(self, kind: str, **fields: Any) -> Json:
        """Wait for a message of that type to a part, with these fields; it is taken out."""
        return await self._until(lambda: self._take(kind, fields))

    async def patched(self, before: int) -> None:
        """Wait until more than ``before`` changes of the document have come."""
        await self._until(lambda: self.patches > before)

    async def _until(self, found: Callable[[], Any]) -> Any:
        try:
            async with asyncio.timeout(_SECONDS), self._changed:
                while not (value := found()):
                    if self.closed:
                        raise RuntimeError("the page is closed") from self._failed
                    await self._changed.wait()
        except TimeoutError:
            heard = [(part, message["type"], message.get("version")) for part, message in self.heard]
            raise TimeoutError(f"not heard in {_SECONDS:g} s; the page has {self.ids} and heard {heard}") from None
        return value

    def _take(self, kind: str, fields: Json) -> Json | None:
        for number, (_, message) in enumerate(self.heard):
            if message["type"] == kind and all(message.get(name) == value for name, value in fields.items()):
                del self.heard[number]
                return message
        return None

    async def _listen(self) -> None:
        try:
            while True:
                kind, content = await self._receive()
                if kind == "PATCH-DOC":
                    await self._patch(content)
                elif kind == "ERROR":
                    self.errors.append(content)
        except Exception as error:
            async with self._changed:
                self.closed, self._failed = True, error
                self._changed.notify_all()

    async def _patch(self, content: Json) -> None:
        for event in content["events"]:
            if event["kind"] == "MessageSent" and event["msg_type"] == "bokeh_event":
                values = dict(event["msg_data"]["values"]["entries"])
                if event["msg_data"]["name"] == "esm_event":
                    self.heard.append((values["model"]["id"], json.loads(values["data"])))
            else:
                await self._meet(event)
        async with self._changed:
            self.patches += 1
            self._changed.notify_all()

    async def _meet(self, content: Any) -> None:
        """Parts that came with a document or a change: each says that it is ready, a list asks for its rows."""
        for found in _objects(content):
            self.objects += 1
            attributes = found.get("attributes", {})
            name = attributes.get("class_name") or found["name"]
            self.ids[name] = found["id"]
            self.models[found["id"]] = list(attributes)
            first = _first(attributes.get("data"))
            if first is None:
                continue
            self.parts[found["id"]] = first
            await self.tell(found["id"], type="ready", version=first["version"])
            if "columns" in first and "page" in first:
                await self.want(found["id"], seq=next(self._numbers))

    async def want(self, part: str, seq: int, **more: Any) -> None:
        """Ask a list for its first page, as its script does."""
        first = self.parts[part]
        state = first.get("state") or {}
        asked = {name: state.get(name) for name in ("sort", "descending", "filters", "search")}
        usual = {"offset": 0, "limit": first["page"]}
        await self.tell(part, type="want", seq=seq, **(usual | asked | more))

    async def _send(self, kind: str, content: Json) -> None:
        header = {"msgid": str(next(self._numbers)), "msgtype": kind}
        async with self._sending:  # or the fragments of two messages come mixed
            for fragment in (header, {}, content):
                await self._socket.write_message(json.dumps(fragment))

    async def _receive(self) -> tuple[str, Json]:
        header, _, content = [json.loads(await self._fragment()) for _ in range(3)]
        for _ in range(2 * header.get("num_buffers", 0)):
            await self._fragment()
        return header["msgtype"], content

    async def _fragment(self) -> str | bytes:
        fragment = await self._socket.read_message()
        if fragment is None:
            raise RuntimeError("the server closed the page")
        self.bytes += len(fragment)
        return fragment


def _message(event: Json) -> Json:
    return {
        "kind": "MessageSent",
        "msg_type": "bokeh_event",
        "msg_data": event | {"values": event.get("values", {"type": "map"})},
    }


def _objects(value: Any) -> Iterator[Json]:
    """The models in a part of a document, outermost first."""
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)
    elif isinstance(value, dict):
        if value.get("type") == "object" and "id" in value:
            yield value
        for item in value.values():
            yield from _objects(item)


def _first(data: Any) -> Json | None:
    """What a part starts from, where ``data`` is the data of one."""
    text = data.get("attributes", {}).get("first") if isinstance(data, dict) else None
    return json.loads(text) if text else None
