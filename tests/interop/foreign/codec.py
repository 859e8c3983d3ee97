"""A second codec of TS 23.038 and 23.040, written apart from modemgw.sms: builds what comes in, reads what goes out.

Only what the foreign modem and its tests need; strict in what it takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXT = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
TURKISH, SPANISH, PORTUGUESE, HINDI = 1, 2, 3, 6  # national language identifiers, TS 23.038 6.2.1.2.4


def _patched(**at: str) -> str:
    table = list(_BASIC)
    for place, char in at.items():
        table[int(place[1:], 16)] = char
    return "".join(table)


# TS 23.038 annex A.3: locking shift tables (those of A.2 shift single characters)
LOCKING = {
    TURKISH: _patched(x04="€", x07="ı", x0B="Ğ", x0C="ğ", x1C="Ş", x1D="ş", x40="İ", x60="ç"),
    HINDI: (
        "ँंःअआइईउऊऋ\nऌऍ\rऎएऐऑऒओऔकखगघङच\x1bछजझञ !टठडढणत)(थद,ध.न0123456789:;ऩपफ?"
        "बभमयरऱलळऴवशषसह़ऽािीुूृॄॅॆेैॉॊोौ्ॐabcdefghijklmnopqrstuvwxyzॲॻॼॾॿ"
    ),
}
SINGLE = {
    TURKISH: {**_EXT, 0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş"},
    SPANISH: {
        **_EXT,
        0x09: "ç",
        0x41: "Á",
        0x49: "Í",
        0x4F: "Ó",
        0x55: "Ú",
        0x61: "á",
        0x69: "í",
        0x6F: "ó",
        0x75: "ú",
    },
    PORTUGUESE: {
        **_EXT,
        0x05: "ê",
        0x09: "ç",
        0x0B: "Ô",
        0x0C: "ô",
        0x0E: "Á",
        0x0F: "á",
        0x12: "Φ",
        0x13: "Γ",
        0x15: "Ω",
        0x16: "Π",
        0x17: "Ψ",
        0x18: "Σ",
        0x19: "Θ",
        0x1F: "Ê",
        0x41: "À",
        0x49: "Í",
        0x4F: "Ó",
        0x55: "Ú",
        0x5B: "Ã",
        0x5C: "Õ",
        0x61: "Â",
        0x69: "í",
        0x6F: "ó",
        0x75: "ú",
        0x7B: "ã",
        0x7C: "õ",
        0x7F: "â",
    },
}


def pack(septets: list[int], skip: int = 0) -> bytes:
    """Septets into octets, low bits first, after `skip` fill bits."""
    whole = 0
    for place, septet in enumerate(septets):
        whole |= septet << (7 * place + skip)
    return whole.to_bytes((7 * len(septets) + skip + 7) // 8, "little")


def unpack(octets: bytes, count: int, skip: int = 0) -> list[int]:
    whole = int.from_bytes(octets, "little") >> skip
    return [whole >> (7 * place) & 0x7F for place in range(count)]


def septets(text: str, locking: int = 0, single: int = 0) -> list[int]:
    table, shifted = LOCKING.get(locking, _BASIC), {c: s for s, c in SINGLE.get(single, _EXT).items()}
    out: list[int] = []
    for char in text:
        place = table.find(char)
        out += [place] if place >= 0 else [0x1B, shifted[char]]
    return out


def text_of(values: list[int], locking: int = 0, single: int = 0) -> str:
    table, shifted = LOCKING.get(locking, _BASIC), SINGLE.get(single, _EXT)
    out, rest = "", iter(values)
    for value in rest:
        if value == 0x1B:
            value = next(rest, 0x20)
            out += shifted.get(value, table[value])
        else:
            out += table[value]
    return out


def bcd(digits: str) -> bytes:
    digits += "F" * (len(digits) % 2)
    return bytes.fromhex("".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2)))


def address(number: str) -> bytes:
    """TP-OA, TP-DA, TP-RA."""
    if any(c.isalpha() for c in number):
        body = pack(septets(number))
        return bytes([(len(septets(number)) * 7 + 3) // 4, 0xD0]) + body
    digits = number.lstrip("+")
    return bytes([len(digits), 0x91 if number.startswith("+") else 0x81]) + bcd(digits)


def sca(number: str) -> bytes:
    """The SMS centre before a TPDU; empty: none."""
    if not number:
        return b"\0"
    body = bcd(number.lstrip("+"))
    return bytes([1 + len(body), 0x91]) + body


def ucs2(text: str) -> bytes:
    return text.encode("utf-16-be")


SCTS = bytes.fromhex("62112221540021")  # 2026-11-22 12:45:00 +03:00


def deliver(
    sender: str,
    text: str = "",
    *,
    dcs: int | None = None,
    udh: bytes = b"",
    locking: int = 0,
    single: int = 0,
    data: bytes | None = None,
    scts: bytes = SCTS,
    pid: int = 0,
    first: int = 0x04,
) -> bytes:
    """SMS-DELIVER (TS 23.040 9.2.2.1). `udh` without its length; None for `dcs` chooses GSM-7 or UCS-2."""
    if single:
        udh = bytes([0x24, 1, single]) + udh
    if locking:
        udh = bytes([0x25, 1, locking]) + udh
    head = bytes([len(udh)]) + udh if udh else b""
    values: list[int] | None = None
    if data is None and dcs in (None, 0, 0x10, 0xF0, 0xC8):
        try:
            values = septets(text, locking, single)
        except KeyError:
            assert dcs is None
    if values is not None:
        skip = -len(head) * 8 % 7
        count = (len(head) * 8 + 6) // 7 + len(values)
        ud, dcs = head + pack(values, skip), dcs or 0
    else:
        body = ucs2(text) if data is None else data
        ud, dcs = head + body, (0x08 if data is None else 0x04) if dcs is None else dcs
        count = len(ud)
    return bytes([first | (0x40 if udh else 0)]) + address(sender) + bytes([pid, dcs]) + scts + bytes([count]) + ud


def report(mr: int, recipient: str, st: int = 0, *, scts: bytes = SCTS) -> bytes:
    """SMS-STATUS-REPORT (TS 23.040 9.2.2.3)."""
    return bytes([0x06, mr]) + address(recipient) + scts + scts + bytes([st])


@dataclass
class Submit:
    """SMS-SUBMIT (TS 23.040 9.2.2.2) as read here."""

    raw: bytes
    first: int
    mr: int
    to: str
    pid: int
    dcs: int
    vp: bytes
    text: str | None
    data: bytes
    ies: list[tuple[int, bytes]] = field(default_factory=list)
    septet_count: int | None = None

    @property
    def srr(self) -> bool:
        return bool(self.first & 0x20)

    @property
    def concat(self) -> tuple[int, int, int] | None:
        for kind, body in self.ies:
            if kind == 0:
                return body[0], body[1], body[2]
            if kind == 8:
                return body[0] << 8 | body[1], body[2], body[3]
        return None


def submit(hexed: str, announced: int) -> Submit:
    """Read what was written after the prompt; AssertionError says what is wrong with it."""
    raw = bytes.fromhex(hexed)
    assert hexed == hexed.upper(), "hex in lower case"
    tpdu = raw[1 + raw[0] :]
    assert len(tpdu) == announced, f"announced {announced}, written {len(tpdu)}"
    first, mr, digits, toa = tpdu[:4]
    assert first & 3 == 1, "no SMS-SUBMIT"
    at = 4 + (digits + 1) // 2
    swapped = "".join(f"{b & 15:x}{b >> 4:x}" for b in tpdu[4:at])
    if digits % 2:
        assert swapped[-1] == "f"
    to = swapped[:digits]
    to = text_of(unpack(tpdu[4:at], digits * 4 // 7)) if toa & 0x70 == 0x50 else ("+" if toa == 0x91 else "") + to
    pid, dcs = tpdu[at : at + 2]
    at += 2
    vp_octets = {0: 0, 0x10: 1, 0x08: 7, 0x18: 7}[first & 0x18]
    vp, at = tpdu[at : at + vp_octets], at + vp_octets
    udl, ud = tpdu[at], tpdu[at + 1 :]
    assert len(ud) <= 140
    ies: list[tuple[int, bytes]] = []
    head = 0
    if first & 0x40:
        head = 1 + ud[0]
        place = 1
        while place < head:
            ies.append((ud[place], ud[place + 2 : place + 2 + ud[place + 1]]))
            place += 2 + ud[place + 1]
        assert place == head, "UDH does not add up"
    alphabet = (dcs >> 2 & 3) if dcs < 0x40 else (1 if dcs & 0xF4 == 0xF4 else 0)
    locking = next((body[0] for kind, body in ies if kind == 0x25), 0)
    single = next((body[0] for kind, body in ies if kind == 0x24), 0)
    if alphabet == 0:
        skip = -head * 8 % 7
        count = udl - (head * 8 + 6) // 7
        assert len(ud) == (udl * 7 + 7) // 8, "UDL and UD differ"
        values = unpack(ud[head:], count, skip)
        assert not values or values[-1] != 0x1B, "an escape pair is cut"
        return Submit(raw, first, mr, to, pid, dcs, vp, text_of(values, locking, single), ud[head:], ies, udl)
    assert udl == len(ud), "UDL and UD differ"
    text = ud[head:].decode("utf-16-be") if alphabet == 2 else None  # strict: no cut surrogate pair
    return Submit(raw, first, mr, to, pid, dcs, vp, text, ud[head:], ies)
