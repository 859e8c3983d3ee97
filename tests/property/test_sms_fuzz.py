"""Broken PDUs: whatever the octets, a decoder returns or raises TpduDecodeError, and what it returns holds.

The suite takes a few thousand; `python tests/property/test_sms_fuzz.py 100000 [SEED]` takes as many as wanted.
"""

from __future__ import annotations

import os
import random
import string
import sys
import time
import tomllib
from pathlib import Path

from modemgw.sms import (
    Direction,
    SmsCommand,
    SmsStatusReport,
    TpduDecodeError,
    decode_pdu,
    encode_pdu,
    is_status_report,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "sms" / "pdus.toml"
CASES = int(os.environ.get("MODEMGW_FUZZ_CASES", "4000"))


def mutate(seed: str, rng: random.Random) -> str:
    """One PDU, broken in one to four places."""
    data = bytearray.fromhex(seed)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0:
                data[at : at + 1] = bytes((rng.randrange(256),))
            case 1 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                del data[at:]
            case 3:
                del data[at : at + rng.randint(1, 4)]
            case 4:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
            case 5:
                data[at : at + 1] = rng.choice((b"\x00", b"\xff", b"\x7f", b"\x80", b"\x8c", b"\xa0"))
            case _:
                data += data[: rng.randrange(20)]
    hex_ = data.hex()
    if rng.random() < 0.05:
        at = rng.randrange(len(hex_) + 1)
        hex_ = hex_[:at] + rng.choice(string.printable + "٣я\ud800") + hex_[at:]
    return hex_


def check(hex_: str, direction: Direction) -> bool:
    """Decodes one; whether it was accepted. What is accepted can be shown, encoded and stored."""
    error: TpduDecodeError | None = None
    try:
        pdu = decode_pdu(hex_, direction)
    except TpduDecodeError as exc:
        error = exc
    told = is_status_report(hex_.strip())
    if error:
        assert error.field
        assert error.reason
        assert 0 <= error.octet <= len(hex_)
        return False
    if direction is Direction.TO_MS:
        assert told is isinstance(pdu.tpdu, SmsStatusReport)
    tpdu = pdu.tpdu
    if not isinstance(tpdu, SmsCommand):
        (tpdu.text or "").encode("utf-8")
        assert isinstance(tpdu.data, bytes)
    for name in ("da", "oa", "ra"):
        if hasattr(tpdu, name):
            str(getattr(tpdu, name)).encode("utf-8")
    assert tpdu.udh.concat is None or tpdu.udh.concat.sequence >= 1
    assert tpdu.udh.ports is None or tpdu.udh.ports.destination >= 0
    assert all(item.waiting >= 0 for item in tpdu.udh.special_message_indications)
    again = encode_pdu(tpdu)
    assert decode_pdu(again.hex, direction).tpdu == tpdu
    return True


def fuzz(cases: int, seed: int) -> tuple[int, int]:
    """How many of `cases` broken PDUs were accepted and refused."""
    rng = random.Random(seed)
    vectors = [vector["pdu"] for vector in tomllib.loads(VECTORS.read_text(encoding="utf-8")).values()]
    accepted = 0
    for _ in range(cases):
        broken = mutate(rng.choice(vectors), rng)
        accepted += check(broken, rng.choice(tuple(Direction)))
    return accepted, cases - accepted


def test_broken_pdus_raise_one_error() -> None:
    accepted, refused = fuzz(CASES, 23040)
    assert accepted > 0
    assert refused > 0


def test_noise_raises_one_error() -> None:
    rng = random.Random(23038)
    for _ in range(CASES):
        check(rng.randbytes(rng.randrange(200)).hex(), rng.choice(tuple(Direction)))


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    started = time.perf_counter()
    taken, left = fuzz(wanted, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(f"{wanted} PDUs in {time.perf_counter() - started:.1f} s: {taken} accepted, {left} refused")
