"""`[profiles]`: the user's own profiles of modems. Owns the key and finding the folder; the files are read by
`modem.profile_registry`, and only where somebody asks for a profile: commands start fast."""

from __future__ import annotations

import difflib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationInfo
from pydantic_core import PydanticCustomError

from modemgw.config.types import Section
from modemgw.places import is_there

if TYPE_CHECKING:
    from modemgw.modem.quirks.profile_registry import Registry

DEFAULT_FOLDER = "profiles.d"


class ProfilesSettings(Section):
    """`[profiles]`: a folder with a file for each profile, relative to the configuration file."""

    folder: str = Field(default=DEFAULT_FOLDER, min_length=1)


class ProfileSource:
    """The profiles of a configuration: ours, and those of its folder. `document` is the raw section."""

    def __init__(self, document: object = None, path: Path | None = None) -> None:
        named = document.get("folder") if isinstance(document, dict) else None
        self._named = isinstance(named, str)
        folder = Path(named if isinstance(named, str) and named else DEFAULT_FOLDER)
        self.folder = folder if path is None or folder.is_absolute() else path.resolve().parent / folder
        self._looked_for = self._named or (path is not None and is_there(self.folder, folder=True))

    @cached_property
    def _read(self) -> tuple[Registry, list[str]]:
        from modemgw.modem.quirks.profile_registry import built_in, with_folder

        if not self._looked_for:
            return built_in(), []
        registry, mistakes = with_folder(self.folder)
        return registry, [str(mistake) for mistake in mistakes]

    @property
    def registry(self) -> Registry:
        """All that can be read."""
        return self._read[0]

    @property
    def mistakes(self) -> list[str]:
        """What is wrong with the folder and its files: file, key and reason. A default folder need not be there."""
        return self._read[1] if self._looked_for else []


def known_profile(value: str | None, info: ValidationInfo) -> str | None:
    """Validator of a profile's name. Raises PydanticCustomError with the closest names."""
    if value is None:
        return None
    source = (info.context or {}).get("profiles") or ProfileSource()
    names: list[str] = source.registry.names
    if value not in names:
        close = difflib.get_close_matches(value, names, n=3, cutoff=0.5)
        hint = f"the closest: {', '.join(close)}" if close else "`modemgw profiles` lists them"
        raise PydanticCustomError("profile", "there is no such profile; {hint}", {"hint": hint})
    return value
