"""Secrets that do not stand in the file: from files, from the environment, from systemd's credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.cli.client import Target
from modemgw.config import ConfigError, load, warnings

ACCOUNT = '[[account]]\nlogin = "shop"\n{}\n'


def written(directory: Path, more: str) -> Path:
    path = directory / "modemgw.toml"
    path.write_text(ACCOUNT.format(more))
    path.chmod(0o600)
    return path


def test_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    secret = tmp_path / "shop.password"
    secret.write_text("пароль с пробелом\n")
    secret.chmod(0o600)
    config = load(written(tmp_path, 'password_file = "shop.password"'))
    assert config.accounts[0].password == "пароль с пробелом"
    assert warnings(config) == []


@pytest.mark.parametrize("where", ["environment", "credential"])
def test_by_name(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if where == "environment":
        monkeypatch.setenv("SHOP_KEY", "key-1")
    else:
        (tmp_path / "SHOP_KEY").write_text("key-1\n")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    path = written(tmp_path, 'api_key = "${SHOP_KEY}"')
    assert load(path).accounts[0].api_key == "key-1"
    assert Target.find(None, None, path).authorization == "Bearer key-1"  # and the commands find it too


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('password_file = "gone"', "cannot be read: No such file or directory"),
        ('password = "a"\npassword_file = "gone"', "give `password` or `password_file`, not both"),
        ("password_file = 7", "must be the path of a file"),
        ('password = "${NOBODY_SET_THIS}"', "no environment variable and no credential named NOBODY_SET_THIS"),
        ('password_file = "empty"', "is empty"),
        ('password_file = "long"', "is too long for a secret"),
        ('password_file = "binary"', "is not UTF-8"),
    ],
)
def test_what_cannot_be_had_is_said_with_its_place(tmp_path: Path, more: str, says: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "long").write_text("x" * 20_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(ConfigError) as refused:
        load(written(tmp_path, more))
    told = [str(complaint) for complaint in refused.value.complaints]
    assert any(says in one and "account[0].password" in one for one in told), told


def test_a_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    secret = tmp_path / "shop.password"
    secret.write_text("secret")
    secret.chmod(0o644)
    (told,) = warnings(load(written(tmp_path, 'password_file = "shop.password"')))
    assert "chmod 600" in told
    assert "secret" not in told.replace("holds a secret", "")
