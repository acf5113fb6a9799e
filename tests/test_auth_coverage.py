"""Every route is gated, or public on purpose."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bokeh.server.auth_provider import NullAuth
from bokeh.server.views.static_handler import StaticHandler
from servers.gated import Dashboard, Echo, dashboard
from tornado.web import RequestHandler, StaticFileHandler

from auth.coverage import Ungated, audit_routes, require_gated


class Bare(RequestHandler):
    """A handler that somebody forgot to gate."""

    def get(self) -> None:
        self.finish("data")


class Loose(Echo):
    """A handler that goes round the gate."""

    async def prepare(self) -> None:
        pass


class Dressed(StaticHandler):
    """A handler that looks like one of the allowed."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Dashboard]:
    with dashboard(tmp_path) as running:
        yield running


def test_every_route_of_the_dashboard_is_covered(site: Dashboard) -> None:
    assert audit_routes(site.server._tornado) == []


@pytest.mark.parametrize("handler", [Bare, Loose, Dressed, StaticFileHandler])
def test_an_ungated_route_is_named_and_the_server_does_not_start(tmp_path: Path, handler: type[RequestHandler]) -> None:
    options = {"path": str(tmp_path)} if handler is StaticFileHandler else {}
    with (
        pytest.raises(Ungated, match=rf"/planted/\(\.\*\) .*{handler.__name__}"),
        dashboard(tmp_path, extra=[(r"/planted/(.*)", handler, options)]),
    ):
        pass


def test_a_server_that_nobody_checked_refuses_to_answer(tmp_path: Path) -> None:
    with dashboard(tmp_path, extra=[(r"/planted", Bare)], install=False) as site:
        browser = site.browser()
        assert browser.get("/login").status == 503
        assert browser.get("/app").status == 503


def test_a_route_may_be_public_when_it_is_named(site: Dashboard) -> None:
    application = site.server._tornado
    application.add_handlers(r".*", [(r"/alive", Bare)])
    assert [found.split()[0] for found in audit_routes(application)] == ["/alive"]
    assert audit_routes(application, allow=["/alive"]) == []
    require_gated(application, allow=["/alive"])


def test_without_a_gate_no_page_is_covered(site: Dashboard) -> None:
    site.server._tornado.auth_provider = NullAuth()
    found = audit_routes(site.server._tornado)
    assert any("WSHandler" in route for route in found)
    assert any("DocHandler" in route for route in found)
    assert any("Echo" in route for route in found)


def test_strangers_import_no_modules(site: Dashboard) -> None:
    sys.modules.pop("this", None)
    assert site.browser().fetch("/components/this/x/_bundle_path/y.js").status == 404
    assert "this" not in sys.modules


def test_components_in_use_are_served(site: Dashboard) -> None:
    found = site.browser().fetch("/components/panel.widgets.tables/Tabulator/nothing/x.js")
    assert found.status == 403, "a known module is looked at"
