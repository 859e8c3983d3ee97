"""Where files are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw import places


def test_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODEMGW_CONFIG", raising=False)
    monkeypatch.setattr(places, "DEFAULT_PLACES", ("modemgw.toml",))
    assert places.find_config() is None
    (tmp_path / "modemgw.toml").touch()
    assert places.find_config() == Path("modemgw.toml")
    monkeypatch.setenv("MODEMGW_CONFIG", "/x.toml")
    assert places.find_config() == Path("/x.toml")
    assert places.find_config(Path("y.toml")) == Path("y.toml")


def test_a_relative_database_is_beside_its_configuration() -> None:
    assert places.resolve_store("x.db", Path("/etc/m/c.toml")) == Path("/etc/m/x.db")
    assert places.resolve_store("/var/x.db", Path("/etc/m/c.toml")) == Path("/var/x.db")
    assert places.resolve_store("x.db", None) == Path("x.db")
