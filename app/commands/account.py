"""`ispyb-lens account`: people and proposals that sign in with a password kept here."""

import argparse
import getpass
import sys

from app.settings import Settings
from auth.accounts import PROVIDERS, AccountError, add_account, disable_account, enable_account, set_password
from auth.identity import Principal
from auth.store import Store


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what was asked; 1 with a sentence where it cannot be done."""
    store = Store(settings.store_url().render_as_string(hide_password=False))
    try:
        if args.action == "list":
            _list(store)
            return 0
        kind: Principal = "proposal" if args.proposal else "person"
        if args.action == "add":
            add_account(store, args.login, _password(args.password_stdin), args.name, kind)
        elif args.action == "password":
            set_password(store, args.login, _password(args.password_stdin), kind)
        elif args.action == "enable":
            enable_account(store, args.login, kind)
        else:
            disable_account(store, args.login, kind)
    except AccountError as error:
        print(f"ispyb-lens: {error}", file=sys.stderr)
        return 1
    finally:
        store.close()
    print(f"{args.login}: done")
    wanted = PROVIDERS[kind]
    if args.action in ("add", "enable") and wanted not in {given.key for given in settings.login.providers}:
        words = f"nobody signs in with such an account until the settings have [login.providers.{wanted}]"
        print(f"ispyb-lens: {words} with kind = {wanted!r}", file=sys.stderr)
    return 0


def _list(store: Store) -> None:
    for account in store.accounts():
        state = "disabled" if account.disabled else "may sign in"
        print(f"{account.kind:<9} {account.login:<24} {state:<12} {account.name}")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Once more: "):
        raise AccountError("The two passwords differ.")
    return first
