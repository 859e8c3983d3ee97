"""USSD (TS 27.007 7.15, TS 24.090): what the network answers, menus, and how +CUSD carries it on each model.

Codes are those of the SIM (`ussd` on the control socket), then `DEFAULT_CODES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemgw.sms import TpduEncodeError, decode_gsm7, encode_gsm7, pack_septets, unpack_septets

if TYPE_CHECKING:
    from modemsim.engine import SimModem

# A leading ? leaves the dialogue open, and the key "CODE/CHOICE" is what a choice in it leads to.
# !2, !4 and !5 are a bare +CUSD of that number, ! alone is no answer ever.
DEFAULT_CODES = {
    "*100#": "Balance: {balance} RUB",
    "*102#": "Balance: {balance} RUB",  # what the operator of the simulated network is asked
    "*101#": "Баланс: {balance} руб.",
    "*105#": "?1 Balance\n2 Own number",
    "*106#": "?1 Баланс\n2 Услуги\n0 Выход",
    "*106#/1": "Ваш баланс {balance} руб.",
    "*106#/2": "?1 Подключить\n0 Назад",
    "*106#/2/1": "Заявка принята",
    "*106#/2/0": "?1 Баланс\n2 Услуги\n0 Выход",
    "*106#/0": "!2",
    "*107#": "!5",
    "*108#": "!",
    "*105#/1": "Balance: {balance} RUB",
    "*105#/2": "Your number is {number}",
}
UCS2_DCS = 72
PUSHED = "push"  # the path of a dialogue that the network began


def answer(modem: SimModem, sent: str) -> None:
    """The network answers a USSD request with +CUSD, some time after the OK."""
    if modem.in_service:
        line = result(modem, sent)
        if line is not None:
            modem.urc(line)


def result(modem: SimModem, sent: str) -> str | None:
    """The +CUSD of a request; None when the network says nothing."""
    code = read(modem, sent)
    codes = {**DEFAULT_CODES, **modem.sim.ussd}
    session = modem.session
    key = f"{session.ussd_path}/{code}" if session.ussd_path else code
    if code == "**":  # up and out of any menu
        known: str | None = "!2"
    else:
        known = codes.get(key, codes.get(code) if session.ussd_path == PUSHED else None)
        key = key if key in codes else code
    session.ussd_path = ""
    if known is None:
        return f"+CUSD: {modem.personality.ussd.unknown}"
    if known.startswith("!"):
        return f"+CUSD: {known[1:]}" if known[1:] else None
    if known.startswith("?"):
        session.ussd_path = key
    text = known.removeprefix("?").format(balance=modem.sim.balance, number=modem.number)
    return shown(modem, int(bool(session.ussd_path)), text)


def pushed(modem: SimModem, text: str, *, reply: bool = False) -> None:
    """The network starts a dialogue by itself; with `reply` it waits for an answer."""
    modem.session.ussd_path = PUSHED if reply else ""
    modem.urc(shown(modem, int(reply), text))


def read(modem: SimModem, sent: str) -> str:
    """The request, in the first coding that this model takes and that fits."""
    takes = modem.personality.ussd.takes
    if modem.session.cscs == "UCS2" and "packed" not in takes:
        takes = ("ucs2", *takes)
    for coding in takes:
        try:
            if coding == "packed":
                octets = bytes.fromhex(sent)
                return decode_gsm7(unpack_septets(octets, len(octets) * 8 // 7)).rstrip("\r@")
            if coding == "ucs2":
                return bytes.fromhex(sent).decode("utf-16-be")
        except ValueError:
            continue
        return sent
    return "?"  # the network got nonsense


def shown(modem: SimModem, kind: int, text: str) -> str:
    """+CUSD: <m>,<str>,<dcs> as this model writes it."""
    habits = modem.personality.ussd
    said, dcs = _write(modem, text)
    if habits.quotes:
        said = f'"{said}"'
    return f"+CUSD: {kind},{said}" + (f",{dcs}" if habits.dcs else "")


def _write(modem: SimModem, text: str) -> tuple[str, int]:
    form = modem.personality.ussd.gives
    wide = text.encode("utf-16-be").hex().upper()
    try:
        septets = encode_gsm7(text)
    except TpduEncodeError:
        return wide, UCS2_DCS
    if form == "packed":
        if len(septets) % 8 == 7:
            septets += b"\r"  # 23.038 6.1.2.3.1: or seven spare bits would read as @
        return pack_septets(septets).hex().upper(), 15
    if form == "ucs2" or modem.session.cscs == "UCS2":
        return wide, UCS2_DCS if form == "ucs2" else 15
    if form == "hex":
        return septets.hex().upper(), 15
    return text, 15
