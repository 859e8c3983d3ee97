"""Where modemgw's own files are looked for. Standard library only, so that client commands start fast."""

from __future__ import annotations

import os
import stat
from pathlib import Path

#: Where a configuration is looked for when none is named, in this order.
DEFAULT_PLACES = ("modemgw.toml", "/etc/modemgw/modemgw.toml")

#: Beside the database: the account made on a first run without any [[account]].
CREDENTIALS_NAME = "modemgw.credentials.toml"

DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_STORE = "modemgw.db"


def find_config(path: Path | None = None) -> Path | None:
    """The file to use: the one named, $MODEMGW_CONFIG, or the first of DEFAULT_PLACES that exists.

    A place that this user may not look into counts as one that exists: whoever reads it says what is wrong, instead of
    going on as if there were no configuration.
    """
    if path is not None:
        return path
    if named := os.environ.get("MODEMGW_CONFIG"):
        return Path(named)
    return next((Path(place) for place in DEFAULT_PLACES if is_there(Path(place))), None)


def is_there(path: Path, *, folder: bool = False) -> bool:
    """It is a file (or a folder), or lies where this user may not look, who cannot know then. Never raises."""
    try:
        return (stat.S_ISDIR if folder else stat.S_ISREG)(path.stat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False


def resolve_store(store: str, config: Path | None) -> Path:
    """The database; a relative path is taken from the directory of the configuration file."""
    base = config.parent if config else Path()
    return base / Path(store).expanduser()
