"""The sign-in providers of a site, as its settings name them.

Each is a table ``[login.providers.<key>]`` with a ``kind``. A variable ``ISPYB_LENS_LOGIN_PROVIDERS_<KEY>_<OPTION>``
overrules the file; where it sets the kind, it makes a provider that the file need not name.
A secret may also be the content of a file, named by the option ``<name>_file``.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from app.kinds import Wrong
from app.provider_kinds import COMMON, KINDS, ProviderKind, ProviderSettings, kind_of, known_kinds, weak

VARIABLES: Final = "ISPYB_LENS_LOGIN_PROVIDERS_"
#: Who may sign in where the settings name no provider.
ACCOUNTS_ONLY: Final = (ProviderSettings("accounts", "accounts", KINDS["accounts"].label, True),)

_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

Given = dict[str, dict[str, tuple[str, object]]]
"""Key of the provider: option: where it is set, and to what."""


def from_file(tables: object, path: Path, problems: list[str]) -> Given:
    """The tables ``[login.providers.<key>]`` of a settings file."""
    where = f"in {path}"
    found: Given = {}
    if not isinstance(tables, dict):
        problems.append(f"login.providers {where} must be tables, each written [login.providers.NAME]")
        return found
    for key, options in tables.items():
        source = f"login.providers.{key}"
        if not isinstance(options, dict):
            problems.append(f"{source} {where} must be a table, written [{source}]")
        elif not _KEY.fullmatch(key):
            problems.append(
                f"{source} {where}: the name must be of a-z, 0-9, - and _, at most 32 of them, not {key[:40]!r}"
            )
        elif _variable(key) in map(_variable, found):
            problems.append(f"{source} {where}: two providers have the same variables; choose another name for one")
        else:
            found[key] = {name: (f"{source}.{name} {where}", value) for name, value in options.items()}
    return found


def from_environment(environ: Mapping[str, str], given: Given, problems: list[str]) -> Given:
    """``given`` with what variables set; those of a provider that nobody names are told."""
    variables = {name: value for name, value in sorted(environ.items()) if name.startswith(VARIABLES)}
    keys = {_variable(key): key for key in given}
    for name in variables:
        stem = name.removesuffix("KIND")
        if stem != name and stem not in keys and _KEY.fullmatch(_key(stem)):
            keys[stem] = _key(stem)
    found: Given = {key: dict(given.get(key, {})) for key in keys.values()}
    for name, value in variables.items():
        stem = max((stem for stem in keys if name.startswith(stem)), key=len, default="")
        option = name.removeprefix(stem).lower()
        if not stem or not option:
            problems.append(
                f"The variable {name} is of no provider; "
                f"set the kind of one, in [login.providers.NAME] or by {VARIABLES}NAME_KIND"
            )
            continue
        options = found[keys[stem]]
        # The file's value goes, also where one of the two names the file of a secret.
        for other in (option.removesuffix("_file"), f"{option}_file"):
            if other in options and not options[other][0].startswith(VARIABLES):
                del options[other]
        options[option] = (name, value)
    return found


def _variable(key: str) -> str:
    return f"{VARIABLES}{key}_".upper().replace("-", "_")


def _key(stem: str) -> str:
    return stem.removeprefix(VARIABLES).strip("_").lower()


def read(given: Given, *, public: bool, problems: list[str]) -> tuple[ProviderSettings, ...]:
    """The providers; accounts only where none is given. ``public``: others than this computer reach the dashboard."""
    if not given:
        return ACCOUNTS_ONLY
    return tuple(
        found for key, options in given.items() for found in _provider(key, options, public=public, problems=problems)
    )


def _provider(
    key: str, given: dict[str, tuple[str, object]], *, public: bool, problems: list[str]
) -> Iterator[ProviderSettings]:
    source, name = given.pop("kind", (f"login.providers.{key}.kind", ""))
    try:
        kind = kind_of(name) if isinstance(name, str) else None
    except ValueError as error:
        problems.append(f"{source}: {error}")
        return
    if not isinstance(name, str) or kind is None:
        problems.append(f"{source} must be {', '.join(known_kinds())}{_not(name)}{_near(str(name), known_kinds())}")
        return
    if kind.own_key and key != name:
        problems.append(f"{source}: there is one provider of the kind {name}; write it as [login.providers.{name}]")
        return
    if key in KINDS and KINDS[key].own_key and key != name:
        problems.append(f"{source}: the name {key} is kept for the kind {key}; choose another for this provider")
        return
    before = len(problems)
    values = _values(key, kind, given, problems)
    if len(problems) > before:
        return

    def told(option: str) -> str:
        return given[option][0] if option in given else f"login.providers.{key}.{option}"

    for option in kind.options:
        if public and option.kind.secret and option.required and weak(values[option.name]):
            problems.append(f"{told(option.name)} must be a secret of your own: it is empty, or an example's")
    problems += [f"{told(option)} {words}" for option, words in kind.mistakes(values, public)]
    label = values.pop("label") or kind.label
    trusted = values.pop("trusted_logins")
    yield ProviderSettings(key, name, label, kind.trusted_logins if trusted is None else trusted, values)


def _values(key: str, kind: ProviderKind, given: dict[str, tuple[str, object]], problems: list[str]) -> dict[str, Any]:
    """Each option's value; what is wrong is added to ``problems``."""
    options = (*COMMON, *kind.options)
    values = {option.name: option.default for option in options}
    secrets = {option.name for option in kind.options if option.kind.secret}
    for name in secrets & set(given):
        if f"{name}_file" in given:
            problems.append(f"{given[name][0]} and {given[f'{name}_file'][0]}: give one of the two")
            return values
    for name, (source, value) in given.items():
        stem = name.removesuffix("_file")
        if stem != name and stem in secrets:
            value = _content(source, value, problems)
            name = stem
            if value is None:
                continue
        option = kind.option(name)
        if option is None:
            problems.append(f"{source} is not an option of this kind{_near(name, kind.names())}")
            continue
        try:
            values[name] = option.kind.read(value)
        except Wrong:
            said = "; its value is not shown" if option.kind.secret else _not(value)
            problems.append(f"{source} must be {option.kind.words}{said}")
    for option in options:
        if option.required and option.name not in given and f"{option.name}_file" not in given:
            problems.append(f"login.providers.{key}.{option.name} must be set: {option.kind.words}")
    return values


