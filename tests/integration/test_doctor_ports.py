"""`modemgw doctor` before a port is opened: who has it, who may, what it is for, what USB shows; from outside."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from tests.doctor_rig import HOLD, POWERLESS, Machine, doctor, mute, port, process, scripted, write_config
from tests.integration.test_doctor_modems import expect

powerless = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to take its powers away"
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "machine").mkdir()
    return Machine(tmp_path / "machine")


async def test_a_port_that_modem_manager_has(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", scripted()) as link:
        with process(HOLD, "ModemManager", str(link)) as pid:
            told = await doctor(write_config(tmp_path, str(link)))
    expect(told, "port.held", f"ModemManager (pid {pid})", "modemgw udev install")
    assert "systemctl disable --now ModemManager" in told.top["fix"]
    assert len(told.problems) == 1


async def test_a_port_that_some_program_has(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", scripted()) as link:
        with process(HOLD, "smsthing", str(link)) as pid:
            told = await doctor(write_config(tmp_path, str(link)))
    expect(told, "port.held", f"smsthing (pid {pid})", f"kill {pid}")


@powerless
async def test_a_port_whose_holder_this_user_may_not_see(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", scripted()) as link:
        with process(HOLD, "ModemManager", str(link)) as pid:
            told = await doctor(write_config(tmp_path, str(link)), before=POWERLESS)
    expect(told, "port.held", f"most likely by ModemManager (pid {pid})", "systemctl disable --now ModemManager")
    assert len(told.problems) == 1


@powerless
async def test_a_port_that_this_user_may_not_open(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", scripted()) as link:
        os.chown(link, 1234, 5)  # tty
        os.chmod(link, 0o660)
        told = await doctor(write_config(tmp_path, str(link)), before=POWERLESS)
        os.chmod(link, 0o600)
        owners = await doctor(write_config(tmp_path, str(link)), before=POWERLESS)
    expect(told, "port.denied", f"root may not open {link}; group tty may", "sudo usermod -aG tty root, then log in")
    expect(owners, "port.denied", "only its owner may", "chmod")
    assert len(told.problems) == len(owners.problems) == 1


async def test_lock_files(tmp_path: Path, machine: Machine) -> None:
    async with port(machine.device("ttyUSB0"), scripted()) as link:
        name = os.path.basename(os.path.realpath(link))
        config = write_config(tmp_path, "/dev/ttyUSB0")
        stale = machine.file(f"/var/lock/LCK..{name}", f"{2**22 - 3:10d}\n")
        told = await doctor(config, root=machine.root)
        assert told.problems == []
        assert told.of("port.stale_lock")["fix"] == f"sudo rm {stale}"
        stale.write_text(f"{os.getppid():10d}\n")
        told = await doctor(config, root=machine.root)
    expect(told, "port.lock", f"(pid {os.getppid()})", "stop ")
    assert len(told.problems) == 1


async def test_no_port_and_others_are_there(tmp_path: Path, machine: Machine) -> None:
    machine.usb(
        "1-1",
        "2c7c:0125",
        "EC25-EFA",
        ("ff/ff/ff", "ttyUSB0", "option"),
        ("ff/00/00", "ttyUSB1", "option"),
        ("ff/00/00", "ttyUSB2", "option"),
        ("ff/00/00", "ttyUSB3", "option"),
    )
    told = await doctor(write_config(tmp_path, "/dev/ttyUSB7"), root=machine.root)
    expect(told, "port.missing", "no port /dev/ttyUSB7", 'set port = "/dev/ttyUSB2" (EC25-EFA)')


async def test_the_diagnostics_port_is_not_opened(tmp_path: Path, machine: Machine) -> None:
    machine.usb(
        "1-1",
        "2c7c:0125",
        "EC25-EFA",
        ("ff/ff/ff", "ttyUSB0", "option"),
        ("ff/00/00", "ttyUSB1", "option"),
        ("ff/00/00", "ttyUSB2", "option"),
        ("ff/00/00", "ttyUSB3", "option"),
    )
    heard = []

    def diag(data: bytes, _speed: int) -> bytes:
        heard.append(data)
        return b""

    async with port(machine.device("ttyUSB0"), diag):
        told = await doctor(write_config(tmp_path, "/dev/ttyUSB0"), root=machine.root)
    expect(told, "port.role", "the diagnostics port of EC25-EFA", 'port = "/dev/ttyUSB2"')
    assert "It was not opened" in told.top["seen"]
    assert not heard
    assert len(told.problems) == 1


async def test_a_found_modem_is_examined_at_its_at_port(tmp_path: Path, machine: Machine) -> None:
    machine.usb(
        "1-1",
        "2c7c:0125",
        "EC25-EFA",
        ("ff/ff/ff", "ttyUSB0", "option"),
        ("ff/00/00", "ttyUSB1", "option"),
        ("ff/00/00", "ttyUSB2", "option"),
        ("ff/00/00", "ttyUSB3", "option"),
    )
    config = write_config(tmp_path)
    async with port(machine.device("ttyUSB2"), scripted()):
        told = await doctor(config, root=machine.root)
        assert told.problems == []
        assert told.of("modem.identity")["subject"] == "ttyUSB2"
        by_imei = tmp_path / "imei.toml"
        by_imei.write_text(config.read_text() + '[[modem]]\nname = "x"\nimei = "864425040000018"\n')
        by_imei.chmod(0o600)
        told = await doctor(by_imei, root=machine.root)
        assert told.problems == []
        assert told.of("modem.identity")["subject"] == "x"
        by_imei.write_text(config.read_text() + '[[modem]]\nname = "x"\nimei = "111111111111111"\n')
        told = await doctor(by_imei, root=machine.root)
    expect(told, "port.missing", "/dev/ttyUSB2 has 864425040000018", "correct imei")


async def test_a_stick_in_storage_mode(tmp_path: Path, machine: Machine) -> None:
    machine.usb("1-2", "12d1:1f01", "HUAWEI Mobile", ("08/06/50", "", "usb-storage"))
    told = await doctor(write_config(tmp_path, "/dev/ttyUSB0"), root=machine.root)
    expect(told, "usb.storage_mode", "12d1:1f01", "apt install usb-modeswitch")
    assert told.of("port.missing")["because"] == "usb.storage_mode"
    assert len(told.problems) == 1


async def test_a_hilink_stick(tmp_path: Path, machine: Machine) -> None:
    machine.usb("1-2", "12d1:14dc", "HUAWEI Mobile", ("02/06/00", "", "cdc_ether"), ("0a/00/00", "", "cdc_ether"))
    told = await doctor(write_config(tmp_path), root=machine.root)
    expect(told, "usb.hilink", "HiLink", "AT port")
    assert len(told.problems) == 1


@pytest.mark.parametrize(("kind", "fix"), [("ff/00/00", "modprobe option"), ("02/02/01", "modprobe cdc_acm")])
async def test_a_modem_without_a_driver(tmp_path: Path, machine: Machine, kind: str, fix: str) -> None:
    machine.usb("1-3", "2c7c:0125", "EC25-EFA", *[(kind, "", None)] * 4)
    told = await doctor(write_config(tmp_path, "/dev/ttyUSB2"), root=machine.root)
    expect(told, "usb.no_driver", "no driver for them", fix)
    assert len(told.problems) == 1


async def test_a_drive_and_a_network_card_are_no_modems(tmp_path: Path, machine: Machine) -> None:
    machine.usb("1-4", "0781:5581", "Ultra", ("08/06/50", "", "usb-storage"))
    machine.usb("1-5", "0bda:8153", "USB LAN", ("ff/ff/00", "", "r8152"))
    machine.usb("1-6", "1a86:7523", "USB Serial", ("ff/01/02", "ttyUSB0", "ch341"))
    told = await doctor(write_config(tmp_path), root=machine.root)
    expect(told, "modem.none", "No modem is found", "lsusb")
    assert told.of("usb.converter")["verdict"] == "ok"
    assert len(told.problems) == 1


async def test_a_container_that_was_not_given_the_device(tmp_path: Path, machine: Machine) -> None:
    machine.file("/run/.containerenv", "")
    told = await doctor(write_config(tmp_path, "/dev/ttyUSB2"), root=machine.root)
    expect(told, "port.missing", "podman container", "--device /dev/ttyUSB2")
    assert len(told.problems) == 1


async def test_a_container_beside_a_machine_that_has_the_port(tmp_path: Path, machine: Machine) -> None:
    machine.file("/run/.containerenv", "")
    machine.usb(
        "1-1", "12d1:1506", "HUAWEI Mobile", ("ff/02/01", "ttyUSB0", "option"), ("ff/02/02", "ttyUSB1", "option")
    )
    told = await doctor(write_config(tmp_path, "/dev/ttyUSB1"), root=machine.root)
    expect(told, "container.no_device", "but the machine has it", "--device /dev/ttyUSB1")
    assert len(told.problems) == 1


async def test_what_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    told = await doctor(write_config(tmp_path, str(tmp_path / "file")))
    expect(told, "port.no_port", "a file, not a serial port", "port of this modem")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"socket://127.0.0.1:{free.getsockname()[1]}"
    told = await doctor(write_config(tmp_path, url))
    expect(told, "port.no_answer", url, "device server")


async def test_one_port_that_is_not_configured(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", scripted()) as link, port(tmp_path / "other", mute) as other:
        told = await doctor(write_config(tmp_path, str(other)), "--port", str(link))
    assert told.problems == []
    assert told.of("modem.identity")["seen"].startswith("Quectel EC25")


async def test_old_udev_rules(tmp_path: Path, machine: Machine) -> None:
    machine.file("/etc/udev/rules.d/70-modemgw.rules", "# of last year\n")
    async with port(tmp_path / "tty", scripted()) as link:
        told = await doctor(write_config(tmp_path, str(link)), root=machine.root)
    expect(told, "udev.old", "not that of this version", "modemgw udev install")
