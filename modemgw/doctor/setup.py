"""What is to be examined: the configuration, or what can be saved of a broken one. Owns no check."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modemgw.config import Complaint, Config, ConfigError, load
from modemgw.config.modem import ModemSettings
from modemgw.modem.dialogue.init_sim import RefusedPins
from modemgw.places import DEFAULT_STORE, resolve_store


@dataclass(frozen=True, slots=True)
class Setup:
    """`config` is None where there is none, or where it is broken: then `modems` and `store_path` are what is left."""

    path: Path | None
    config: Config | None
    complaints: tuple[Complaint, ...]
    modems: tuple[ModemSettings, ...]
    store_path: Path

    def refused_pins(self) -> RefusedPins:
        """PINs that SIMs have refused before."""
        return RefusedPins(self.store_path.with_name(self.store_path.name + ".pins"))


def read_setup(path: Path | None) -> Setup:
    """Never raises for what is in the file."""
    if path is None:
        return Setup(None, None, (), (), resolve_store(DEFAULT_STORE, None).absolute())
    try:
        config = load(path)
    except ConfigError as error:
        document = _document(path)
        store = document.get("store")
        named = store.get("path") if isinstance(store, dict) else None
        store_path = resolve_store(named if isinstance(named, str) and named else DEFAULT_STORE, path)
        return Setup(path, None, error.complaints, tuple(_modems(document.get("modem"))), store_path.absolute())
    return Setup(path, config, (), tuple(m for m in config.modems if m.enabled), config.store_path.absolute())


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _modems(tables: Any) -> Sequence[ModemSettings]:
    """Those that can be understood, without the keys that cannot."""
    found: list[ModemSettings] = []
    for number, table in enumerate(tables if isinstance(tables, list) else []):
        if not isinstance(table, dict):
            continue
        kept = {key: value for key, value in table.items() if _good(key, value)}
        kept.setdefault("name", f"modem[{number}]")
        if ("port" in kept) == ("imei" in kept):
            continue
        modem = ModemSettings.model_construct(**kept)
        if modem.enabled:
            found.append(modem)
    return found


def _good(key: str, value: Any) -> bool:
    try:
        ModemSettings.model_validate({"name": "x", key: value})
    except ValidationError:
        return False
    return True
