"""All 256 data coding schemes (TS 23.038 clause 4)."""

from __future__ import annotations

import pytest

from modemgw.sms import Alphabet, Dcs, IndicationType, MessageClass, MessageWaiting

G, D, U = Alphabet.GSM7, Alphabet.DATA8, Alphabet.UCS2
GENERAL = (G, D, U, G)


@pytest.mark.parametrize("octet", range(0x80))
def test_general_groups(octet: int) -> None:
    dcs = Dcs.decode(octet)
    assert dcs.octet == octet
    assert dcs.alphabet is GENERAL[octet >> 2 & 3]
    assert dcs.message_class == (MessageClass(octet & 3) if octet & 0x10 else None)
    assert dcs.compressed is bool(octet & 0x20)
    assert dcs.auto_delete is (octet >= 0x40)
    assert dcs.message_waiting is None
    assert dcs.in_septets is (dcs.alphabet is G and not dcs.compressed)


@pytest.mark.parametrize("octet", range(0x80, 0xC0))
def test_reserved_groups_mean_the_default_alphabet(octet: int) -> None:
    dcs = Dcs.decode(octet)
    seen = (dcs.alphabet, dcs.message_class, dcs.compressed, dcs.auto_delete, dcs.message_waiting)
    assert seen == (G, None, False, False, None)


@pytest.mark.parametrize("octet", range(0xC0, 0xF0))
def test_message_waiting_groups(octet: int) -> None:
    dcs = Dcs.decode(octet)
    store = octet >= 0xD0
    assert dcs.message_waiting == MessageWaiting(IndicationType(octet & 3), bool(octet & 8), store)
    assert dcs.alphabet is (U if octet >= 0xE0 else G)
    assert (dcs.message_class, dcs.compressed, dcs.auto_delete) == (None, False, False)


@pytest.mark.parametrize("octet", range(0xF0, 0x100))
def test_data_and_class_group(octet: int) -> None:
    dcs = Dcs.decode(octet)
    assert dcs.alphabet is (D if octet & 4 else G)
    assert dcs.message_class == MessageClass(octet & 3)


@pytest.mark.parametrize(
    ("alphabet", "message_class", "octet"),
    [
        (G, None, 0x00),
        (D, None, 0x04),
        (U, None, 0x08),
        (G, MessageClass.CLASS0, 0x10),
        (D, MessageClass.CLASS1, 0x15),
        (U, MessageClass.CLASS0, 0x18),
        (G, MessageClass.CLASS3, 0x13),
    ],
)
def test_what_a_sender_writes(alphabet: Alphabet, message_class: MessageClass | None, octet: int) -> None:
    dcs = Dcs.of(alphabet, message_class)
    assert dcs.octet == octet
    assert (dcs.alphabet, dcs.message_class) == (alphabet, message_class)


def test_equal_by_octet() -> None:
    assert Dcs(8) == Dcs.decode(8) == Dcs.of(U)
    assert len({Dcs(octet) for octet in range(256)}) == 256
