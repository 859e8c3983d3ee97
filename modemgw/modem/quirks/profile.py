"""Profiles: what a family of modems wants done otherwise. Start values only: the dialogue proves them or finds better.

Owns the fields and the rule which profile fits. The files are read by `profile_file`, kept by `profile_registry`.
"""

from __future__ import annotations

import fnmatch
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from modemgw.at.policy import ErrorPolicy

Alternatives = str | tuple[str, ...]
"""One command, or several that mean the same: the first that the modem accepts counts."""

PORT_KINDS = ("at", "modem", "serial")  # of `urc_ports`
LISTINGS = ("number", "word", "index", "walk")  # of `listings`
USSD_CODINGS = ("plain", "packed", "ucs2")  # of `ussd`


@dataclass(frozen=True, slots=True)
class Profile:
    """The start values for one family. Every field has the value that suits a modem nobody knows."""

    name: str = "generic"
    title: str = "Any modem"
    notes: tuple[str, ...] = ()
    extends: str | None = None
    # -- which modems: regular expressions, in any case of letters, found anywhere in the answer
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    usb: tuple[str, ...] = ()  # "12d1:1001", "12d1:*", "1bc7:10*"
    # -- where messages lie
    memories: tuple[str, ...] = ("ME", "SM", "MT")  # wanted for arriving messages; of equal size the first wins
    sweep: tuple[str, ...] = ("SM", "ME", "MT", "SR")  # looked through for messages and reports
    cpms: tuple[int, ...] = (3, 2, 1)  # how many memories AT+CPMS is given
    listings: tuple[str, ...] = LISTINGS  # AT+CMGL=4, AT+CMGL="ALL", AT+CMGD=? and AT+CMGR, AT+CMGR of every place
    shifts: tuple[int, ...] = (0, -1, 1)  # how far the place of a message may be from the announced one
    # -- how they are announced
    service: int = 1  # AT+CSMS: 1 asks for delivery with acknowledgement
    direct: bool = False  # +CMT instead of +CMTI: for modems whose storage is broken
    reports: tuple[int, ...] = (1, 2, 0)  # <ds> of AT+CNMI in order of preference; what is left out is never set
    acknowledge: tuple[str, ...] = ("AT+CNMA", "AT+CNMA=0")
    indications: tuple[tuple[int, ...], ...] = (  # tried where AT+CNMI=? says nothing, or refuses what it offered
        (2, 1, 0, 1, 0),
        (2, 1, 0, 2, 0),
        (2, 1, 0, 1, 1),
        (2, 1, 0, 2, 1),
        (3, 1, 0, 1, 0),
        (3, 1, 0, 2, 0),
        (1, 1, 0, 1, 0),
        (1, 1, 2, 1, 0),
        (2, 1, 0, 0, 0),
        (2, 1, 0, 0, 1),
        (2, 1),
        (1, 1),
        (2, 2, 0, 1, 0),  # handed over directly is better than not told at all
        (2, 2, 0, 0, 0),
        (1, 2, 0, 1, 0),
        (2, 2),
    )
    # -- setting up
    early: tuple[Alternatives, ...] = ()  # before the SIM is looked at
    late: tuple[Alternatives, ...] = ()  # after the settings of messages
    urc_ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # kind of our port -> what sends URCs there
    urc_probes: tuple[str, ...] = (  # and what is tried as well once messages come unannounced: the makers' own
        'AT+QURCCFG="urcport","usbat"',
        'AT+QURCCFG="urcport","usbmodem"',
        "AT+CATR=0",
        "AT^PORTSEL=1",
        "AT^PORTSEL=0",
    )
    ready_urcs: tuple[str, ...] = ()  # said when the message service is up after a start: nothing is set before
    ready_s: float = 10.0  # waited for it, and for a message service that refuses because it is not up
    # -- SIM, USSD, calls: the maker's own commands, asked first
    iccid: tuple[str, ...] = ()
    pin_counter: tuple[str, ...] = ()
    ussd: tuple[str, ...] = USSD_CODINGS  # codings of AT+CUSD in the order in which they are tried
    hang_up: tuple[str, ...] = ("AT+CHUP", "ATH")
    # -- sending
    keep_link: bool = True  # AT+CMMS in a burst, where it is offered
    ok_is_failure: bool = False  # OK without +CMGS means that the send failed, and not that nobody knows
    honest: tuple[str, ...] = ("AT^SM20=0,0",)  # once it said OK to a send that failed: the first that is taken counts
    mr_wrap_reset: bool = False  # known to refuse everything (CMS ERROR 1) after message reference 255
    errors: Mapping[int, ErrorPolicy] = field(default_factory=dict)  # CMS codes that this maker means otherwise
    # -- recovery
    soft_reset: tuple[str, ...] = ()  # ATZ or AT&F, for firmware that wants it; most are better off without
    radio_reset: tuple[str, ...] = ("AT+CFUN=4", "AT+CFUN=1")  # none: it must not be switched off
    full_reset: tuple[str, ...] = ("AT+CFUN=1,1",)  # the first that is taken counts; none: no such command helps

    @property
    def mark(self) -> str:
        """Name and checksum: another one where a file was changed."""
        return f"{self.name} {zlib.crc32(repr(self).encode()):08x}"

    def fits(self, manufacturer: str, model: str, firmware: str, usb: str | None) -> int:
        """How specifically this profile names the modem; 0 if it does not fit, 1 for the one that fits all."""
        return sum(weight for weight, _ in self.reasons(manufacturer, model, firmware, usb))

    def reasons(self, manufacturer: str, model: str, firmware: str, usb: str | None) -> list[tuple[int, str]]:
        """Why it fits: (weight, sentence) each; empty if it does not. A firmware counts more than a model, a model more
        than a maker, an exact USB id about as much as a maker."""
        by_usb = self._usb_weight(usb)
        found = [(1, "fits every modem")] if self.name == "generic" else []
        if by_usb:
            found.append((by_usb, f"the USB id {usb} is {'named' if by_usb == _USB_EXACT else 'of this maker'}"))
        for key, pattern, value, weight in (
            ("manufacturer", self.manufacturer, manufacturer, 8),
            ("model", self.model, model, 32),
            ("firmware", self.firmware, firmware, 128),
        ):
            if pattern is None:
                continue
            if re.search(pattern, value, re.IGNORECASE) is not None:
                found.append((weight, f"the {key} {value!r} matches {pattern!r}"))
            elif key == "manufacturer" and by_usb:
                continue  # operators put their own name on sticks, but not on USB ids
            elif key == "model" and not value and by_usb == _USB_EXACT:
                continue  # it does not say what it is, but only these have that id
            else:
                return []
        return found

    def _usb_weight(self, usb: str | None) -> int:
        if usb is None:
            return 0
        usb = usb.lower()
        if usb in self.usb:
            return _USB_EXACT
        return 2 if any(fnmatch.fnmatchcase(usb, pattern) for pattern in self.usb) else 0


_USB_EXACT = 4
