"""What was learned of a modem: kept per IMEI and firmware, bounded, and never in the way when its file is broken."""

from __future__ import annotations

import json
import logging
import os
import stat
from pathlib import Path

import pytest

from modemgw.modem.dialogue.driver import DriverSettings
from modemgw.modem.quirks import learned as learned_module
from modemgw.modem.quirks.learned import Learned, LearnedStore, learned_path
from tests.unit.modem import driver_rig
from tests.unit.modem.driver_rig import rig

_short_limits = driver_rig._short_limits

IMEI, OTHER = "356938030000013", "356938030000021"


def store_in(folder: Path, look_every_s: float = 0) -> LearnedStore:
    return LearnedStore(learned_path(folder / "gw.db"), clock=lambda: 1_800_000_000.0, look_every_s=look_every_s)


def test_values_outlive_the_process(tmp_path: Path) -> None:
    first = store_in(tmp_path).of(IMEI, "1.0", "M1")
    first.put("cnmi", (2, 1, 0, 1, 0))
    first.put("ussd", "packed")
    first.put("loopback", {"gsm7": 3.5, "flash": None})
    again = store_in(tmp_path).of(IMEI, "1.0")
    assert (again.ints("cnmi"), again.text("ussd")) == ((2, 1, 0, 1, 0), "packed")
    assert again.get("loopback") == {"gsm7": 3.5, "flash": None}
    assert again.device.model == "M1"
    assert store_in(tmp_path).of(OTHER, "1.0").get("ussd") is None
    path = tmp_path / "gw.db.learned.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_modem_that_does_not_tell_its_firmware_this_time_keeps_what_was_learned(tmp_path: Path) -> None:
    store = LearnedStore(tmp_path / "learned.json")
    store.of(IMEI, "1.0").put("ussd", "plain")
    starting = store.of(IMEI, "")
    assert starting.get("ussd") == "plain"
    starting.put("cpms", 3)
    assert store.of(IMEI, "1.0").get("cpms") == 3
    assert store.of(IMEI, "2.0").get("ussd") is None


def test_it_is_never_written_through_a_link(tmp_path: Path) -> None:
    """The folder is the service's; a command that root runs must not be led to a file of root's."""
    other = tmp_path / "other"
    other.write_text("kept", encoding="utf-8")
    (tmp_path / "learned.json.new").symlink_to(other)
    LearnedStore(tmp_path / "learned.json").of(IMEI, "1.0").put("ussd", "plain")
    assert other.read_text(encoding="utf-8") == "kept"
    assert LearnedStore(tmp_path / "learned.json").of(IMEI, "1.0").get("ussd") == "plain"


def test_another_firmware_starts_from_nothing(tmp_path: Path) -> None:
    store_in(tmp_path).of(IMEI, "1.0").put("ussd", "packed")
    store = store_in(tmp_path)
    assert store.of(IMEI, "2.0").get("ussd") is None
    assert store.of(IMEI, "1.0").get("ussd") is None
    assert store.devices() == []


def test_what_fails_is_dropped(tmp_path: Path) -> None:
    known = store_in(tmp_path).of(IMEI, "1.0")
    known.put("ussd", "packed")
    known.drop("ussd")
    known.drop("never there")
    assert store_in(tmp_path).of(IMEI, "1.0").get("ussd", "plain") == "plain"


def test_values_of_a_wrong_kind_are_not_given(tmp_path: Path) -> None:
    known = store_in(tmp_path).of(IMEI, "1.0")
    for value in ("2,1", [2, "1"], [], [True], 7):
        known.put("cnmi", value)
        assert known.ints("cnmi") is None
    assert known.text("cnmi") is None


def test_one_process_forgets_while_another_runs(tmp_path: Path) -> None:
    service, command = store_in(tmp_path), store_in(tmp_path)
    known = service.of(IMEI, "1.0")
    known.put("ussd", "packed")
    assert command.forget(IMEI)
    assert not command.forget(IMEI)
    assert known.get("ussd") is None
    known.put("cmgl", "word")
    assert [device.values for device in command.devices()] == [{"cmgl": "word"}]


def test_the_file_is_looked_at_seldom_and_before_it_is_written(tmp_path: Path) -> None:
    service, command = store_in(tmp_path, look_every_s=60), store_in(tmp_path)
    known = service.of(IMEI, "1.0")
    known.put("ussd", "packed")
    known.put("cmgl", "word")
    assert command.forget(IMEI)
    assert known.get("ussd") == "packed"  # for a while
    known.drop("cmgl")
    known.put("cmgl", "number")
    assert [device.values for device in command.devices()] == [{"cmgl": "number"}]
    assert known.get("ussd") is None


BROKEN = [
    b"{",
    b"[]",
    b"\xff\xfe",
    b'{"format": 2}',
    b'{"format": 1, "devices": 3}',
    b"[" * 100_000,
    b'{"format": 1, "devices": {"3569": {"firmware": 1}}}',
    b"",
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_set_aside(content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = learned_path(tmp_path / "gw.db")
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        known = store_in(tmp_path).of(IMEI, "1.0")
        known.put("ussd", "packed")
    assert "set aside" in caplog.text
    assert path.with_name(path.name + ".broken").read_bytes() == content
    assert json.loads(path.read_text())["devices"][IMEI]["values"] == {"ussd": "packed"}


def test_a_folder_that_cannot_be_written_is_told_and_remembered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = store_in(tmp_path / "nowhere").of(IMEI, "1.0")
    with caplog.at_level(logging.WARNING):
        known.put("ussd", "packed")
    assert "cannot be kept" in caplog.text
    assert known.get("ussd") == "packed"


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned_module, "DEVICES_MOST", 3)
    monkeypatch.setattr(learned_module, "KEYS_MOST", 2)
    now = iter(range(1, 100))
    store = LearnedStore(learned_path(tmp_path / "gw.db"), clock=lambda: float(next(now)))
    for number in range(5):
        store.of(f"35693803000000{number}", "1").put("ussd", "plain")
    assert [device.imei[-1] for device in store.devices()] == ["4", "3", "2"]
    known = store.of(IMEI, "1")
    with pytest.raises(ValueError, match="Key!"):
        known.put("Key!", 1)
    known.put("a", 1)
    for key, value in (("long", "x" * 3000), ("b", 1), ("c", 1), ("a", 2)):
        known.put(key, value)
    assert known.device.values == {"a": 2, "b": 1}


def test_without_an_imei_it_is_remembered_as_long_as_it_lives(tmp_path: Path) -> None:
    for known in (Learned(), store_in(tmp_path).of(None, "1.0")):
        known.put("ussd", "packed")
        assert known.get("ussd") == "packed"
    assert list(tmp_path.iterdir()) == []


async def test_the_driver_binds_it_to_the_modem_it_finds(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    async with rig() as r:
        r.driver.learned.put("ussd", "lost")
        await r.driver.initialise(DriverSettings(learned=store))
        r.driver.learned.put("ussd", "packed")
    assert [(d.imei, d.firmware, d.model) for d in store.devices()] == [(IMEI, "1.0", "M1")]
    async with rig() as r:
        await r.driver.initialise(DriverSettings(learned=store))
        assert r.driver.learned.get("ussd") == "packed"
    async with rig({r"AT\+CGSN.*": b"\r\nERROR\r\n"}) as r:
        await r.driver.initialise(DriverSettings(learned=store))
        assert r.driver.learned.get("ussd") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_the_service(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    store_in(tmp_path).of(IMEI, "1.0").put("ussd", "packed")
    status = learned_path(tmp_path / "gw.db").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 1234, 0o600)
