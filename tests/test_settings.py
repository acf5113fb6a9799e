"""Settings come from a file, variables and options, and mistakes are named."""

from pathlib import Path

import pytest

from app import settings
from app.__main__ import main
from app.settings import SettingsError, load


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a settings file, and no variables of the machine's own."""
    monkeypatch.chdir(tmp_path)
    for name in list(settings.os.environ):
        if name.startswith(settings.PREFIX):
            monkeypatch.delenv(name)
    return tmp_path


def told(**variables: str) -> list[str]:
    """What a person is told about these variables, line by line."""
    with pytest.raises(SettingsError) as caught:
        load(environ={f"ISPYB_LENS_{name}": value for name, value in variables.items()})
    return str(caught.value).splitlines()


def test_without_a_file_or_a_variable_every_setting_has_its_default() -> None:
    found = load(environ={})
    assert (found.server.address, found.server.port) == ("127.0.0.1", 5006)
    assert found.access.everything == ("all_proposals", "super_admin")
    assert found.database.url is None


def test_the_store_is_a_file_in_the_data_directory_unless_named() -> None:
    found = load(environ={"XDG_DATA_HOME": "/srv/data"})
    assert str(found.store.url) == "sqlite:////srv/data/ispyb-lens/lens.sqlite"
    named = load(environ={"ISPYB_LENS_STORE_URL": "sqlite:////var/lens.sqlite"})
    assert str(named.store.url) == "sqlite:////var/lens.sqlite"


def test_a_variable_overrules_the_file_and_an_option_overrules_both(elsewhere: Path) -> None:
    (elsewhere / "ispyb-lens.toml").write_text("[server]\nport = 1\nthreads = 2\n[live]\npoll_seconds = 1")
    environ = {"ISPYB_LENS_SERVER_PORT": "3", "ISPYB_LENS_SERVER_THREADS": "4"}
    found = load(environ=environ, options={"server.port": ("--port", "5")})
    assert (found.server.port, found.server.threads, found.live.poll_seconds) == (5, 4, 1.0)


def test_the_file_is_the_one_named_else_the_variables_else_the_one_here(elsewhere: Path) -> None:
    for name in ("ispyb-lens", "variable", "named"):
        (elsewhere / f"{name}.toml").write_text(f'[site]\nname = "{name}"')
    environ = {"ISPYB_LENS_CONFIG": "variable.toml"}
    assert load(Path("named.toml"), environ).site.name == "named"
    assert load(None, environ).site.name == "variable"
    assert load(None, {}).site.name == "ispyb-lens"


def test_lists_maps_and_tables_read_the_same_from_a_file_and_from_variables(
    elsewhere: Path,
) -> None:
    (elsewhere / "ispyb-lens.toml").write_text(
        """
        [files]
        roots = ["/data/a", "/data/b"]
        map = [["/dls/i03", "/data/a"], ["/x", "/y"]]
        [access]
        beamline_groups = { mx_staff = ["i03", "i04"], em_staff = ["m02"] }
        """
    )
    from_file = load(environ={})
    (elsewhere / "ispyb-lens.toml").unlink()
    from_variables = load(
        environ={
            "ISPYB_LENS_FILES_ROOTS": "/data/a; /data/b",
            "ISPYB_LENS_FILES_MAP": "/dls/i03=/data/a;/x=/y",
            "ISPYB_LENS_ACCESS_BEAMLINE_GROUPS": "mx_staff=i03,i04;em_staff=m02",
        }
    )
    assert from_file.files == from_variables.files
    assert from_file.files.map == (("/dls/i03", "/data/a"), ("/x", "/y"))
    assert from_file.access == from_variables.access
    assert dict(from_file.access.beamline_groups)["mx_staff"] == ("i03", "i04")


def test_a_wrong_value_is_told_with_its_variable_and_what_is_expected() -> None:
    assert told(LIVE_POLL_SECONDS="x") == [
        "ISPYB_LENS_LIVE_POLL_SECONDS must be a number of seconds between 0.1 and 60, not 'x'"
    ]


def test_a_wrong_value_in_a_file_is_told_with_the_files_name(elsewhere: Path) -> None:
    (elsewhere / "a.toml").write_text('[site]\ndemo = "perhaps"')
    with pytest.raises(SettingsError, match=r"^site.demo in a.toml must be true or false, not 'perhaps'$"):
        load(Path("a.toml"), {})