def _content(source: str, path: object, problems: list[str]) -> str | None:
    """The secret in a file, without the line break at its end."""
    if not isinstance(path, str) or not path.startswith("/"):
        problems.append(f"{source} must be an absolute path{_not(path)}")
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        problems.append(f"{source}: {path} cannot be read: {reason}")
        return None


def _not(value: object) -> str:
    return f", not {value!r}" if value != "" else ", and is not set"


def _near(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def providers_table() -> str:
    """The options of every kind as a Markdown table, as docs/settings.md shows it."""
    lines = ["| Kind | Option | Default | Must be | Meaning |", "|---|---|---|---|---|"]
    rows = [("each", option) for option in COMMON]
    rows += [(f"`{name}`", option) for name, kind in KINDS.items() for option in kind.options]
    for name, option in rows:
        secret = " The file that holds it: " + f"`{option.name}_file`." if option.kind.secret else ""
        cells = (name, f"`{option.name}`", _default(option.default, option.required), option.kind.words)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in (*cells, option.doc + secret)) + " |")
    return "\n".join(lines) + "\n"


def _default(value: object, required: bool) -> str:
    match value:
        case _ if required:
            return "must be set"
        case None:
            return "as its kind"
        case "" | ():
            return "–"
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{value:g}`"
        case tuple():
            return ", ".join(f"`{item}`" for item in value)
    return f"`{value}`"
