"""Secrets that do not stand in the file: `password_file = "…"`, and `${NAME}` inside a value.

Owns where they come from: a file, the environment, the credentials directory of systemd (systemd.exec(5),
LoadCredential=). What is wrong is said without the secret.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Keys of secrets, in whichever table they stand. Each may be given as `<key>_file` instead.
SECRET_KEYS = frozenset(
    {"password", "api_key", "pin", "callback_secret", "callback_secret_old"}
    | {"webhook_key", "token", "key", "hash", "client_secret"}
)

#: A secret is a line, not a document.
MAX_OCTETS = 16_384

_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where names and files are looked for. `folder` is that of the configuration: relative paths begin there."""

    environ: Mapping[str, str]
    folder: Path | None = None

    @classmethod
    def of_process(cls, path: Path | None) -> Sources:
        """The environment of this process, and the folder of a configuration file."""
        return cls(os.environ, None if path is None else path.parent)

    def variable(self, name: str) -> str | None:
        """The environment's, else the credential of that name; None where there is neither."""
        if name in self.environ:
            return self.environ[name]
        directory = self.environ.get("CREDENTIALS_DIRECTORY")
        if directory is None:
            return None
        try:
            return _read(Path(directory) / name)
        except (OSError, ValueError):
            return None


def resolve(document: dict[str, Any], sources: Sources) -> list[tuple[Place, str]]:
    """Put secrets into a parsed document, in place. (place, sentence) for each that cannot be had."""
    complaints: list[tuple[Place, str]] = []
    for place, table in _tables(document, ()):
        for key in list(table):
            base = key.removesuffix("_file")
            if key.endswith("_file") and base in SECRET_KEYS:
                problem = _from_file(table, key, base, sources)
            elif isinstance(table[key], str) and "${" in table[key]:
                problem = _from_names(table, key, sources)
            else:
                continue
            if problem is not None:
                complaints.append(((*place, key), problem))
    return complaints


def exposed(document: Mapping[str, Any], sources: Sources) -> Iterator[tuple[Place, Path]]:
    """Files of secrets that others than their owner can read."""
    for place, table in _tables(document, ()):
        for key, value in table.items():
            if key.endswith("_file") and key.removesuffix("_file") in SECRET_KEYS and isinstance(value, str):
                path = _path(value, sources)
                try:
                    mode = path.stat().st_mode
                except OSError:
                    continue
                if mode & (stat.S_IRWXO | stat.S_IWGRP):
                    yield (*place, key), path


def _tables(value: Any, place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    if isinstance(value, dict):
        yield place, value
        for key, inner in list(value.items()):
            yield from _tables(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _tables(inner, (*place, index))


def _from_file(table: dict[str, Any], key: str, base: str, sources: Sources) -> str | None:
    value = table.pop(key)
    if base in table:
        return f"give `{base}` or `{key}`, not both"
    if not isinstance(value, str) or not value:
        return "must be the path of a file"
    path = _path(value, sources)
    try:
        table[base] = _read(path)
    except OSError as error:
        table[base] = None
        del table[base]
        return f"{path} cannot be read: {error.strerror}"
    except ValueError as error:
        return f"{path} {error}"
    return None


def _from_names(table: dict[str, Any], key: str, sources: Sources) -> str | None:
    missing: list[str] = []

    def value_of(match: re.Match[str]) -> str:
        found = sources.variable(match[1])
        if found is None:
            missing.append(match[1])
            return ""
        return found

    text = _NAME.sub(value_of, table[key])
    if missing:
        return f"there is no environment variable and no credential named {missing[0]}"
    table[key] = text
    return None


def _path(value: str, sources: Sources) -> Path:
    path = Path(value).expanduser()
    return path if path.is_absolute() or sources.folder is None else sources.folder / path


def _read(path: Path) -> str:
    """The text of a file without the end of its line. Raises OSError, ValueError with the end of a sentence."""
    with path.open("rb") as file:
        raw = file.read(MAX_OCTETS + 1)
    if len(raw) > MAX_OCTETS:
        raise ValueError("is too long for a secret")
    try:
        text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if not text:
        raise ValueError("is empty")
    return text
