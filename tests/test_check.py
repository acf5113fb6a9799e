"""`ispyb-lens check` tells what a site's database lacks and what that costs."""

import json
import os
from pathlib import Path

import pytest
from servers.lying_directory import lying_directory
from servers.mariadb import Server
from servers.oidc_liar import liar
from servers.rest_provider import rest_provider
from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from app.__main__ import main
from app.commands.check import COSTS, Lack, Report, check, words
from app.settings import Settings, load
from auth.accounts import add_account
from auth.store import Store
from data.schema import Table


def settings(url: URL | str, **more: str) -> Settings:
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    return load(environ={"ISPYB_LENS_DATABASE_URL": text} | more)


@pytest.fixture
def whole(tmp_path: Path) -> str:
    """A database with every table that we map."""
    url = f"sqlite:///{tmp_path}/ispyb.sqlite"
    engine = create_engine(url)
    Table.metadata.create_all(engine)
    engine.dispose()
    return url


def changed(url: str, *statements: str) -> Report:
    """The report on a database after these statements."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
    return check(settings(url))


def test_every_mapped_table_has_a_cost() -> None:
    assert {mapper.class_ for mapper in Table.registry.mappers} == set(COSTS)


def test_a_database_with_every_table_lacks_nothing(whole: str) -> None:
    report = check(settings(whole))
    assert report.lacks == ()
    assert report.works
    assert report.version == "not stated"
    assert "Missing    nothing" in list(words(report))


def test_the_version_is_the_one_that_the_site_states(whole: str) -> None:
    report = changed(whole, "INSERT INTO AdminVar (name, value) VALUES ('schemaVersion', '5.2.0')")
    assert report.version == "5.2.0"


def test_a_missing_table_of_one_technique_is_told_and_the_main_pages_work(whole: str) -> None:
    report = changed(whole, "DROP TABLE Movie", "ALTER TABLE Person DROP COLUMN title")
    assert Lack("Movie", "no EM movies", False) in report.lacks
    assert Lack("Person.title", "title stays empty", False) in report.lacks
    assert report.works


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TABLE DataCollectionGroup",),
        (
            "DROP INDEX ix_BLSession_proposalId",
            "ALTER TABLE BLSession RENAME COLUMN proposalId TO other",
        ),
    ],
)
def test_without_what_the_main_pages_need_they_are_said_not_to_work(whole: str, statements: tuple[str, ...]) -> None:
    report = changed(whole, *statements)
    assert report.lacks[0].main
    assert not report.works


def test_each_folder_is_said_to_be_readable_or_why_not(whole: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    roots = [tmp_path, tmp_path / "gone", tmp_path / "file"]
    report = check(settings(whole, ISPYB_LENS_FILES_ROOTS=";".join(map(str, roots))))
    assert [root.state for root in report.roots] == ["readable", "not found", "not a folder"]
    assert report.works


def test_a_database_that_does_not_answer_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ISPYB_LENS_DATABASE_URL", "mysql+pymysql://lens:geheim@127.0.0.1:1/ispyb")
    assert main(["check"]) == 1
    out, err = capsys.readouterr()
    assert "the database does not answer" in out
    assert "geheim" not in out + err


def test_without_a_database_the_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ISPYB_LENS_DATABASE")]:
        monkeypatch.delenv(name)
    assert main(["check"]) == 2
    assert "ISPYB_LENS_DATABASE_URL" in capsys.readouterr().err


def test_the_report_is_json_where_asked(
    whole: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ISPYB_LENS_DATABASE_URL", whole)
    assert main(["check", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["works"], said["lacks"]) == (True, [])


@pytest.mark.mariadb
def test_the_main_pages_work_with_diamonds_schema(diamond_url: URL) -> None:
    report = check(settings(diamond_url))
    assert report.flavour == "Diamond"
    assert report.version not in ("unknown", "not stated")
    assert report.works
    assert Lack("SSXProcessingResult", "no hit rates of serial collections", False) in report.lacks


@pytest.mark.mariadb
def test_the_main_pages_work_with_the_schema_of_esrf_and_max_iv(esrf_url: URL) -> None:
    report = check(settings(esrf_url))
    assert report.flavour == "MAX IV"
    assert report.works
    assert Lack("ProcessingJob", "no processing that is still waiting", False) in report.lacks


@pytest.mark.mariadb
def test_a_user_who_may_not_read_people_is_told_so(mariadb: Server, esrf_url: URL) -> None:
    mariadb.run(
        "CREATE USER IF NOT EXISTS narrow@'%' IDENTIFIED BY 'narrow'",
        f"GRANT SELECT ON `{esrf_url.database}`.DataCollection TO narrow@'%'",
    )
    report = check(settings(mariadb.url(str(esrf_url.database), "narrow", "narrow")))
    assert "Person is missing: nobody can sign in" in report.problems


def test_an_empty_database_is_told_from_one_that_does_not_answer(tmp_path: Path) -> None:
    report = check(settings(f"sqlite:///{tmp_path}/empty.sqlite"))
    assert report.version == "not stated"
    assert not report.works
    assert not any("does not answer" in problem for problem in report.problems)


# -- ways to sign in ------------------------------------------------------------------------


def logins(whole: str, tmp_path: Path, **more: str) -> tuple[Report, list[str]]:
    """The report with these variables of providers, and its lines about signing in."""
    variables = {f"ISPYB_LENS_LOGIN_PROVIDERS_{name}": value for name, value in more.items()}
    store = {"ISPYB_LENS_STORE_URL": f"sqlite:///{tmp_path / 'lens.sqlite'}"}
    report = check(settings(whole, **store, **variables))
    return report, [line for line in words(report) if line.startswith("Sign-in")]


def test_accounts_are_counted_and_no_file_is_made_for_that(whole: str, tmp_path: Path) -> None:
    path = tmp_path / "lens.sqlite"
    assert logins(whole, tmp_path)[1] == [
        f"Sign-in    accounts (accounts): no account yet: {path} is made at the first start"
    ]
    assert not path.exists()
    store = Store(f"sqlite:///{path}")
    add_account(store, "ann", "long enough", "Ann")
    store.close()
    assert logins(whole, tmp_path)[1] == ["Sign-in    accounts (accounts): 1 account may sign in"]


def test_each_way_to_sign_in_is_asked_and_told_apart(whole: str, tmp_path: Path) -> None:
    with lying_directory() as directory, rest_provider() as service, liar() as single:
        report, lines = logins(
            whole,
            tmp_path,
            SITE_KIND="ldap",
            SITE_SERVERS=directory.url,
            SITE_STARTTLS="no",
            SITE_BASE="dc=example,dc=org",
            SITE_TRUSTED_LOGINS="yes",
            DESK_KIND="rest",
            DESK_URL=service.url,
            SSO_KIND="oidc",
            SSO_ISSUER=single.issuer,
            SSO_CLIENT_ID="lens",
            GONE_KIND="ldap",
            GONE_SERVERS="ldaps://127.0.0.1:9",
            GONE_BASE="dc=example,dc=org",
            AWAY_KIND="oidc",
            AWAY_ISSUER="http://localhost:9",
            AWAY_CLIENT_ID="lens",
        )
    assert {login.key: login.works for login in report.logins} == {
        "site": True,
        "desk": True,
        "sso": True,
        "gone": False,
        "away": False,
    }
    told = dict(line.removeprefix("Sign-in    ").split(": ", 1) for line in lines)
    assert told["site (ldap)"] == f"{directory.url} answers"
    assert told["desk (rest)"].startswith(f"{service.url} answers; its names are not ISPyB's")
    assert told["sso (oidc)"].startswith(f"{single.issuer} answers, with 1 key that it signs with")
    assert told["gone (ldap)"].startswith("cannot be used: ldaps://127.0.0.1:9: ")
    assert told["away (oidc)"].startswith("cannot be used: http://localhost:9: ")
    assert report.works, "the pages do"


def test_the_program_ends_with_1_where_a_way_to_sign_in_cannot_be_used(
    whole: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISPYB_LENS_DATABASE_URL", whole)
    monkeypatch.setenv("ISPYB_LENS_LOGIN_PROVIDERS_GONE_KIND", "rest")
    monkeypatch.setenv("ISPYB_LENS_LOGIN_PROVIDERS_GONE_URL", "http://localhost:9/")
    monkeypatch.setenv("ISPYB_LENS_LOGIN_PROVIDERS_GONE_TRUSTED_LOGINS", "yes")
    monkeypatch.setenv("ISPYB_LENS_LOGIN_PROVIDERS_GONE_TOKEN", "hunter2")
    assert main(["check"]) == 1
    out = capsys.readouterr().out
    assert "gone (rest): cannot be used: http://localhost:9/: " in out
    assert "hunter2" not in out
    assert main(["check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["logins"][0]["works"] is False


def test_a_site_whose_names_nobody_trusts_is_told(whole: str, tmp_path: Path) -> None:
    report, _ = logins(whole, tmp_path, SSO_KIND="oidc", SSO_ISSUER="http://localhost:9", SSO_CLIENT_ID="lens")
    assert "none has trusted_logins" in report.problems[-1]
