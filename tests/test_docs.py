"""The tables in docs/ are those of the code."""

import re
from pathlib import Path

import pytest

from app.__main__ import COMMANDS
from app.provider_settings import providers_table
from app.settings_table import settings_table

ROOT = Path(__file__).parents[1]


def test_the_tables_of_settings_are_those_of_the_code() -> None:
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    table = "".join(line for line in text.splitlines(keepends=True) if line.startswith("|"))
    write = "settings_table() in app/settings_table.py and providers_table() in app/provider_settings.py"
    assert table == settings_table() + providers_table(), f"replace the tables with what they say: {write}"


DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
def test_a_link_in_the_documents_leads_to_a_file_that_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    missing = [
        target
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert not missing


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    unnamed = [n for n in COMMANDS if f"ispyb-lens {n}" not in text and f"make {n}" not in text]
    assert not unnamed
