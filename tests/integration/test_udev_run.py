"""The udev rules as udev itself reads them: `udevadm test` on a fake machine, in a mount namespace of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modemgw.modem.ports.udev_rules import NAME, rules
from tests.umockdev_bench import CONTROLLER, LAYOUTS, bench, preload

UDEVADM = shutil.which("udevadm") or shutil.which("udevadm", path="/usr/bin:/bin:/sbin")

if UDEVADM is None:
    pytest.skip("udevadm (Debian package udev) is not installed", allow_module_level=True)

#: The system's own rules are hidden, so that what is seen is ours.
SCRIPT = """
set -e
mkdir -p /run/udev
for folder in /run/udev /lib/udev/rules.d /etc/udev; do [ ! -d $folder ] || mount -t tmpfs none $folder; done
mkdir -p /run/udev/rules.d
cp "$RULES" /run/udev/rules.d/
for path in "$@"; do echo "##port $path"; "$UDEVADM" test --action=add "/sys$path" 2>&1; done
"""


def namespaces() -> bool:
    return (
        os.geteuid() == 0
        and shutil.which("unshare") is not None
        and subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0
    )


async def told(directory: Path, plugged: dict[str, str], text: str) -> dict[str, dict[str, str]]:
    """What udev says of each tty ("1-1:2") when `plugged` (place -> layout) are there and `text` are the rules."""
    (directory / NAME).write_text(text)
    paths, tty = {}, 0
    async with bench(directory / "sim", modems=len(plugged)) as sticks:
        for index, (place, layout) in enumerate(plugged.items()):
            await sticks("plug", index, layout, place, tty)
            for number, (_, _, use) in LAYOUTS[layout].interfaces.items():
                if use != "net":
                    name = f"ttyUSB{tty}"
                    path = f"{CONTROLLER}/{place}/{place}:1.{number}/{name}/tty/{name}"
                    paths[path] = f"{place}:{number}"
                    tty += 1
        process = await asyncio.create_subprocess_exec(
            "unshare",
            "-m",
            "sh",
            "-c",
            SCRIPT,
            "sh",
            *paths,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**sticks.environment, "RULES": str(directory / NAME), "UDEVADM": str(UDEVADM)},
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output
    assert "Invalid" not in output, output
    assert "Unknown" not in output, output
    out = {}
    for part in output.split("##port ")[1:]:
        path, _, body = part.partition("\n")
        out[paths[path]] = dict(line.partition("=")[::2] for line in body.splitlines() if "=" in line)
    return out


@pytest.mark.skipif(preload() is None, reason="umockdev (Debian package umockdev) is not installed")
@pytest.mark.skipif(not namespaces(), reason="no mount namespaces here (they need root)")
async def test_names_that_stay_and_at_ports_that_modemmanager_leaves_alone(tmp_path: Path) -> None:
    ports = await told(tmp_path, {"1-1": "ec25", "1-2": "e3372", "1-3": "unknown", "1-4": "e3372"}, rules())
    for name, facts in ports.items():
        place, number = name.split(":")
        link = f"/dev/modemgw/pci-0000:00:14.0-usb-0:{place[2:]}:1.{number}-if0{number}"
        assert facts["DEVLINKS"].split() == [link]
    ignored = {name for name, facts in ports.items() if facts.get("ID_MM_PORT_IGNORE") == "1"}
    assert ignored == {"1-1:2", "1-2:2", "1-3:4", "1-4:2"}


@pytest.mark.skipif(preload() is None, reason="umockdev (Debian package umockdev) is not installed")
@pytest.mark.skipif(not namespaces(), reason="no mount namespaces here (they need root)")
async def test_whole_devices_that_modemmanager_leaves_alone(tmp_path: Path) -> None:
    ports = await told(tmp_path, {"1-1": "ec25", "1-2": "e3372"}, rules(whole_devices=True))
    assert {facts.get("ID_MM_DEVICE_IGNORE") for facts in ports.values()} == {"1"}


UDEVD = next(
    (path for path in ("/lib/systemd/systemd-udevd", "/usr/lib/systemd/systemd-udevd") if os.path.exists(path)), None
)
TRIGGER = Path("/sys/class/tty/tty9/uevent")

#: A udevd of one's own: in a network namespace, so that only who is in there hears it, and with its own /run.
OWN_UDEVD = """
set -e
mount -t tmpfs none /run
mkdir /run/udev
"$UDEVD" --children-max=2 >/dev/null 2>&1 & udevd=$!
for _ in $(seq 400); do [ -S /run/udev/control ] && break; sleep 0.05; done
"$PYTHON" -c "$PROGRAM" && status=0 || status=$?
kill $udevd; wait $udevd || true
exit $status
"""
LISTEN = """
import asyncio
from modemgw.modem.ports.hotplug import HotPlug

async def main():
    plugs, heard = HotPlug(), []
    plugs.start()
    plugs.listen(heard.append)
    async with asyncio.timeout(30):
        while not any(event.source == "udev" for event in heard):
            waiting = plugs.wait(1)
            open("/sys/class/tty/tty9/uevent", "w").write("change")
            await waiting
    print(heard[0])
    plugs.close()

asyncio.run(main())
"""


@pytest.mark.skipif(not namespaces(), reason="no namespaces here (they need root)")
@pytest.mark.skipif(UDEVD is None, reason="systemd-udevd (Debian package udev) is not installed")
@pytest.mark.skipif(not os.access(TRIGGER, os.W_OK), reason="the kernel may not be asked for an event here")
async def test_the_events_of_a_real_udevd(tmp_path: Path) -> None:
    pytest.importorskip("pyudev", reason="pyudev (the extra `udev`) is not installed")
    process = await asyncio.create_subprocess_exec(
        "unshare",
        "-n",
        "-m",
        "sh",
        "-c",
        OWN_UDEVD,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "UDEVD": str(UDEVD), "PYTHON": sys.executable, "PROGRAM": LISTEN},
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert "PlugEvent(action='change', port='/dev/tty9', source='udev')" in output


def test_udevadm_verify(tmp_path: Path) -> None:
    assert UDEVADM is not None
    if "verify" not in subprocess.run([UDEVADM, "--help"], check=False, capture_output=True, text=True).stdout:
        pytest.skip("this udevadm has no `verify` (it came with systemd 254)")
    for whole_devices in (False, True):
        (tmp_path / NAME).write_text(rules(whole_devices=whole_devices))
        run = subprocess.run([UDEVADM, "verify", tmp_path / NAME], check=False, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
