"""The settings of a site, read once at start-up from one TOML file and from the environment.

A variable ``ISPYB_LENS_<SECTION>_<NAME>`` overrules the file, an option of the command line
overrules both. Each setting is declared once, below, with its default, its kind and its words;
`app.settings_table` writes the documentation from these declarations.
"""

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy.engine import URL

from app import kinds, provider_settings
from app.given import PREFIX as PREFIX
from app.given import Given, from_environment, from_file, settings_file
from app.given import SettingsError as SettingsError
from app.given import variable as variable
from app.kinds import Kind, Wrong
from app.provider_kinds import ProviderSettings, loopback
from app.provider_settings import ACCOUNTS_ONLY
from data.techniques.mx.rule import METRICS, SHELLS, rule_from
from data.techniques.mx.spectra import Calibration
from data.techniques.ssx.choice import WORDS, choice_of


def _setting(kind: Kind, doc: str, default: object, shown: str | None = None) -> Any:
    """Declare one setting; ``shown`` stands for the default in the documentation."""
    metadata = {"kind": kind, "doc": doc, "shown": shown}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


_RULE = (
    f"a statistic and a shell such as high,overall or symmetry,cc_half,outer (statistics: {', '.join(METRICS)}; "
    f"shells: {', '.join(SHELLS)})"
)
_DIRECTORIES = "a list of absolute paths without .."
_DATABASE = "a database URL such as mysql+pymysql://user:password@host/ispyb"


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages call themselves."""

    name: str = _setting(kinds.text(empty=False), "Name in the header and the title.", "ISPyB Lens")
    demo: bool = _setting(kinds.flag(), "Label everything on screen as simulated.", False)
    visit_word: str = _setting(kinds.choice("Session", "Visit"), "What the site calls a visit on screen.", "Session")
    support: str = _setting(kinds.text("text on one line"), "Whom to ask for help; shown where something fails.", "")


@dataclass(frozen=True, slots=True)
class Database:
    """The facility's ISPyB, which is only read."""

    url: URL | None = _setting(
        kinds.database_url(_DATABASE),
        "ISPyB, as an SQLAlchemy URL. Needed by every command but `demo`.",
        None,
    )
    replica_url: URL | None = _setting(kinds.database_url(_DATABASE), "A read replica for lists and statistics.", None)
    statement_seconds: float = _setting(
        kinds.number(0.5, 600, "seconds"), "A statement that takes longer is stopped (seconds).", 5
    )
    pool: int = _setting(kinds.whole(1, 64, "connections"), "Connections that one process holds open.", 6)


