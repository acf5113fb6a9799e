"""pyproject.toml, environment.yml and the imports of the code agree."""

import importlib.metadata
import sys
import tomllib
from collections.abc import Iterable

import yaml
from packaging.requirements import Requirement
from source import PACKAGES, ROOT, files, imports

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Import names that differ from the distribution's; pyviz_comms is a part of Panel by another name.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "MySQLdb": "mysqlclient",
    "argon2": "argon2-cffi",
    "pyviz_comms": "panel",
    "webview": "pywebview",
    "zmq": "pyzmq",
}
CONDA_EXTRAS = ("mysql", "mysqlclient", "ldap", "fast", "mx", "export", "radial", "stacks", "em", "live")
# What conda-forge calls otherwise.
CONDA_NAMES = {"python-isal": "isal", "redis-py": "redis"}
# The window of the desktop brings a browser engine: only those who ask for it install it. Mol* is not on conda-forge.
PIP_EXTRAS = ("desktop", "model")


def requirements(lines: Iterable[str]) -> dict[str, Requirement]:
    found = [Requirement(line) for line in lines]
    assert len({one.name for one in found}) == len(found), "something is named twice"
    return {one.name: one for one in found if one.name != PROJECT["name"]}


BASE = requirements(PROJECT["dependencies"])


def test_the_conda_environment_has_what_pyproject_asks_for_and_nothing_else() -> None:
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    nested = [entry for entry in conda["dependencies"] if isinstance(entry, dict)]
    here = {CONDA_NAMES.get(name, name): found for name, found in requirements(plain).items()}
    assert str(here.pop("python").specifier) == PROJECT["requires-python"]
    assert here.pop("pip").specifier == ""
    wanted = BASE | requirements(line for extra in CONDA_EXTRAS for line in EXTRAS[extra])
    assert {n: str(r.specifier) for n, r in here.items()} == {n: str(r.specifier) for n, r in wanted.items()}
    assert nested == [{"pip": ["-e ."]}], "everything but the project itself comes from conda"
    assert conda["name"] == PROJECT["name"]


def test_a_dependency_has_a_lowest_and_a_highest_version() -> None:
    runtime = BASE | requirements(line for extra in CONDA_EXTRAS for line in EXTRAS[extra])
    for one in runtime.values():
        assert {spec.operator for spec in one.specifier} == {">=", "<"}, str(one)


def test_the_versions_installed_here_are_within_the_ranges() -> None:
    for one in BASE.values():
        assert importlib.metadata.version(one.name) in one.specifier, str(one)


def test_what_the_code_imports_is_declared() -> None:
    declared = BASE | requirements(line for extra in (*CONDA_EXTRAS, *PIP_EXTRAS) for line in EXTRAS[extra])
    known = {*sys.stdlib_module_names, *PACKAGES}
    wrong = [
        str(found)
        for path in files(*PACKAGES)
        for found in imports(path)
        if found.top not in known and DISTRIBUTIONS.get(found.top, found.top.replace("_", "-")) not in declared
    ]
    assert not wrong, "\n".join(wrong)


def test_the_wheel_has_the_four_packages_and_the_command_is_there() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert set(tool["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(PACKAGES)
    assert set(tool["mypy"]["packages"]) == set(PACKAGES)
    assert PROJECT["scripts"] == {"ispyb-lens": "app.__main__:main"}
