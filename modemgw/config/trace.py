"""`[trace]`: where AT traces go. Owns the keys and their checks, not the traces."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from modemgw.config.types import Section


class TraceSettings(Section):
    """`[trace]`: AT traces, which hold texts and numbers."""

    dir: str | None = Field(default=None, min_length=1)
    on: bool = False
    max_mib: int = Field(default=10, ge=1, le=1024)

    def directory(self, store: Path, config: Path | None) -> Path:
        """Where traces go; without `dir` beside the database, and a relative one beside the configuration."""
        if self.dir is None:
            return store.with_name(store.name + ".traces")
        return (config.parent if config else Path()) / Path(self.dir).expanduser()