@dataclass(frozen=True, slots=True)
class Store:
    """The dashboard's own database: login sessions, accounts, saved views."""

    url: URL | None = _setting(
        kinds.database_url("a database URL such as sqlite:////var/lib/ispyb-lens/lens.sqlite"),
        "The dashboard's own database; one that several processes share when there are several.",
        None,
        "`lens.sqlite` in `$XDG_DATA_HOME/ispyb-lens`, else in `~/.local/share/ispyb-lens`",
    )


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how pages are served."""

    address: str = _setting(kinds.listen_address(), "The address to listen on; loopback unless set.", "127.0.0.1")
    port: int = _setting(kinds.whole(1, 65535), "The port to listen on.", 5006)
    prefix: str = _setting(kinds.web_prefix(), "Path under which a proxy shows the site, such as `/lens`.", "")
    public_url: str = _setting(kinds.web_url(), "The address people type, for links in mails and for sign-in.", "")
    origins: tuple[str, ...] = _setting(
        kinds.texts("a list of hosts, each host or host:port", kinds.is_host),
        "Hosts that may open a websocket, besides the one of `public_url`.",
        (),
    )
    secure_cookies: str = _setting(
        kinds.choice("auto", "yes", "no"),
        "Send cookies over https only; `auto`: when `public_url` is https.",
        "auto",
    )
    certificate: str = _setting(
        kinds.file_path(), "The server's certificate (PEM, with those between it and the root): serve https.", ""
    )
    key: str = _setting(kinds.file_path(), "The private key of `server.certificate` (PEM).", "")
    trusted_proxies: tuple[str, ...] = _setting(
        kinds.texts("a list of IP addresses or networks", kinds.is_network),
        "Proxies whose X-Forwarded-For is taken for the client's address.",
        (),
    )
    threads: int = _setting(kinds.whole(1, 64, "threads"), "Threads for queries and files in one process.", 6)


@dataclass(frozen=True, slots=True)
class Login:
    """How people sign in, and how long they stay so."""

    idle_minutes: float = _setting(
        kinds.number(1, 1440, "minutes"), "Signed out after this long without use (minutes).", 30
    )
    hours: float = _setting(kinds.number(0.1, 168, "hours"), "Signed out after this long in any case (hours).", 8)
    providers: tuple[ProviderSettings, ...] = ACCOUNTS_ONLY
    """Tables of their own, read by `app.provider_settings`."""


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Where image and result files may be read."""

    roots: tuple[str, ...] = _setting(
        kinds.texts(_DIRECTORIES, kinds.is_directory_path),
        "Folders whose files may be shown; nothing outside them is opened.",
        (),
    )
    map: tuple[tuple[str, str], ...] = _setting(
        kinds.pairs("a list of [from, to], both absolute paths", kinds.is_directory_path),
        "How a path in ISPyB is spelled on this host: `[from, to]`, the longest `from` first.",
        (),
    )
    viewer: str = _setting(
        kinds.file_path(),
        "Folder `build/viewer` of the npm package `molstar` 5.11.0, which draws models; empty: that of the extra "
        "`model`.",
        "",
    )


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """How frames are read and kept."""

    threads: int = _setting(kinds.whole(1, 32, "threads"), "Threads that decode frames, for each root of files.", 2)
    seconds: float = _setting(
        kinds.number(1, 120, "seconds"),
        "A file server that takes longer is said to be late, and asked again (seconds).",
        2,
    )
    cache_mb: int = _setting(kinds.whole(1, 100_000, "MB"), "Frames kept as they were sent (MB).", 192)
    chunks_mb: int = _setting(kinds.whole(1, 100_000, "MB"), "Frames kept compressed as on disk (MB).", 128)
    projections_mb: int = _setting(
        kinds.whole(1, 100_000, "MB"), "Sums and maxima of images kept; one of 16 megapixels takes 90 (MB).", 400
    )
    most: int = _setting(kinds.whole(2, 1_000_000, "images"), "Images that may be put together at once.", 10_000)
    jobs: int = _setting(kinds.whole(1, 64, "jobs"), "Projections that are computed at the same time.", 2)
    scheduler: str = _setting(
        kinds.text("the address of a Dask scheduler, such as tcp://host:8786"),
        "Where projections are computed; empty: on threads of this process.",
        "",
    )
    beam_centre: Mapping[str, tuple[str, ...]] = _setting(
        kinds.table("a table of beamlines, each with a list of the words mm or px, swapped, slow"),
        "How a beamline writes ISPyB's beam centre, and `slow` where 2θ swings about the slow axis of its detector.",
        MappingProxyType({}),
    )


@dataclass(frozen=True, slots=True)
class Access:
    """Which of ISPyB's permissions mean what here."""

    everything: tuple[str, ...] = _setting(
        kinds.texts("a list of permission names"),
        "Permissions of ISPyB whose holders see every proposal.",
        ("all_proposals", "super_admin"),
    )
    administer: tuple[str, ...] = _setting(
        kinds.texts("a list of permission names"),
        "Permissions whose holders see groups and permissions, ask why others see something, and sign people out.",
        ("super_admin", "manage_groups"),
    )
    activity: tuple[str, ...] = _setting(
        kinds.texts("a list of permission names"),
        "Permissions whose holders see who is signed in, and the audit trail.",
        ("super_admin", "view_activity"),
    )
    beamline_groups: Mapping[str, tuple[str, ...]] = _setting(
        kinds.table("a table of permission or group names, each with a list of beamlines"),
        "Permissions and groups whose holders see the visits of these beamlines.",
        MappingProxyType({}),
    )
    read_groups: bool = _setting(
        kinds.flag(),
        "Also take the beamline groups that py-ispyb keeps in ISPyB (AdminVar `beamLineGroups`).",
        False,
    )


@dataclass(frozen=True, slots=True)
class Results:
    """How the results of pipelines are compared."""

    best: str = _setting(
        kinds.checked(_RULE, lambda text: str(rule_from(text)) == text),
        "By which rule the best result of an MX collection is chosen, where a person chooses no other: "
        "`symmetry,` to prefer the highest symmetry, a statistic, a shell.",
        "high,overall",
    )
    mca: Mapping[str, tuple[str, ...]] = _setting(
        kinds.table("a table of beamlines, each with a list of two or three numbers (eV)", Calibration.of),
        "The energy in eV of channel n of a beamline's fluorescence detector: offset, slope and square, such as "
        '`i03 = ["0", "10"]`. For spectra whose file does not say.',
        MappingProxyType({}),
    )


@dataclass(frozen=True, slots=True)
class Comments:
    """Whether people may write comments and flags into ISPyB, which is only read otherwise."""

    write: bool = _setting(
        kinds.flag(),
        "Let people comment on collections that they see, and flag them.",
        False,
    )
    url: URL | None = _setting(
        kinds.database_url(_DATABASE),
        "ISPyB with the credentials for that: a user that may only read, UPDATE `DataCollection` and INSERT into "
        "`DataCollectionComment`.",
        None,
    )
    proposal_accounts: bool = _setting(kinds.flag(), "Let the accounts of proposals do so, too.", False)


