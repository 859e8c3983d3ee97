"""The account of the first run is made once, is readable by its owner only, and is the same ever after."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from modemgw.config import ConfigError
from modemgw.credentials import CredentialsError, load_or_create


def test_made_once_and_kept(tmp_path: Path) -> None:
    account, path, made = load_or_create(tmp_path / "data" / "modemgw.db")
    assert made
    assert path == tmp_path / "data" / "modemgw.credentials.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again, _, made_again = load_or_create(tmp_path / "data" / "modemgw.db")
    assert not made_again
    assert again == account
    assert account.password is not None
    assert account.password not in repr(account)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "modemgw.credentials.toml").write_text("# nothing\n")
    with pytest.raises(ConfigError, match=r"modemgw\.credentials\.toml: has no \[\[account\]\]"):
        load_or_create(tmp_path / "modemgw.db")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CredentialsError, match=r"add an \[\[account\]\] to the configuration"):
        load_or_create(tmp_path / "file" / "modemgw.db")
