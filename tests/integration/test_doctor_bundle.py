"""`modemgw doctor --bundle`: nothing of what was planted is in the archive, and what is needed is; from outside."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

from modemsim.simulation import Simulation
from tests.doctor_rig import modemgw, write_config
from tests.rig import running

OUT_TEXT, IN_TEXT = "Секрет наружу 5512", "Geheim herein 7788"
PEER, OTHER = "+79161112233", "+491701234567"
CALLBACK = "http://hook-user:hook-word@shop.example/cb?token=tok-123456"
EXTRA = f"""\
callback_url = "{CALLBACK}"
callback_secret = "callback-s3cret"
[[account]]
login = "second-login"
password = "p4ss with spaces"
[trace]
on = true
"""
PLANTED = (
    OUT_TEXT,
    OUT_TEXT.split()[0],
    IN_TEXT,
    "Geheim",
    PEER,
    PEER[1:],
    PEER[2:],
    OTHER,
    OTHER[1:],
    "key-of-shop",
    "callback-s3cret",
    "hook-user",
    "hook-word",
    "tok-123456",
    "second-login",
    "p4ss",
    "90817263",
    "Bank-Sender",
    OUT_TEXT.encode("utf-16-be").hex().upper(),
    "6111213233",
    "9417102143",
)


def unpacked(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as tar:
        assert all(member.mode == 0o600 for member in tar)
        return {
            member.name.removeprefix("modemgw-report/"): (tar.extractfile(member) or b"").read().decode()  # type: ignore[union-attr]
            for member in tar
        }


async def test_the_bundle_of_a_running_service(tmp_path: Path) -> None:
    async with running(tmp_path, config=EXTRA, modem_config='pin = "90817263"\n', pin="90817263") as rig:
        config = tmp_path / "doctor.toml"
        config.write_text(rig.config)
        for number in (PEER, PEER, OTHER):
            message = await rig.submit(number, OUT_TEXT)
            await rig.until_state(message["id"], "delivered")
        rig.sim.inject(IN_TEXT, sender=PEER)
        rig.sim.inject(IN_TEXT, sender="Bank-Sender")
        await rig.inbox(2)
        log = tmp_path / "run.log"
        log.write_text(
            f"2026-01-01 10:00:00,000 WARNING modemgw.line.worker: m0: {PEER} was refused by key-of-shop\n"
            f"2026-01-01 10:00:01,000 DEBUG modemgw.modem.dialogue.channel: < '{IN_TEXT}'\n"
            "Traceback (most recent call last):\n"
            f'  File "worker.py", line 1\nValueError: {OUT_TEXT}\n'
        )
        target = tmp_path / "report.tar.gz"
        status, _, err = await modemgw(
            "doctor", "--config", str(config), "--url", rig.runtime.url, "--bundle", str(target), "--log", str(log)
        )
        modem = rig.sim.modems[0].modem
        own = [rig.sim.modems[0].number[1:], modem.sim.imsi, modem.sim.iccid, modem.imei]
    assert status in (0, 1), err
    assert "numbers hashed" in err
    assert target.stat().st_mode & 0o777 == 0o600
    files = unpacked(target)
    assert {
        "README.txt",
        "doctor.json",
        "versions.json",
        "config.json",
        "modems.json",
        "events.jsonl",
        "log.txt",
    } <= set(files)
    whole = "\n".join(files.values()) + "\n".join(files)
    for secret in (*PLANTED, *own):
        assert secret not in whole, f"{secret} in {[name for name, text in files.items() if secret in text]}"
    for swapped in (_swapped(PEER[1:]), _swapped(OTHER[1:]), _swapped(own[0])):
        assert swapped not in whole.upper()
    # what is needed is there
    log_line = next(line for line in files["log.txt"].splitlines() if "was refused" in line)
    assert re.search(r"#7\d{10} was refused by <secret>", log_line)
    assert "DEBUG" not in files["log.txt"]
    assert 'File "worker.py"' in files["log.txt"]
    assert own[3][:8] in files["modems.json"]  # the model
    assert json.loads(files["versions.json"])["modemgw"]
    settings = json.loads(files["config.json"])
    assert settings["trace"] == {"on": True}
    assert settings["account"][0]["password"] == "<removed>"
    assert settings["modem"][0]["name"] == "m0"
    kinds = {json.loads(line)["kind"] for line in files["events.jsonl"].splitlines()}
    assert {"message.delivered", "line.up"} <= kinds
    traces = {name: text for name, text in files.items() if name.startswith("traces/")}
    assert len(traces) == 1
    assert "AT+CMGS=" in next(iter(traces.values()))
    assert "AT+CMGS=" in whole


async def test_the_bundle_without_a_service(tmp_path: Path) -> None:
    async with Simulation(modems=1, dir=tmp_path / "sim") as sim:
        config = write_config(tmp_path, sim.modems[0].port)
        target = tmp_path / "report.tar.gz"
        status, _, err = await modemgw("doctor", "--config", str(config), "--bundle", str(target), "--json")
        own = [sim.modems[0].number[1:], sim.modems[0].modem.sim.imsi, sim.modems[0].modem.imei, "key-of-shop"]
    assert status == 0, err
    files = unpacked(target)
    answers = json.loads(files["answers.json"])
    assert answers[0]["said"]["AT+CPIN?"] == ["+CPIN: READY"]
    assert re.search(r"#7\d{10}", answers[0]["said"]["AT+CNUM"][0])
    for secret in own:
        assert secret not in "\n".join(files.values())


async def test_equal_numbers_stay_equal_and_bundles_differ(tmp_path: Path) -> None:
    from modemgw.doctor.redact import Scrubber

    one, two = Scrubber(b"1" * 16), Scrubber(b"2" * 16)
    assert one.number(PEER) == one.text(PEER) == one.value({"to": PEER})["to"]
    assert one.number(PEER) == one.number(PEER[1:])
    assert one.number(PEER) != two.number(PEER)
    assert one.number(PEER).startswith("#7")
    assert one.number(OTHER).startswith("#49")
    assert one.number("Bank") == "<removed>"


async def test_a_bundle_that_cannot_be_written(tmp_path: Path) -> None:
    config = write_config(tmp_path, "/dev/none")
    status, _, err = await modemgw("doctor", "--config", str(config), "--bundle", str(tmp_path / "no" / "x.tar.gz"))
    assert status == 1
    assert "cannot be written" in err
    status, _, err = await modemgw("doctor", "--config", str(config), "--bundle", str(tmp_path / "x.zip"))
    assert status == 2


async def test_a_file_that_somebody_laid_ready_is_not_written_to(tmp_path: Path) -> None:
    config = write_config(tmp_path, "/dev/none")
    target = tmp_path / "x.tar.gz"
    ready = tmp_path / "x.tar.gz.part"
    ready.touch(mode=0o666)
    target.symlink_to(ready)
    await modemgw("doctor", "--config", str(config), "--bundle", str(target))
    assert ready.read_bytes() == b""
    assert not target.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".x.tar.gz*"))


async def test_a_trial_and_a_bundle_are_two_things(tmp_path: Path) -> None:
    status, _, err = await modemgw("doctor", "--loopback", "--bundle", str(tmp_path / "x.tar.gz"))
    assert status == 2
    assert "two things" in err


def _swapped(digits: str) -> str:
    """As a number stands in a PDU: semi-octets exchanged, filled with F (TS 23.040 9.1.2.3)."""
    padded = digits + "F" * (len(digits) % 2)
    return "".join(padded[n + 1] + padded[n] for n in range(0, len(padded), 2))
