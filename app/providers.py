"""The sign-in providers that the settings name, made."""

from app.provider_kinds import kind_of
from app.settings import Settings, SettingsError
from auth.providers import Misconfigured, Provider
from auth.store import Store


def providers(settings: Settings, store: Store) -> list[Provider]:
    """The providers in the order of the settings. Raises `SettingsError`, which tells every one that cannot be made."""
    made: list[Provider] = []
    problems = []
    for given in settings.login.providers:
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


def trusted(settings: Settings) -> frozenset[str]:
    """The keys of the providers whose login names are ISPyB's."""
    return frozenset(given.key for given in settings.login.providers if given.trusted_logins)


def linkable(settings: Settings) -> bool:
    """Whether there is a provider whose identities people may add to themselves."""
    return any(given.kind == "oidc" and not given.trusted_logins for given in settings.login.providers)
