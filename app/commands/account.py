"""`ispyb-lens account`: people who sign in with a password kept here."""

import argparse
import getpass
import sys

from app.settings import Settings
from auth.accounts import AccountError, add_account, disable_account, set_password
from auth.store import Store


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what was asked; 1 with a sentence where it cannot be done."""
    store = Store(settings.store_url().render_as_string(hide_password=False))
    try:
        if args.action == "add":
            add_account(store, args.login, _password(args.password_stdin), args.name)
        elif args.action == "password":
            set_password(store, args.login, _password(args.password_stdin))
        else:
            disable_account(store, args.login)
    except AccountError as error:
        print(f"ispyb-lens: {error}", file=sys.stderr)
        return 1
    print(f"{args.login}: done")
    return 0


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Once more: "):
        raise AccountError("The two passwords differ.")
    return first
