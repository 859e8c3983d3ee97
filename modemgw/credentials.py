"""The account of a first run without any [[account]]: a file of mode 0600 beside the database.

Owns making and reading that file. Its secrets are never logged; whoever starts the service prints the path.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from modemgw.config import AccountSettings, Complaint, ConfigError, parse
from modemgw.errors import ModemgwError
from modemgw.places import CREDENTIALS_NAME


class CredentialsError(ModemgwError):
    """The credentials file cannot be made or used."""


def beside(store_path: Path) -> Path:
    """Where the credentials file of this database is."""
    return store_path.parent / CREDENTIALS_NAME


def load_or_create(store_path: Path) -> tuple[AccountSettings, Path, bool]:
    """The account, its file, and True if both were made just now. Raises CredentialsError, ConfigError."""
    path = beside(store_path)
    account = AccountSettings(
        login="modemgw", password=secrets.token_urlsafe(12), api_key=secrets.token_urlsafe(24), ussd=True
    )
    text = (
        "# Made by modemgw because the configuration names no [[account]]. Keep it secret.\n"
        "# The same lines may be moved into the configuration file; this file is then not read.\n"
        "[[account]]\n"
        f'login = "{account.login}"\n'
        f'password = "{account.password}"\n'
        f'api_key = "{account.api_key}"\n'
        "ussd = true\n"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if path.is_file():
            return _read(path), path, False
        raise CredentialsError(
            f"cannot make {path} for a first account ({error.strerror}); add an [[account]] to the configuration"
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return account, path, True


def _read(path: Path) -> AccountSettings:
    try:
        text = path.read_text(encoding="utf-8")
        accounts = parse(text, path).accounts
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(f"{path} cannot be read: {error}") from error
    if not accounts:
        raise ConfigError([Complaint("", "has no [[account]]; delete the file to have it made anew")], path)
    account = accounts[0]
    if "ussd" in account.model_fields_set:
        return account
    return account.model_copy(update={"ussd": True})  # made before there was such a right
