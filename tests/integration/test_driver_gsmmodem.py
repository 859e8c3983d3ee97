"""The gateway with `driver = "gsmmodem"`: a message out, one in, and the library's faults borne."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.config import ConfigError, parse
from modemgw.modem.dialogue import driver_gsmmodem
from tests.rig import running

pytest.importorskip("gsmmodem", exc_type=ImportError)

PEER = "+79991234567"
DRIVER = 'driver = "gsmmodem"\n'


@pytest.mark.parametrize("personality", ["generic", "huawei-e3372"])
async def test_a_message_out_and_one_in(tmp_path: Path, personality: str) -> None:
    async with running(tmp_path, modem_config=DRIVER, personality=personality) as rig:
        names = {thread.name for thread in driver_gsmmodem.threading.enumerate()}
        assert "gsmmodem reader" in names
        long = await rig.submit(PEER, "Привет, мир 😀! " * 12)
        assert (await rig.until_state(long["id"], "delivered"))["state"] == "delivered"
        assert [m.text for m in rig.sim.far] == ["Привет, мир 😀! " * 12]
        rig.sim.inject("hello " * 50, sender=PEER, ref_bits=16)
        (item,) = await rig.inbox(1)
        assert (item["from"], item["text"]) == (PEER, "hello " * 50)


async def test_a_byte_that_ends_its_reader_costs_a_reopening(tmp_path: Path) -> None:
    async with running(tmp_path, modem_config=DRIVER) as rig:
        rig.sim.fault("garbage", when="now")
        rig.sim.inject("after it", sender=PEER)
        (item,) = await rig.inbox(1, 20)
        assert item["text"] == "after it"
        await rig.ready()


async def test_unplugged_and_plugged_in_again(tmp_path: Path) -> None:
    async with running(tmp_path, modem_config=DRIVER) as rig:
        rig.sim.unplug(back_s=0.2)
        message = await rig.submit(PEER, "after the replug")
        await rig.until_state(message["id"], "delivered", limit_s=20)


def test_without_the_library_the_configuration_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemgw.config.modem.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install 'modemgw\[gsmmodem\]'"):
        parse(f'[[modem]]\nname = "a"\nport = "/dev/ttyUSB0"\n{DRIVER}')