def test_every_mistake_is_told_at_once() -> None:
    assert len(told(SERVER_PORT="0", LOGIN_HOURS="-1", SITE_DEMO="perhaps")) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER_PORT", "65536"),
        ("SERVER_PORT", "5.5"),
        ("SERVER_PREFIX", "lens"),
        ("SERVER_PREFIX", "/lens/<script>"),
        ("SERVER_PUBLIC_URL", "javascript:alert(1)"),
        ("SERVER_PUBLIC_URL", "https://name:password@host"),
        ("SERVER_ORIGINS", "https://lens.example.org"),
        ("SERVER_ADDRESS", "not an address"),
        ("SERVER_SECURE_COOKIES", "maybe"),
        ("LIVE_POLL_SECONDS", "nan"),
        ("LIVE_POLL_SECONDS", "0"),
        ("FILES_ROOTS", "data"),
        ("FILES_ROOTS", "/data/../etc"),
        ("FILES_MAP", "/data"),
        ("FILES_MAP", "/data=here"),
        ("ACCESS_BEAMLINE_GROUPS", "mx_staff"),
        ("ACCESS_BEAMLINE_GROUPS", "mx_staff=i03;mx_staff=i04"),
        ("SITE_NAME", ""),
        ("SITE_VISIT_WORD", "Stay"),
        ("LOG_LEVEL", "loud"),
        ("DATABASE_URL", "somewhere"),
        ("DATABASE_URL", "mysql+pymysql://host:port/ispyb"),
    ],
)
def test_a_value_of_another_kind_is_refused(name: str, value: str) -> None:
    assert told(**{name: value})[0].startswith(f"ISPYB_LENS_{name} must be ")


def test_a_number_in_a_file_is_no_text_and_no_truth_value(elsewhere: Path) -> None:
    (elsewhere / "a.toml").write_text("[site]\nname = 3\n[server]\nport = true")
    with pytest.raises(SettingsError) as caught:
        load(Path("a.toml"), {})
    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_name_is_told_with_the_nearest_known_one(elsewhere: Path) -> None:
    assert told(LIVE_POL_SECONDS="1") == [
        "The variable ISPYB_LENS_LIVE_POL_SECONDS is not a setting; did you mean ISPYB_LENS_LIVE_POLL_SECONDS?"
    ]
    (elsewhere / "a.toml").write_text("[sever]\nport = 1\n[live]\npoll_second = 1")
    with pytest.raises(SettingsError) as caught:
        load(Path("a.toml"), {})
    assert "did you mean server?" in str(caught.value)
    assert "did you mean poll_seconds?" in str(caught.value)


def test_what_is_no_section_or_no_toml_or_not_there_is_told(elsewhere: Path) -> None:
    for content, words in (("site = 3", "must be a section"), ("[site", "is not valid TOML")):
        (elsewhere / "a.toml").write_text(content)
        with pytest.raises(SettingsError, match=words):
            load(Path("a.toml"), {})
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read: No such file"):
        load(Path("none.toml"), {})


def test_a_password_is_neither_shown_nor_repeated_in_a_message() -> None:
    found = load(environ={"ISPYB_LENS_DATABASE_URL": "mysql+pymysql://lens:geheim@host/ispyb"})
    assert "geheim" not in repr(found) + str(found)
    assert found.ispyb_url().password == "geheim"
    assert "geheim" not in "".join(told(DATABASE_URL="mysql+pymysql://lens:geheim@host:x/ispyb"))


def test_a_database_is_asked_for_where_one_is_needed() -> None:
    with pytest.raises(SettingsError, match="ISPYB_LENS_DATABASE_URL"):
        load(environ={}).ispyb_url()


def test_the_program_tells_a_wrong_setting_on_stderr_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ISPYB_LENS_LIVE_POLL_SECONDS", "x")
    assert main(["serve"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "ISPYB_LENS_LIVE_POLL_SECONDS must be" in err


def test_an_option_that_cannot_be_used_is_told_by_its_own_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve", "--port", "http"]) == 2
    assert "--port must be a whole number between 1 and 65535, not 'http'" in capsys.readouterr().err
