"""The command line: `ispyb-lens` and `python -m app`."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from app.settings import Settings, SettingsError, load

# Each is a module of app/commands with `run(args, settings) -> int`, imported when it is asked
# for, so that `--help` and a mistyped setting answer at once.
COMMANDS = {
    "demo": "write a simulated facility, if there is none yet, and show it on loopback",
    "serve": "serve the dashboard of a site",
    "desktop": "show the dashboard in a window of its own, on this computer alone",
    "check": "connect to a site's database and say what works with it",
    "simulate": "add a running collection to a database, as a beamline would",
    "account": "add, list, disable, enable or change the password of local accounts",
}

# Options that overrule a setting.
_OVERRULING = {"port": "server.port", "address": "server.address"}


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="ispyb-lens",
        description="Browse what ISPyB holds: proposals, visits, collections, frames.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made = {
        name: commands.add_parser(name, help=text, description=text.capitalize() + ".")
        for name, text in COMMANDS.items()
    }
    for command in made.values():
        command.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: ispyb-lens.toml)")

    demo = made["demo"]
    demo.add_argument("--port", help="port to listen on (default: 5006, or the next free one)")
    demo.add_argument("--dir", type=Path, metavar="FOLDER", help="where the facility is written")
    demo.add_argument("--reset", action="store_true", help="write the facility anew")
    demo.add_argument("--still", action="store_true", help="take no run while the facility is shown")
    demo.add_argument("--no-browser", action="store_true", help="open no browser")

    serve = made["serve"]
    serve.add_argument("--port", help="port to listen on")
    serve.add_argument("--address", help="address to listen on")
    serve.add_argument("--num-procs", type=_count, default=1, metavar="N", help="processes that share the port")

    desktop = made["desktop"]
    desktop.add_argument("--as", dest="login", metavar="LOGIN", help="whom to sign in, by the login name in ISPyB")
    desktop.add_argument("--demo", action="store_true", help="show the simulated facility")
    desktop.add_argument("--dir", type=Path, metavar="FOLDER", help="where the simulated facility is written")
    desktop.add_argument("--reset", action="store_true", help="write the simulated facility anew")

    made["check"].add_argument("--json", action="store_true", help="print the report as JSON")

    techniques = made["simulate"].add_subparsers(dest="technique", required=True, metavar="KIND")
    mx = techniques.add_parser("mx", help="a rotation collection of an MX beamline")
    mx.add_argument("--visit", help="the visit, such as mx415-3 (default: one that runs now)")
    mx.add_argument("--dir", type=Path, metavar="FOLDER", help="where image files are written")
    mx.add_argument("--images", type=_count, default=60, metavar="N", help="images to take")
    mx.add_argument("--rate", type=float, default=10.0, metavar="HZ", help="images per second")
    mx.add_argument("--count", type=_count, default=1, metavar="N", help="collections to take")
    mx.add_argument("--seed", type=int, default=0, help="what makes a run repeatable")
    ssx = techniques.add_parser("ssx", help="a serial run with a growing CrystFEL stream")
    ssx.add_argument("--visit", help="the visit, such as mx415-3 (default: one that runs now)")
    ssx.add_argument("--dir", type=Path, metavar="FOLDER", help="where the stream is written")
    ssx.add_argument("--frames", type=_count, default=60_000, metavar="N", help="frames to take")
    ssx.add_argument("--rate", type=float, default=200.0, metavar="HZ", help="frames per second")
    ssx.add_argument("--hits", type=float, default=0.25, metavar="SHARE", help="share of frames with a pattern")
    ssx.add_argument("--chip", action="store_true", help="a fixed target instead of a jet")
    ssx.add_argument("--om", metavar="ADDRESS", help="also broadcast as OM does, such as tcp://127.0.0.1:12321")
    ssx.add_argument(
        "--redis", metavar="ADDRESS", help="also add to a Redis stream, such as redis://127.0.0.1:6379/0/ssx-{id}"
    )
    ssx.add_argument("--dials", action="store_true", help="also leave lists of experiments as DIALS does")
    ssx.add_argument(
        "--isoform", type=float, default=0.0, metavar="SHARE", help="share of lattices of a second form, c 2 %% longer"
    )
    ssx.add_argument("--merges", type=int, default=4, metavar="N", help="merge the lattices so far N times in the run")
    ssx.add_argument("--laser", action="store_true", help="every other frame with laser")
    ssx.add_argument("--seed", type=int, default=0, help="what makes a run repeatable")

    actions = made["account"].add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("add", "add a person who signs in with a password"),
        ("disable", "let a person no longer sign in, and end their login sessions"),
        ("enable", "let a person sign in again"),
        ("password", "set another password, which also lets the person sign in again"),
        ("list", "list all accounts"),
    ):
        action = actions.add_parser(name, help=text, description=text.capitalize() + ".")
        if name == "list":
            continue
        action.add_argument("login", help="as in ISPyB's Person.login; of a proposal its name, such as mx415")
        action.add_argument("--proposal", action="store_true", help="the account of a proposal, not of a person")
        if name == "add":
            action.add_argument("--name", default="", help="the name shown on the page")
        if name in ("add", "password"):
            action.add_argument(
                "--password-stdin",
                action="store_true",
                help="read it from standard input",
            )
    return top


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 2 for settings that cannot be used, else the command's own exit code."""
    args = parser().parse_args(argv)
    try:
        settings = load(args.config, options=_overruled(args))
        return run(args, settings)
    except SettingsError as error:
        print(f"ispyb-lens: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # as with `| head`; what Python still holds must not be written either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Import the command that was asked for and run it."""
    command = importlib.import_module(f"app.commands.{args.command}")
    code: int = command.run(args, settings)
    return code


def _overruled(args: argparse.Namespace) -> dict[str, tuple[str, object]]:
    given = {name: getattr(args, name, None) for name in _OVERRULING}
    return {_OVERRULING[n]: (f"--{n}", value) for n, value in given.items() if value is not None}


if __name__ == "__main__":
    sys.exit(main())
