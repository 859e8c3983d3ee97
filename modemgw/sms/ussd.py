"""The coding of USSD strings (TS 23.038 5 and 6.1.2.3): a request in the forms that modems want, an answer by its
data coding scheme, and by all forms when that scheme is not true. Knows no AT command and no dialogue."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from modemgw.sms.dcs import Alphabet
from modemgw.sms.errors import TpduEncodeError
from modemgw.sms.gsm7 import decode_gsm7, encode_gsm7, pack_septets, unpack_septets

#: Octets of a USSD string on the air (TS 24.080 3.6.1 of phase 2; TS 23.090 has no longer one): 182 septets.
MOST_OCTETS = 160
MOST_SEPTETS = MOST_OCTETS * 8 // 7

#: GSM 7-bit, language not specified (TS 23.038 5: 0000 1111): what a request is announced as.
DCS_GSM7 = 15
#: General data coding, no class, UCS-2 (0100 1000).
DCS_UCS2 = 72

_CR = 0x0D


class UssdCoding(StrEnum):
    """How the string of AT+CUSD is written. PLAIN, GSM and BARE are the same on the air."""

    PLAIN = "plain"  # characters, DCS 15
    PACKED = "packed"  # hex of packed septets, DCS 15: most Huawei
    UCS2 = "ucs2"  # hex of UTF-16BE, DCS 15 or 72: modems with AT+CSCS="UCS2"
    GSM = "gsm"  # the codes of the GSM alphabet as characters: AT+CSCS="GSM"
    HEX = "hex"  # hex of the codes of the GSM alphabet, one an octet: AT+CSCS="HEX"
    BARE = "bare"  # characters and no DCS
    TEXT8 = "text8"  # never of a request: an answer in an 8-bit code page


#: What a request is tried in on a modem that nobody knows.
REQUEST_ORDER = (UssdCoding.PLAIN, UssdCoding.PACKED, UssdCoding.UCS2, UssdCoding.GSM, UssdCoding.BARE)


@dataclass(frozen=True, slots=True)
class UssdString:
    """What stands between the quotes of AT+CUSD, and the DCS after it; None: none is given."""

    text: str
    dcs: int | None


@dataclass(frozen=True, slots=True)
class UssdText:
    """An answer as text. `readable`: it looks like what a person would be shown."""

    text: str
    coding: UssdCoding
    readable: bool


# ---------------------------------------------------------------- requests


def write_request(text: str, coding: UssdCoding) -> UssdString:
    """A request or an answer to a menu. Raises TpduEncodeError where the coding cannot carry the text."""
    if coding is UssdCoding.UCS2:
        octets = text.encode("utf-16-be", "surrogatepass")
        _fits(len(octets), MOST_OCTETS)
        return UssdString(octets.hex().upper(), DCS_GSM7 if _in_gsm7(text) else DCS_UCS2)
    septets = encode_gsm7(text)
    _fits(len(septets), MOST_SEPTETS)
    if coding is UssdCoding.PACKED:
        return UssdString(pack(septets).hex().upper(), DCS_GSM7)
    if coding is UssdCoding.HEX:
        return UssdString(septets.hex().upper(), DCS_GSM7)
    shown = septets.decode("latin-1") if coding is UssdCoding.GSM else text
    if not (shown.isascii() and shown.isprintable()) or '"' in shown:
        raise TpduEncodeError("ud", f"the coding {coding} cannot carry {text!a}")
    return UssdString(shown, None if coding is UssdCoding.BARE else DCS_GSM7)


def pack(septets: bytes) -> bytes:
    """Septets as octets with the padding of USSD: seven spare bits at the end are a CR, lest they read as `@`;
    and a CR that ends on an octet's boundary is doubled, lest it read as padding (TS 23.038 6.1.2.3.1)."""
    if len(septets) % 8 == 7 or (septets and len(septets) % 8 == 0 and septets[-1] == _CR):
        septets += bytes((_CR,))
    return pack_septets(septets)


