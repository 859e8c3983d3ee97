"""What is read of a PDU that does not decode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.sms import Address, Direction, Scts, SmsDeliver, TpduDecodeError, decode_pdu, encode_gsm7, encode_pdu
from modemgw.sms.dcs import Dcs
from modemgw.sms.pdu import remains_of_pdu
from modemgw.sms.udh import InformationElement, Udh

SCTS = Scts.decode(bytes.fromhex("62112221436521"))
SENDER = Address.parse("+79161234567")
PDU = encode_pdu(SmsDeliver(SENDER, SCTS, encode_gsm7("hello, world")), Address.parse("+79000009999")).hex
UCS2 = encode_pdu(SmsDeliver(SENDER, SCTS, "Привет".encode("utf-16-be"), dcs=Dcs(8))).hex
DATA = encode_pdu(SmsDeliver(SENDER, SCTS, b"\1\2\3\4", dcs=Dcs(4))).hex
LONG = encode_pdu(SmsDeliver(SENDER, SCTS, encode_gsm7("hello"), Udh((InformationElement(0, b"\x07\x02\x01"),)))).hex
UDL = PDU.index("62112221436521") + 14


@pytest.mark.parametrize(
    ("pdu", "text"),
    [
        (PDU[:-1], "hello, worl"),
        (PDU[:-6], "hello, wo"),
        (PDU[:UDL] + "A0" + PDU[UDL + 2 :], "hello, world"),  # TP-UDL larger than what is there
        (PDU[:UDL] + "FF" + PDU[UDL + 2 :], "hello, world"),
        (PDU[:-4] + "X" + PDU[-3:], "hello, wor"),  # up to a character that is no digit
        (PDU[:UDL], None),
        (PDU[: UDL + 2], None),
        (UCS2[:-6], "Прив"),  # half a letter is none
        (LONG[:-4], "hel"),
    ],
)
def test_a_cut_pdu(pdu: str, text: str | None) -> None:
    with pytest.raises(TpduDecodeError):
        decode_pdu(pdu, Direction.TO_MS)
    remains = remains_of_pdu(pdu)
    assert remains is not None
    assert (str(remains.oa), remains.scts, remains.text) == ("+79161234567", SCTS, text)


def test_a_header_that_runs_past_the_end_is_text() -> None:
    """TP-UDHI set on a message without a header: its first letter is taken for TP-UDHL."""
    at = PDU.index("0B919761214365F7") - 2
    flagged = PDU[:at] + f"{int(PDU[at : at + 2], 16) | 0x40:02X}" + PDU[at + 2 :]
    with pytest.raises(TpduDecodeError, match="udhl"):
        decode_pdu(flagged, Direction.TO_MS)
    remains = remains_of_pdu(flagged)
    assert remains is not None
    assert remains.text == "hello, world"


def test_a_sender_of_more_digits_than_there_may_be() -> None:
    pdu = "00" + "04" + "1891" + "103254769810325476981032" + "0000" + "62112221436521" + "02E834"
    remains = remains_of_pdu(pdu)
    assert remains is not None
    assert (str(remains.oa), remains.text) == ("+012345678901234567890123", "hi")


def test_data_are_kept_as_data() -> None:
    remains = remains_of_pdu(DATA[:-2])
    assert remains is not None
    assert (remains.text, remains.data) == (None, b"\1\2\3")


@pytest.mark.parametrize(
    "pdu", ["", "00", "zz", "what is this", "0004", "00040B91", "00040B919761", "FF" * 200, "000600"]
)
def test_what_has_not_even_a_sender(pdu: str) -> None:
    assert remains_of_pdu(pdu) is None


@given(
    st.one_of(
        st.text(max_size=60),
        st.binary(max_size=200).map(bytes.hex),
        st.integers(0, 99).map(lambda n: PDU[:n]),
    )
)
def test_nothing_raises(pdu: str) -> None:
    remains_of_pdu(pdu)
