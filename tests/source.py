"""The project's own source files, for the tests that read them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "views", "data", "auth")


@cache
def files(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> tuple[Path, ...]:
    """Files below these folders whose names end like this, without caches."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*")))
    return tuple(p for p in found if p.suffix in suffixes and "__pycache__" not in p.parts)


def name(path: Path) -> str:
    """How a message names a file."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=name(path))


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name: ``module`` as written, ``name`` where it came by ``from``."""

    file: str
    line: int
    module: str
    name: str
    bound: str
    """What the file calls it."""

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {'.'.join(filter(None, (self.module, self.name)))}"


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Every import of a file, those inside functions and for types only too."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                yield Import(name(path), node.lineno, alias.name, "", bound)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                bound = alias.asname or alias.name
                yield Import(name(path), node.lineno, module, alias.name, bound)
