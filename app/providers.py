"""The sign-in providers that the settings name, made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.provider_kinds import ProviderSettings, kind_of
from app.settings import Settings, SettingsError
from auth.providers import Checked, Misconfigured, Provider, ProviderUnavailable
from auth.store import Store

_LOCAL = ("accounts", "proposals")


def providers(
    settings: Settings, store: Store | None, chosen: Sequence[ProviderSettings] | None = None
) -> list[Provider]:
    """The providers in the order of the settings, or those ``chosen`` of them.

    Those that keep nothing in the store can be made without one. Raises `SettingsError`, which tells every provider
    that cannot be made.
    """
    made: list[Provider] = []
    problems = []
    for given in settings.login.providers if chosen is None else chosen:
        where = f"login.providers.{given.key}"
        kind = kind_of(given.kind)
        if kind is None:  # `load` refuses it; settings may also be made by hand
            problems.append(f"{where}.kind: there is no kind {given.kind!r}")
            continue
        try:
            made.append(kind.make(given, store))
        except Misconfigured as error:
            problems.append(f"{where}.{error.option} {error.words}")
        except ImportError as error:
            problems.append(f"{where}: {error.name} is not installed. {kind.needs}".rstrip())
    if problems:
        raise SettingsError("\n".join(problems))
    return made


@dataclass(frozen=True, slots=True)
class State:
    """A provider of the settings, and whether people can sign in by it now."""

    key: str
    kind: str
    state: str
    works: bool


def states(settings: Settings) -> Iterator[State]:
    """Ask each provider whether it can be used; nobody's password is needed. Raises `SettingsError`."""
    url = settings.store_url()
    # Whoever checks is not always who serves, and would own a file that is made here.
    missing = url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()
    asked = tuple(given for given in settings.login.providers if not (missing and given.kind in _LOCAL))
    for given in settings.login.providers:
        if given not in asked:
            yield State(given.key, given.kind, f"no account yet: {url.database} is made at the first start", True)
    if not asked:
        return
    store = None if missing else Store(url.render_as_string(hide_password=False))
    try:
        for provider, given in zip(providers(settings, store, asked), asked, strict=True):
            yield _state(provider, given)
    finally:
        if store is not None:
            store.close()


def _state(provider: Provider, given: ProviderSettings) -> State:
    try:
        said = provider.check() if isinstance(provider, Checked) else "it cannot be asked without signing in"
    except ProviderUnavailable as error:
        return State(given.key, given.kind, str(error) or "does not answer", False)
    except Exception as error:  # a site's own provider may raise anything
        return State(given.key, given.kind, f"cannot be asked: {type(error).__name__}", False)
    if not given.trusted_logins:
        said += "; its names are not ISPyB's (trusted_logins): people add it under Sign-in methods"
    return State(given.key, given.kind, said, True)


def trusted(settings: Settings) -> frozenset[str]:
    """The keys of the providers whose login names are ISPyB's."""
    return frozenset(given.key for given in settings.login.providers if given.trusted_logins)


def linkable(settings: Settings) -> bool:
    """Whether there is a provider whose identities people may add to themselves."""
    return any(given.kind == "oidc" and not given.trusted_logins for given in settings.login.providers)
