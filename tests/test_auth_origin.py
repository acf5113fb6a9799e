"""Where a person may be sent, and where a request comes from."""

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from auth.origin import from_own_page, is_loopback, origin_of, safe_next

_ELSEWHERE = [
    "",
    "visit",
    "//evil.example",
    "///evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "/x\\..\\y",
    "https://evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "/%2fevil.example",
    "/%252fevil.example",
    "/%5cevil.example",
    "/.//evil.example",
    "/a\r\nSet-Cookie: x=1",
    "/%0d%0aSet-Cookie: x=1",
    "/\t/evil.example",
    " /x",
    "/\u2028/x",
    "/\udc00",
    "/login",
    "/LOGIN/",
    "/login?next=/login",
    "/a/../logout",
    "/%6cogin",
    "/auth/once?token=x",
    "/" + "x" * 5000,
]


@pytest.mark.parametrize("wanted", _ELSEWHERE)
def test_an_address_elsewhere_becomes_the_first_page(wanted: str) -> None:
    assert safe_next(wanted) == "/"
    assert safe_next(wanted, "/lens") == "/lens/"


@pytest.mark.parametrize(
    "wanted",
    [
        "/",
        "/visit?p=mx415-3&x=a%20b#frame",
        "/loginfo",
        "/x?u=http://other.example//y",
        "/x?comment=a%0Ab%5C",
    ],
)
def test_an_address_of_this_site_is_kept(wanted: str) -> None:
    assert safe_next(wanted) == wanted
    assert safe_next(f"/lens{wanted}", "/lens") == f"/lens{wanted}"


def test_letters_beyond_ascii_are_quoted_for_the_header() -> None:
    assert safe_next("/é?q=ü") == "/%C3%A9?q=%C3%BC"


@pytest.mark.parametrize("wanted", ["/lensx", "/lens/../x", "/x", "/lens/login"])
def test_an_address_outside_the_prefix_becomes_the_first_page(wanted: str) -> None:
    assert safe_next(wanted, "/lens") == "/lens/"


@pytest.mark.parametrize(
    ("site", "origin", "own"),
    [
        ("same-origin", "https://lens.example", True),
        ("same-origin", None, True),
        (None, "https://lens.example", True),
        ("same-origin", "https://evil.example", False),
        ("same-site", "https://lens.example", False),
        ("cross-site", None, False),
        ("none", None, False),
        (None, "null", False),
        (None, "https://lens.example.evil.example", False),
        (None, None, False),
    ],
)
def test_only_a_page_of_this_site_counts(site: str | None, origin: str | None, own: bool) -> None:
    given = {"Host": "lens.example", "Sec-Fetch-Site": site, "Origin": origin}
    headers = HTTPHeaders({name: value for name, value in given.items() if value})
    request = HTTPServerRequest(start_line=RequestStartLine("POST", "/login", "HTTP/1.1"), headers=headers)
    assert from_own_page(request, {"https://lens.example"}) is own


def test_loopback_is_known_by_its_names() -> None:
    for host in ("localhost", "localhost:5006", "127.0.0.1:1", "[::1]:80", "LOCALHOST"):
        assert is_loopback(host), host
    for host in (
        "",
        "lens.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "[",
        "a:b",
    ):
        assert not is_loopback(host), host


def test_an_origin_is_written_as_browsers_write_it() -> None:
    assert origin_of("https://Lens.Example:443/path") == "https://lens.example"
    assert origin_of("http://[::1]:5006/") == "http://[::1]:5006"
