"""The rules of docs/architecture.md that can be read off the source."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from source import PACKAGES, ROOT, files, imports, name, tree

MAY_IMPORT = {
    "app": {"app", "views", "data", "auth"},
    "views": {"views", "data"},
    "data": {"data"},
    "auth": {"auth"},
}
DRAWING = {"panel", "bokeh", "holoviews", "param", "panel_material_ui", "pyviz_comms"}
MAY_NOT_IMPORT = {
    "app": set[str](),
    "views": {"sqlalchemy", "h5py", "hdf5plugin", "fabio"},
    "data": DRAWING,
    "auth": {"h5py", "fabio", "holoviews"},
}
# Where SQL may be written by other means than mapped classes: what ties a table to a scope, and
# what fits the mapping to the site.
BARE_SQL = {"data/guard.py", "data/ties.py", "data/schema"}
# Addresses that are names of a format, examples, or words of a log that the demo imitates.
NOT_FETCHED = {"schemas.openid.net", "www.w3.org", "example.org", "localhost", "127.0.0.1", "www.globalphasing.com"}

PYTHON = files(*PACKAGES)
FRONT = files(*PACKAGES, suffixes=(".js", ".mjs", ".css", ".html"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_the_arrows_allow(package: str) -> None:
    ours = set(PACKAGES) - MAY_IMPORT[package]
    wrong = [
        str(found) for path in files(package) for found in imports(path) if found.top in ours | MAY_NOT_IMPORT[package]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_import_is_relative() -> None:
    wrong = [str(f) for path in PYTHON for f in imports(path) if f.module.startswith(".")]
    assert not wrong, "\n".join(wrong)


def test_no_module_of_data_loads_what_draws() -> None:
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files("data")
    )
    code = (
        "import importlib, sys\n"
        "for module in sys.argv[1:]: importlib.import_module(module)\n"
        f"print(*sorted({DRAWING!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def bare_sql(path: Path) -> list[str]:
    """Uses of SQL text, literal columns, bare tables and mapped classes' tables in one file."""
    words = {"text", "literal_column", "table", "column", "TextClause"}
    where = {f.bound for f in imports(path) if f.top == "sqlalchemy" and not f.name[:1].isupper()}
    found = [str(f) for f in imports(path) if f.top == "sqlalchemy" and f.name in words]
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Attribute):
            continue
        through = isinstance(node.value, ast.Name) and node.value.id in where
        if node.attr in ("__table__", "from_statement") or (through and node.attr in words):
            found.append(f"{name(path)}:{node.lineno} uses {node.attr}")
    return found


def test_sql_that_the_guard_cannot_see_is_written_in_the_guard_only() -> None:
    wrong = [
        line
        for path in PYTHON
        if not any(name(path) == place or name(path).startswith(place + "/") for place in BARE_SQL)
        for line in bare_sql(path)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "code",
    [
        "from sqlalchemy import text",
        "from sqlalchemy.sql import literal_column as other",
        "import sqlalchemy as sa\nsa.text('x')",
        "from data.schema import Visit\nVisit.__table__",
        "from sqlalchemy import sql\nsql.text('x')",
    ],
)
def test_each_way_to_bare_sql_is_noticed(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "view.py"
    path.write_text(code)
    monkeypatch.setattr("source.ROOT", tmp_path)
    assert bare_sql(path)


def test_no_module_of_app_hides_another_one() -> None:
    """`panel serve app/main.py` puts app/ first on the path of modules."""
    taken = set(sys.stdlib_module_names) | set(PACKAGES)
    taken |= set(importlib.metadata.packages_distributions())
    modules = {path.stem for path in (ROOT / "app").iterdir() if not path.stem.startswith("__")}
    hiding = modules & taken
    assert not hiding


def test_a_name_says_what_a_module_is_about() -> None:
    empty = {"util", "utils", "helper", "helpers", "manager", "common", "misc"}
    assert not [name(path) for path in PYTHON if empty & {*path.parts, path.stem}]


def test_no_file_is_much_longer_than_400_lines() -> None:
    suffixes = (".py", ".js", ".mjs", ".css", ".html")
    lengths = {
        name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in files(*PACKAGES, "tests", "benchmarks", suffixes=suffixes)
    }
    long = {file: length for file, length in lengths.items() if length > 450}
    assert not long


def test_nothing_is_left_to_be_done_in_a_comment() -> None:
    mark = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
    wrong = [
        f"{name(path)}:{number}"
        for path in (*PYTHON, *FRONT, *files("tests", "benchmarks"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def addresses(path: Path) -> set[str]:
    """The hosts that a file names outside comments and docstrings."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        texts = "\n".join(
            node.value
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                texts = texts.replace(ast.get_docstring(node, clean=False) or "\0", "")
    else:
        texts = uncommented(content)
    urls = re.findall(r"https?://[\w.:-]+", texts) + re.findall(r"[\"'(](//[\w-]+\.[\w.-]+)", texts)
    hosts = {urlsplit(url).hostname or "" for url in urls}
    return {host for host in hosts if host and not host.endswith(tuple(NOT_FETCHED))}


def uncommented(script: str) -> str:
    """A script, style sheet or page without its comments."""
    return re.sub(r"/\*.*?\*/|<!--.*?-->|(?:^|\s)//[^\n]*", "", script, flags=re.S)


def test_nothing_is_fetched_from_outside() -> None:
    assert not {name(path): found for path in (*PYTHON, *FRONT) if (found := addresses(path))}


def test_no_code_is_made_from_text_in_the_browser() -> None:
    """The page's content security policy forbids it, and what the database holds is text."""
    python = {"CustomJS", "ReactiveHTML", "jscallback", "jslink", "js_on_click", "js_on_event"}
    script = re.compile(r"\bnew Function\b|\beval\(|\.(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write")
    wrong = [
        f"{name(path)}:{node.lineno} {word}"
        for path in PYTHON
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute | ast.Name)
        and (word := node.attr if isinstance(node, ast.Attribute) else node.id) in python
    ]
    wrong += [
        f"{name(path)} {found[0]}"
        for path in FRONT
        if (found := script.findall(uncommented(path.read_text(encoding="utf-8"))))
    ]
    assert not wrong, "\n".join(wrong)
