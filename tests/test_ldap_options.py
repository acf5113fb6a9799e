"""Options of a directory that cannot be used, and secrets among them."""

from typing import Any

import pytest
from servers.slapd import PEOPLE, READER, READER_PASSWORD

from auth.providers import Misconfigured
from auth.providers.ldap import Directory, DirectoryOptions


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"servers": ()}, "servers"),
        ({"bind_dn": READER}, "bind_password"),
        ({"filter": "(uid=alice)"}, "filter"),
        ({"filter": "(uid={login}"}, "filter"),
        ({"filter": "uid={login}"}, "filter"),
        ({"filter": "(uid={user})"}, "filter"),
        ({"group_filter": "(objectClass=*)"}, "group_filter"),
        ({"login_pattern": "("}, "login_pattern"),
        ({"ca_file": "/not/there"}, "ca_file"),
        ({"ca_file": __file__}, "ca_file"),
    ],
)
def test_options_that_cannot_be_used_are_told_by_name(options: dict[str, Any], option: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Directory("site", "Site", DirectoryOptions(**{"servers": ("ldaps://h",), "base": PEOPLE, **options}))
    assert caught.value.option == option


def test_the_password_that_searches_is_in_no_repr() -> None:
    assert READER_PASSWORD not in repr(DirectoryOptions(("ldaps://h",), PEOPLE, bind_password=READER_PASSWORD))