@dataclass(frozen=True, slots=True)
class Live:
    """How quickly news arrives."""

    poll_seconds: float = _setting(
        kinds.number(0.1, 60, "seconds"),
        "Time between two looks at an open visit (seconds).",
        1.0,
    )
    serial: Mapping[str, tuple[str, ...]] = _setting(
        kinds.table(WORDS, choice_of),
        "What tells of a beamline's serial runs, and by which rule a row is a hit; all but OM unless set.",
        MappingProxyType({}),
    )


@dataclass(frozen=True, slots=True)
class Desktop:
    """The dashboard in a window of its own."""

    login: str = _setting(kinds.text("a login name"), "Whom `desktop` signs in.", "", "that of the operating system")


@dataclass(frozen=True, slots=True)
class Log:
    """What goes to the log."""

    level: str = _setting(kinds.choice("debug", "info", "warning", "error"), "The least that is logged.", "info")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a site decides. ``repr`` shows no password."""

    site: Site = Site()
    database: Database = Database()
    store: Store = Store()
    server: Server = Server()
    login: Login = Login()
    files: FileSettings = FileSettings()
    frames: FrameSettings = FrameSettings()
    access: Access = Access()
    results: Results = Results()
    comments: Comments = Comments()
    live: Live = Live()
    desktop: Desktop = Desktop()
    log: Log = Log()

    @property
    def public(self) -> bool:
        """Whether others than this computer may reach the dashboard."""
        addresses = [f"//{self.server.address}" if ":" not in self.server.address else f"//[{self.server.address}]"]
        addresses += [self.server.public_url] if self.server.public_url else []
        return not all(map(loopback, addresses))

    def ispyb_url(self) -> URL:
        """The URL of ISPyB; raises `SettingsError` where none is set."""
        if self.database.url is None:
            raise SettingsError(f"{variable('database', 'url')} (database.url) must be {_DATABASE}")
        return self.database.url

    def store_url(self) -> URL:
        """The URL of the dashboard's own database, which `load` always fills in."""
        if self.store.url is None:
            raise SettingsError(f"{variable('store', 'url')} (store.url) must be set")
        return self.store.url


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, tuple[str, object]] | None = None,
) -> Settings:
    """Read the settings.

    ``path`` is the file named on the command line; else ``ISPYB_LENS_CONFIG``, else
    ``ispyb-lens.toml`` in the working directory where there is one. ``options`` maps
    ``section.name`` to an option's name and value. Raises `SettingsError`, which tells every
    mistake and not only the first.
    """
    environ = os.environ if environ is None else environ
    given: Given = {}
    problems: list[str] = []
    in_file, providers = from_file(settings_file(path, environ), _known(), problems)
    for read in (in_file, from_environment(environ, _known(), problems)):
        given |= read
    for key, option in (options or {}).items():
        part, _, name = key.partition(".")
        given[part, name] = option

    settings = Settings()
    for section in fields(Settings):
        values = getattr(settings, section.name)
        for entry in declared(values):
            if (section.name, entry.name) not in given:
                continue
            source, value = given[section.name, entry.name]
            kind: Kind = entry.metadata["kind"]
            try:
                values = replace(values, **{entry.name: kind.read(value)})
            except Wrong:
                said = "; its value is not shown, as it may hold a password"
                if not kind.secret:
                    said = f", not {value!r}"
                problems.append(f"{source} must be {kind.words}{said}")
        settings = replace(settings, **{section.name: values})
    providers = provider_settings.from_environment(environ, providers, problems)
    chosen = provider_settings.read(providers, public=settings.public, problems=problems)
    settings = replace(settings, login=replace(settings.login, providers=chosen))
    if settings.comments.write and settings.comments.url is None:
        name = variable("comments", "url")
        problems.append(f"{name} (comments.url) must be {_DATABASE}, as comments.write is set")
    if problems:
        raise SettingsError("\n".join(problems))
    if settings.store.url is None:
        url = URL.create("sqlite", database=str(data_directory(environ) / "lens.sqlite"))
        settings = replace(settings, store=Store(url))
    return settings


def data_directory(environ: Mapping[str, str] | None = None) -> Path:
    """Where the dashboard keeps files of its own unless told otherwise; it may not exist yet."""
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local/share") / "ispyb-lens"


def _known() -> dict[str, list[str]]:
    """The names of the settings by section."""
    plain = Settings()
    return {s.name: [entry.name for entry in declared(getattr(plain, s.name))] for s in fields(plain)}


def declared(section: Any) -> list[Field[Any]]:
    """The settings of a section; what has no kind is read elsewhere."""
    return [entry for entry in fields(section) if "kind" in entry.metadata]
