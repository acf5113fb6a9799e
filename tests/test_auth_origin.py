"""Where a person may be sent, and where a request comes from."""

from ipaddress import ip_network

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from auth.origin import client_address, from_own_page, is_loopback, neighbourhood, origin_of, safe_next

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


@pytest.mark.parametrize(
    ("connection", "forwarded", "client"),
    [
        ("10.0.0.7", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.7", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.7", "6.6.6.6, 1.2.3.4, 10.0.0.8", "1.2.3.4"),
        ("::ffff:10.0.0.7", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.7", "10.0.0.8", "10.0.0.8"),
        ("10.0.0.7", "6.6.6.6, unknown", "10.0.0.7"),
        ("10.0.0.7", None, "10.0.0.7"),
        ("1.2.3.4", "10.0.0.7", "1.2.3.4"),
        ("", "1.2.3.4", ""),
    ],
)
def test_only_a_trusted_proxy_says_where_a_request_comes_from(
    connection: str, forwarded: str | None, client: str
) -> None:
    headers = HTTPHeaders({"Host": "lens.example"} | ({"X-Forwarded-For": forwarded} if forwarded else {}))
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    request = HTTPServerRequest(start_line=line, headers=headers)
    request.remote_ip = connection
    assert client_address(request, [ip_network("10.0.0.0/24")]) == client
    assert client_address(request, []) in {connection, "10.0.0.7"}, "nobody is trusted unless set"


def test_attempts_are_counted_by_household() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:2") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("10.0.0.1") != neighbourhood("10.0.0.2")
    assert neighbourhood("") == ""
