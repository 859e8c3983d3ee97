"""USSD answers of the network: a table of codes, and one small menu.

Owns the coding of +CUSD by the model's habit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemgw.sms import TpduEncodeError, decode_gsm7, encode_gsm7, pack_septets, unpack_septets

if TYPE_CHECKING:
    from modemsim.engine import SimModem

DEFAULT_CODES = {
    "*100#": "Balance: {balance} RUB",
    "*105#": "?1 Balance\n2 Own number",  # a leading ? leaves the dialogue open
    "1": "Balance: {balance} RUB",
    "2": "Your number is {number}",
}


def answer(modem: SimModem, sent: str) -> None:
    """The network answers a USSD request with +CUSD."""
    if not modem.reachable:
        return
    code = _read(modem, sent)
    codes = {**DEFAULT_CODES, **modem.sim.ussd}
    session = modem.session
    known = codes.get(code)
    if known is None or (code in ("1", "2") and not session.ussd_open):
        session.ussd_open = False
        modem.urc("+CUSD: 4")
        return
    session.ussd_open = known.startswith("?")
    text = known.removeprefix("?").format(balance=modem.sim.balance, number=modem.number)
    shown, dcs = _write(modem, text)
    modem.urc(f'+CUSD: {int(session.ussd_open)},"{shown}",{dcs}')


def _read(modem: SimModem, sent: str) -> str:
    form = modem.personality.radio.ussd
    try:
        if form == "packed":
            octets = bytes.fromhex(sent)
            return decode_gsm7(unpack_septets(octets, len(octets) * 8 // 7)).rstrip("\r@")
        if form == "ucs2" or modem.session.cscs == "UCS2":
            return bytes.fromhex(sent).decode("utf-16-be")
    except ValueError:
        return sent
    return sent


def _write(modem: SimModem, text: str) -> tuple[str, int]:
    form = modem.personality.radio.ussd
    try:
        septets = encode_gsm7(text)
    except TpduEncodeError:
        return text.encode("utf-16-be").hex().upper(), 72
    if form == "packed":
        if len(septets) % 8 == 7:
            septets += b"\r"  # 23.038 6.1.2.3.1: or seven spare bits would read as @
        return pack_septets(septets).hex().upper(), 15
    if form == "ucs2" or modem.session.cscs == "UCS2":
        return text.encode("utf-16-be").hex().upper(), 72
    return text, 15
