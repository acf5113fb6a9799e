"""The page's Content-Security-Policy and the nonces of its scripts."""

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from auth.csp import PageSecurity, policy, with_nonce


def _transformed(body: bytes, **headers: str) -> tuple[HTTPHeaders, bytes]:
    transform = PageSecurity(
        HTTPServerRequest(start_line=RequestStartLine("GET", "/", "HTTP/1.1"), headers=HTTPHeaders(Host="localhost"))
    )
    given = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
    _, sent, chunk = transform.transform_first_chunk(200, given, body, True)
    return sent, chunk


@pytest.mark.parametrize(
    ("page", "marked"),
    [
        (b"<script>x</script>", b'<script nonce="N">x</script>'),
        (b'<SCRIPT src="a.js"></SCRIPT >', b'<script nonce="N" src="a.js"></script>'),
        (b"<script\ntype=module>a\nb</script>", b'<script nonce="N"\ntype=module>a\nb</script>'),
        (b"<script nonce='own'>x</script>", b"<script nonce='own'>x</script>"),
        (b"<scripted>x</scripted>", b"<scripted>x</scripted>"),
        (
            b"<script>'<script>'</script><b>&lt;script></b>",
            b"<script nonce=\"N\">'<script>'</script><b>&lt;script></b>",
        ),
    ],
)
def test_each_script_element_of_the_server_gets_the_nonce(page: bytes, marked: bytes) -> None:
    assert with_nonce(page, "N") == marked


def test_the_policy_allows_no_evaluated_and_no_inline_code() -> None:
    directives = dict(part.split(" ", 1) for part in policy("N").split("; "))
    assert directives["script-src"] == "'self' 'nonce-N'"
    assert directives["script-src-attr"] == "'none'"
    assert directives["object-src"] == directives["base-uri"] == "'none'"
    assert directives["frame-ancestors"] == directives["default-src"] == "'none'"


def test_the_length_of_a_page_is_that_of_what_is_sent() -> None:
    page = b"<script>x</script>"
    headers, sent = _transformed(page, Content_Type="text/html", Content_Length=str(len(page)))
    assert headers["Content-Length"] == str(len(sent))
    assert len(sent) > len(page)


def test_a_page_is_never_kept_with_its_nonce() -> None:
    headers, _ = _transformed(b"", Content_Type="text/html", Etag='"x"', Cache_Control="public")
    assert headers["Cache-Control"] == "no-store"
    assert "Etag" not in headers


def test_what_is_no_page_is_sent_as_it_is() -> None:
    script = b"'<script>x</script>'"
    headers, sent = _transformed(script, Content_Type="text/javascript", Cache_Control="public")
    assert sent == script
    assert headers["Cache-Control"] == "public"
    assert "Content-Security-Policy" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_stricter_policy_of_a_handler_is_kept() -> None:
    headers, sent = _transformed(
        b"<script>x</script>",
        Content_Type="text/html",
        Content_Security_Policy="default-src 'none'",
    )
    assert headers["Content-Security-Policy"] == "default-src 'none'"
    assert sent == b"<script>x</script>"