def unpack(octets: bytes) -> bytes:
    """The septets, without a CR that is padding. A doubled CR stays two, as the standard has it: they look alike."""
    septets = unpack_septets(octets, len(octets) * 8 // 7)
    if septets and len(septets) % 8 == 0 and septets[-1] == _CR:
        return septets[:-1]
    return septets


def _fits(length: int, most: int) -> None:
    if length > most:
        raise TpduEncodeError("ud", f"it is too long for USSD: {length} of at most {most}")


def _in_gsm7(text: str) -> bool:
    try:
        encode_gsm7(text)
    except TpduEncodeError:
        return False
    return True


# ---------------------------------------------------------------- the data coding scheme of cell broadcast and USSD


def alphabet_of(dcs: int) -> Alphabet:
    """The alphabet of a DCS octet (TS 23.038 5); reserved values are GSM 7-bit."""
    group, low = dcs >> 4 & 15, dcs & 15
    if group == 1:  # preceded by a language
        return Alphabet.UCS2 if low == 1 else Alphabet.GSM7
    if 4 <= group <= 7 or group == 9:  # general data coding; with a user data header
        bits = low >> 2
        return Alphabet.GSM7 if bits == 3 else Alphabet(bits)
    if group == 15:
        return Alphabet.DATA8 if low & 4 else Alphabet.GSM7
    return Alphabet.GSM7


# ---------------------------------------------------------------- answers

_HEX = re.compile(r"[0-9A-Fa-f]{2,}\Z")
_HEX_OF_DIGITS = re.compile(r"(?:3[0-9]){6,}\Z")
_UCS2_ROWS = re.compile(r"(?:0[0-9A-Fa-f]{3}|20[0-9A-Fa-f]{2}|21[0-9A-Fa-f]{2})+\Z")
_LANGUAGE = re.compile(r"[a-z]{2}[\r\n]")
_ASCII_OCTETS = re.compile(r"(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e]|0[AaDd]){8,}\Z")
_SURE = 0.15  # how much the scheme, and the coding of the request, count against the looks of a text
_MARGIN = 0.01  # what another form must gain over plain text
READABLE = 0.7  # the score from which a text is taken for one


def read_answer(text: str, dcs: int | None = None, asked: UssdCoding | None = None) -> UssdText:
    """The text of +CUSD as a person is to see it. Never raises.

    `text` is what stood between the quotes, `asked` the coding of the request. Modems call everything 15, so that the
    scheme is one hint of several: each form that the string can be is read, and the one that looks most like a text
    wins.
    """
    alphabet = alphabet_of(dcs) if dcs is not None else None
    best: tuple[float, UssdText] | None = None
    for coding, candidate in _candidates(text, dcs):
        shown = _tidied(candidate)
        score = looks(shown)
        weighed = score + _prior(coding, text, alphabet, asked)
        if best is None or weighed > best[0] + (_MARGIN if best[1].coding is UssdCoding.PLAIN else 0.0):
            best = weighed, UssdText(shown, coding, score >= READABLE and _wordy(shown))
    assert best is not None  # plain text is always a candidate
    return best[1]


def _candidates(text: str, dcs: int | None) -> Iterator[tuple[UssdCoding, str]]:
    yield UssdCoding.PLAIN, text
    compact = text.strip()
    if _HEX.match(compact):
        octets = bytes.fromhex(compact[: len(compact) // 2 * 2])
        if len(octets) % 2 == 0:
            yield UssdCoding.UCS2, _ucs2(octets, dcs)
        yield UssdCoding.PACKED, _packed(octets)
        yield UssdCoding.HEX, decode_gsm7(octets)
        for page in ("utf-8", "cp1251"):
            try:
                yield UssdCoding.TEXT8, octets.decode(page)
            except UnicodeDecodeError:
                continue
        return
    if text.isascii():
        as_gsm = decode_gsm7(text.encode("ascii"))
        if as_gsm != text:
            yield UssdCoding.GSM, as_gsm
        return
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return  # it was UTF-8
    for page in ("utf-8", "cp1251"):
        try:
            yield UssdCoding.TEXT8, raw.decode(page)
        except UnicodeDecodeError:
            continue


def _ucs2(octets: bytes, dcs: int | None) -> str:
    text = octets.decode("utf-16-be", "replace")
    if dcs == 0x11 and len(text) > 1:  # two letters of a language, packed, come first
        language = decode_gsm7(unpack_septets(octets[:2], 2))
        if language.isascii() and language.isalpha() and language.islower():
            return text[1:]
    return text


def _packed(octets: bytes) -> str:
    septets = unpack(octets)
    if septets and len(septets) % 8 == 0 and septets[-1] == 0:
        septets = septets[:-1]  # padding of networks that pad with zeros: `@` ends no answer
    return decode_gsm7(septets)


def _tidied(text: str) -> str:
    """Line ends as \\n, no padding, no language in front."""
    if _LANGUAGE.match(text):
        text = text[3:]
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n\0 \ufeff")


def _prior(coding: UssdCoding, raw: str, alphabet: Alphabet | None, asked: UssdCoding | None) -> float:
    """What speaks for and against a form before the text is looked at."""
    compact = raw.strip()
    if not _HEX.match(compact):
        return 0.0 if coding in (UssdCoding.PLAIN, UssdCoding.GSM) else -_SURE / 3
    prior = _SURE if coding is asked else 0.0
    if coding is UssdCoding.PLAIN:
        return prior - _not_plain(compact, alphabet, asked)
    if coding is UssdCoding.UCS2:
        if alphabet is Alphabet.UCS2:
            prior += 3 * _SURE  # nobody calls septets UCS-2
        rows = {compact[at : at + 2] for at in range(0, len(compact), 4)} - {"20", "21"}
        if rows <= {"00"} or (len(compact) >= 12 and len(rows) <= 2):
            prior += 2 * _SURE  # the upper octets of a script repeat, those of septets do not
    elif coding is UssdCoding.PACKED:
        prior += _SURE / 3 if alphabet is Alphabet.GSM7 else 0.0
    elif _ASCII_OCTETS.match(compact):
        prior += 3 * _SURE  # septets do not fall into printable octets alone, one after the other
    elif alphabet is not Alphabet.DATA8:
        prior -= _SURE / 3
    return prior


def _not_plain(compact: str, alphabet: Alphabet | None, asked: UssdCoding | None) -> float:
    """How little a string of hex digits looks like a text that consists of them."""
    if not compact.isdigit():
        return 0.3 if len(compact) < 8 else 0.8
    # digits alone are an amount or a number, before they are the hex of something
    regular = (_UCS2_ROWS.match(compact) and len(compact) % 4 == 0) or _HEX_OF_DIGITS.match(compact)
    if regular or asked in (UssdCoding.PACKED, UssdCoding.UCS2, UssdCoding.HEX):
        return 0.6
    return 0.0 if alphabet is Alphabet.UCS2 and len(compact) % 4 == 0 else -0.8


# ---------------------------------------------------------------- what looks like a text

_COMMON = frozenset(" \n.,:;-+*#/%()!?\"'&=@_№€$£₽₴₸«»–—…’“”<>•°")
_RARE = frozenset("[]{}|~^\\`\t")
_ODD = frozenset("ΔΦΓΛΩΠΨΣΘΞ¤¡¿§¥ØøÆæÅåßÇ£")  # of the GSM alphabet: seldom in true texts, often in wrong readings


def looks(text: str) -> float:
    """How much a string looks like a text that a person is shown: 1 perfectly, 0 and below not at all."""
    if not text:
        return 0.0
    total = 0.0
    before, script_before, rare_before = "", "", False
    for char in text:
        weight, script = _weight(char)
        if script and script_before:
            if script != script_before:
                weight -= 0.6  # scripts do not mix within a word
            elif "\xc0" <= char <= "\xff" and "\xc0" <= before <= "\xff":
                weight -= 0.4  # nor do accents come in rows
            elif before.islower() and char.isupper():
                weight -= 0.5
        elif script and rare_before:
            weight -= 2.5  # `f~r` is "für" in the GSM alphabet
        rare_before = char in _RARE and bool(script_before)
        total += weight
        before, script_before = char, script
    return total / len(text)


def _wordy(text: str) -> bool:
    """Half of it at least are figures, blanks, and letters without accents."""
    return 2 * sum(char == " " or (char.isalnum() and not "\x80" <= char <= "\xff") for char in text) >= len(text)


def _weight(char: str) -> tuple[float, str]:
    """(how usual a character is, the script of a letter)."""
    code = ord(char)
    if code < 0x80:
        if char.isalpha():
            return 1.0, "latin"
        if char.isdigit() or char in _COMMON:
            return 1.0, ""
        return (0.9, "") if char in _RARE else (-2.0, "")
    if 0x0400 <= code <= 0x052F:
        return (0.95 if code <= 0x04FF else 0.5), "cyrillic"
    if char in _COMMON:
        return 0.9, ""
    if code == 0xA0 or code in (0x202F, 0x2009):
        return 0.9, ""
    category = unicodedata.category(char)
    if category[0] == "C":
        return -2.0, ""
    if char in _ODD:
        return 0.3, "greek" if 0x370 <= code <= 0x3FF else "latin" if char.isalpha() else ""
    if code <= 0x024F:
        return (0.85, "latin") if char.isalpha() else (0.2, "")
    if 0x0370 <= code <= 0x03FF:
        return 0.75, "greek"
    if category[0] == "L" and (0x0530 <= code <= 0x06FF or 0x0900 <= code <= 0x0E7F or 0x10A0 <= code <= 0x10FF):
        return 0.75, unicodedata.name(char, "?").partition(" ")[0].lower()
    if 0x3000 <= code <= 0x30FF or 0x4E00 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7A3 or 0xFF00 <= code <= 0xFFEF:
        return 0.8, "east"
    return 0.2, "other" if category[0] == "L" else ""
