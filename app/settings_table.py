"""The documentation of the settings, from their declarations."""

from collections.abc import Mapping
from dataclasses import fields

from app.settings import Settings, declared, variable


def settings_table() -> str:
    """Every setting as a Markdown table, as docs/settings.md shows it."""
    lines = ["| Setting | Variable | Default | Must be | Meaning |", "|---|---|---|---|---|"]
    plain = Settings()
    for section in fields(plain):
        values = getattr(plain, section.name)
        for entry in declared(values):
            about = entry.metadata
            cells = (
                f"`{section.name}.{entry.name}`",
                f"`{variable(section.name, entry.name)}`",
                about["shown"] or _shown(getattr(values, entry.name)),
                about["kind"].words,
                about["doc"],
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    """A default as it would be written."""
    match value:
        case None | "" | ():
            return "–"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return ", ".join(f"`{item}`" for item in value)
        case Mapping():
            return "–"
        case float():
            return f"`{value:g}`"
    return f"`{value}`"
