"""What a site gives for its settings, in a file and in the environment, before it is known to be usable."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

from app import provider_settings

PREFIX: Final = "ISPYB_LENS_"
DEFAULT_FILE: Final = "ispyb-lens.toml"

# Variables of ours that are no settings: the settings file, and what only the tests read.
_OTHER_VARIABLES: Final = ("CONFIG", "REALDATA")
_TEST_VARIABLES: Final = "TEST_"

#: By section and name: where a value was found, and the value.
Given: TypeAlias = dict[tuple[str, str], tuple[str, object]]
#: The names of the settings by section.
Known: TypeAlias = Mapping[str, list[str]]


class SettingsError(Exception):
    """Settings that cannot be used. Its text names each one, what it is and what is expected."""


def variable(section: str, name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{section}_{name}".upper()


def settings_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: ``path`` where one was named, else as `app.settings.load` says."""
    if path is None and environ.get(PREFIX + "CONFIG"):
        path = Path(environ[PREFIX + "CONFIG"])
    if path is None and Path(DEFAULT_FILE).is_file():
        path = Path(DEFAULT_FILE)
    return path


def from_file(path: Path | None, known: Known, problems: list[str]) -> tuple[Given, provider_settings.Given]:
    """What the file sets, and what it sets of the sign-in providers. Raises `SettingsError` where it cannot be read."""
    if path is None:
        return {}, {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise SettingsError(f"The settings file {path} cannot be read: {reason}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}") from error

    found: Given = {}
    providers: provider_settings.Given = {}
    for section, entries in content.items():
        if section not in known:
            problems.append(_unknown(f"[{section}] in {path}", section, list(known)))
        elif not isinstance(entries, dict):
            problems.append(f"{section} in {path} must be a section, written [{section}]")
        else:
            for name, value in entries.items():
                source = f"{section}.{name} in {path}"
                if (section, name) == ("login", "providers"):
                    providers = provider_settings.from_file(value, path, problems)
                elif name in known[section]:
                    found[section, name] = (source, value)
                else:
                    problems.append(_unknown(source, name, known[section]))
    return found, providers


def from_environment(environ: Mapping[str, str], known: Known, problems: list[str]) -> Given:
    """What variables set, but for the sign-in providers."""
    names = {variable(s, n): (s, n) for s, entries in known.items() for n in entries}
    found: Given = {}
    for name, value in sorted(environ.items()):
        rest = name.removeprefix(PREFIX)
        if rest == name or rest in _OTHER_VARIABLES or rest.startswith(_TEST_VARIABLES):
            continue
        if name.startswith(provider_settings.VARIABLES):
            continue
        if name in names:
            found[names[name]] = (name, value)
        else:
            problems.append(_unknown(f"The variable {name}", name, list(names)))
    return found


def _unknown(source: str, name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"{source} is not a setting{f'; did you mean {near[0]}?' if near else ''}"
