"""The SIM card: number, identity, PIN and PUK with their counters, memory SM, the TP-MR counter.

Outlives modems and plugs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modemsim.storage import Storage


def luhn(digits: str) -> str:
    """`digits` with its Luhn check digit (IMEI, ICCID)."""
    total = 0
    for i, ch in enumerate(reversed(digits)):
        value = int(ch) * (2 if i % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


@dataclass(slots=True)
class SimCard:
    """One subscription."""

    number: str
    imsi: str
    iccid: str
    sm: Storage
    smsc: str = ""
    pin: str = ""  # "" for no PIN wanted
    puk: str = "12345678"
    pin_tries: int = 3
    puk_tries: int = 10
    unlocked: bool = True
    mr: int = 0  # the TP-MR of the next send
    balance: str = "123.45"
    removed: bool = False
    ussd: dict[str, str] = field(default_factory=dict)

    def power_on(self) -> None:
        """The card forgets that its PIN was given."""
        self.unlocked = not self.pin

    @property
    def state(self) -> str:
        """The word of AT+CPIN?."""
        if self.pin_tries <= 0:
            return "SIM PUK"
        return "READY" if self.unlocked else "SIM PIN"

    def lock(self, pin: str, tries: int = 3) -> None:
        """Want a PIN from now on."""
        self.pin, self.pin_tries, self.unlocked = pin, tries, False

    def enter_pin(self, pin: str) -> bool:
        """Try a PIN; a wrong one costs a try."""
        if pin == self.pin:
            self.pin_tries, self.unlocked = 3, True
            return True
        self.pin_tries = max(0, self.pin_tries - 1)
        if not self.pin_tries:
            self.unlocked = False
        return False

    def enter_puk(self, puk: str, new_pin: str) -> bool:
        """Try a PUK; the right one sets a new PIN."""
        if self.puk_tries > 0 and puk == self.puk:
            self.pin, self.pin_tries, self.puk_tries, self.unlocked = new_pin, 3, 10, True
            return True
        self.puk_tries = max(0, self.puk_tries - 1)
        return False
