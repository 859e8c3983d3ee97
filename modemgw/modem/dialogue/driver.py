"""What the rest of the gateway sees of a modem.

The `Driver` protocol, its results, events and errors. Owns no dialogue: see `driver_at`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from modemgw.at.sending import TpduHex
from modemgw.errors import ModemgwError
from modemgw.modem.quirks.learned import LearnedStore
from modemgw.modem.quirks.profile import Profile
from modemgw.modem.quirks.profile_registry import Registry, built_in
from modemgw.sms.ussd import UssdCoding

# ---------------------------------------------------------------- what is sent

GoAhead = Awaitable[bool] | Callable[[], Awaitable[bool]]
"""Awaited while the modem makes its prompt: True lets the payload out, False or an exception aborts the send."""


# ---------------------------------------------------------------- SIM


class SimReason(StrEnum):
    """Why a SIM cannot be used."""

    NOT_INSERTED = "not_inserted"
    PIN_REQUIRED = "pin_required"
    PIN_WRONG = "pin_wrong"
    PIN_NOT_TRIED = "pin_not_tried"
    PUK_REQUIRED = "puk_required"
    LOCKED = "locked"
    BUSY = "busy"
    FAILURE = "failure"


class SimProblem(ModemgwError):
    """The SIM cannot be used until a person acts (BUSY and FAILURE may also pass by themselves)."""

    def __init__(self, reason: SimReason, sentence: str, tries_left: int | None = None) -> None:
        self.reason = reason
        self.tries_left = tries_left
        super().__init__(sentence)


class InitialiseFailed(ModemgwError):
    """A step without which no message can be sent or received was refused; `step` names it."""

    def __init__(self, step: str, sentence: str) -> None:
        self.step = step
        super().__init__(sentence)


# ---------------------------------------------------------------- results


class PinMemory(Protocol):
    """Which PINs a SIM has refused; kept over restarts, so that a wrong PIN is not tried a second time."""

    def was_refused(self, sim: str, pin: str) -> bool: ...

    def remember(self, sim: str, pin: str) -> None: ...

    def forget(self, sim: str, pin: str) -> None: ...


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """What the owner of the line wants of the modem."""

    pin: str | None = None
    pin_memory: PinMemory | None = None  # None: remembered as long as this process lives
    profiles: Registry = field(default_factory=built_in)  # the profile is chosen from these
    learned: LearnedStore | None = None  # what this modem taught us before; None: remembered as long as the driver
    direct_delivery: bool | None = None  # None: as the profile says
    show_calls: bool = True  # AT+CLIP=1
    acknowledge_reports: bool = True  # AT+CSMS=1 and AT+CNMA also where only reports come directly
    indications: tuple[int, ...] | None = None  # of AT+CNMI; None: the best of those offered
    sim_wait_s: float = 30.0  # how long a busy SIM is waited for
    extra_init: tuple[str, ...] = ()  # AT commands of the owner, run last; a refusal is noted, not fatal


@dataclass(frozen=True, slots=True)
class Registration:
    """State of the network registration (TS 27.007 7.2, 10.1.20, 10.1.22)."""

    stat: int
    technology: str | None = None  # GSM, UMTS, LTE, …
    area: str | None = None  # LAC or TAC, hex
    cell: str | None = None  # hex
    source: str = "+CREG"
    raw: tuple[tuple[str, int], ...] = ()  # (("+CREG", 0), ("+CEREG", 1), …)

    @property
    def usable(self) -> bool:
        """Messages can be sent: home, roaming, "SMS only" (6, 7) and "CSFB not preferred" (9, 10)."""
        return self.stat in (1, 5, 6, 7, 9, 10)

    @property
    def roaming(self) -> bool:
        return self.stat in (5, 7, 10)

    @property
    def text(self) -> str:
        return _STAT_TEXTS.get(self.stat, f"state {self.stat}")


_STAT_TEXTS = {
    0: "not registered, not searching",
    1: "registered, home network",
    2: "searching for a network",
    3: "registration denied",
    4: "unknown",
    5: "registered, roaming",
    6: "registered for SMS only, home network",
    7: "registered for SMS only, roaming",
    8: "emergency services only",
    9: "registered, CSFB not preferred, home network",
    10: "registered, CSFB not preferred, roaming",
    11: "emergency or restricted service only",
}


@dataclass(frozen=True, slots=True)
class Signal:
    """Received signal (TS 27.007 8.5): `rssi` 0..31, None if not known."""

    rssi: int | None
    ber: int | None = None

    @property
    def dbm(self) -> int | None:
        return None if self.rssi is None else -113 + 2 * self.rssi


@dataclass(frozen=True, slots=True)
class StorageFill:
    """How full a message memory is."""

    memory: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class StoredPdu:
    """A message as it lies in a memory. `hex` is SMSC address + TPDU; `status` 0 unread, 1 read, 2 unsent, 3 sent.

    Of a modem that is unwell `hex` is what came instead: an odd number of digits, foreign characters, the header alone.
    """

    memory: str
    index: int
    status: int
    hex: str
    length: int | None = None  # TPDU octets as the modem announced them


@dataclass(frozen=True, slots=True)
class ModemInfo:
    """What initialising has found out."""

    manufacturer: str
    model: str
    firmware: str
    imei: str | None
    imsi: str | None
    iccid: str | None
    number: str | None
    smsc: str | None  # empty: the SIM holds none; None: it was not told
    operator: str | None
    registration: Registration
    signal: Signal
    memories: tuple[str, ...]  # those that can be listed, read and swept; "SR" is the one of reports
    receive_memory: str | None  # where arriving messages are stored
    storage: tuple[StorageFill, ...]
    cnmi: tuple[int, ...]
    needs_ack: bool  # each DirectMessage and DirectReport wants `acknowledge()` after its COMMIT
    keeps_link: bool  # AT+CMMS is there
    profile: str
    notes: tuple[str, ...] = ()  # what the modem refused and what was done instead, in sentences

    @property
    def reports(self) -> str:
        """How status reports come: "direct", "stored" or "none"."""
        ds = self.cnmi[3] if len(self.cnmi) > 3 else 0
        return {1: "direct", 2: "stored"}.get(ds, "none")


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class MessageStored:
    """`+CMTI`: a message lies in `memory` at `index`; index -1 (or no memory) says that storage is full."""

    memory: str
    index: int


@dataclass(frozen=True, slots=True)
class ReportStored:
    """`+CDSI`: a status report lies in `memory` at `index`."""

    memory: str
    index: int


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """`+CMT`: a message that the modem does not keep. `hex` is SMSC address + TPDU.

    Not `whole`: its line came damaged, or without the length that was announced; `hex` is then what came.
    """

    hex: str
    length: int | None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class DirectReport:
    """`+CDS`: a status report that the modem does not keep. See DirectMessage."""

    hex: str
    length: int | None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class StorageFull:
    """The modem says that a memory is full (`^SMMEMFULL`, `+SMS FULL`, `+CMTI: ,-1`): sweep now."""

    memory: str | None


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """`+CREG`, `+CGREG` or `+CEREG` came unasked."""

    registration: Registration


@dataclass(frozen=True, slots=True)
class Rebooted:
    """The modem has started anew by itself: all its settings are lost, initialise again."""

    text: str


@dataclass(frozen=True, slots=True)
class SimChanged:
    """`+CPIN` came unasked: the SIM became ready, was taken out or wants a PIN."""

    state: str


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """Somebody rings; `number` is None until `+CLIP` gave it, and if it is withheld: then `told` is True."""

    number: str | None
    told: bool = False  # +CLIP came


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The caller has given up, or the call was refused (`NO CARRIER` and the like)."""

    text: str


@dataclass(frozen=True, slots=True)
class UssdReply:
    """`+CUSD` (TS 27.007 7.15): `text` is as the modem gave it, `dcs` its data coding scheme."""

    status: int
    text: str | None
    dcs: int | None


@dataclass(frozen=True, slots=True)
class LateCmgs:
    """A `+CMGS: <mr>` that no running send awaited: an earlier send in doubt went out after all."""

    mr: int


@dataclass(frozen=True, slots=True)
class PowerWarning:
    """The modem says that its supply is too high, too low or being cut."""

    text: str


@dataclass(frozen=True, slots=True)
class Unannounced:
    """Messages arrive, nothing announces them at this port, and no command brought the announcements here."""


@dataclass(frozen=True, slots=True)
class UnknownUrc:
    """A line that nobody asked for and no table knows."""

    text: str


ModemEvent = (
    MessageStored
    | ReportStored
    | DirectMessage
    | DirectReport
    | StorageFull
    | RegistrationChanged
    | Rebooted
    | SimChanged
    | IncomingCall
    | CallEnded
    | UssdReply
    | LateCmgs
    | PowerWarning
    | Unannounced
    | UnknownUrc
)


class ResetKind(StrEnum):
    """How hard a reset is (the recovery ladder's rungs 3 to 5)."""

    SOFT = "soft"  # ATZ or AT&F, where the profile asks for it
    RADIO = "radio"  # AT+CFUN=4 (or 0), then 1
    FULL = "full"  # AT+CFUN=1,1 or the maker's own; the port may vanish


# ---------------------------------------------------------------- the protocol


class Talk(Protocol):
    """USSD and calls. What the network answers comes as UssdReply, before or after `ask` returns."""

    @property
    def proven(self) -> UssdCoding | None:
        """The coding in which this modem was understood before."""
        ...

    def codings(self, text: str) -> tuple[UssdCoding, ...]:
        """Those that can carry a text, in the order in which to try them."""
        ...

    async def ask(self, text: str, coding: UssdCoding) -> None:
        """`AT+CUSD=1,…`. CommandFailed: the modem refused it, and nothing went to the network."""
        ...

    async def cancel(self) -> None:
        """End the dialogue (`AT+CUSD=2`)."""
        ...

    def understood(self, coding: UssdCoding) -> None:
        """A readable answer came."""
        ...

    def doubt(self, coding: UssdCoding) -> None:
        """No answer came that a person could read: others are tried before this one next time.

        Nothing for the proven one: a code that the network does not answer says nothing about it.
        """
        ...

    async def hang_up(self, tried: int) -> None:
        """Refuse the call that rings, without answering it; the `tried` first ways did not help."""
        ...

    async def ringing(self) -> bool | None:
        """A call comes in just now; None where the modem does not tell."""
        ...


class Driver(Protocol):
    """A modem that sends and receives TPDUs.

    Every coroutine may raise `CommandTimeout`, `PortLost` (see `channel`, `transport`), or a `CommandFailed` of the
    modem. Events are
    given to `on_event` in the order in which they came, between the bytes before and after them; a report may come
    before `send` returns.
    """

    @property
    def info(self) -> ModemInfo | None: ...

    @property
    def profile(self) -> Profile:
        """The ways of the model, as far as it was identified."""
        ...

    def assume(self, profile: Profile) -> None:
        """Until it is identified, the modem is taken for one of these: it was one before."""
        ...

    @property
    def sending(self) -> bool:
        """A send is under way: nothing may be reset now."""
        ...

    @property
    def talk(self) -> Talk:
        """USSD and calls."""
        ...

    async def initialise(self, settings: DriverSettings) -> ModemInfo:
        """Bring the modem to the state in which it sends and receives.

        May be called again. Raises SimProblem, InitialiseFailed.
        """
        ...

    async def send(self, pdu: TpduHex, go_ahead: GoAhead, *, owed: bool = False) -> int:
        """Send a TPDU; the message reference. Raises SendAborted, SendRejected, SendInDoubt.

        `owed`: this modem was given a message before and has not answered; the first `+CMGS` may be that one's.
        """
        ...

    async def keep_link(self, on: bool) -> None:
        """Keep the radio link between the messages of a burst (`AT+CMMS`), or no longer.

        Quietly nothing if not supported.
        """
        ...

    async def list_messages(self, memory: str) -> list[StoredPdu]: ...

    async def read_message(self, memory: str, index: int) -> StoredPdu | None: ...

    async def delete_message(self, memory: str, index: int) -> None: ...

    async def storage(self) -> list[StorageFill]: ...

    async def acknowledge(self) -> None:
        """Confirm the oldest unconfirmed DirectMessage or DirectReport (`AT+CNMA`), after its COMMIT.

        Nothing if not needed. Raises AcknowledgementFailed (see `acknowledge`): then it is owed still.
        """
        ...

    async def refuse(self) -> None:
        """Have the network bring the oldest unconfirmed one again (`AT+CNMA=2`): it came damaged.

        Confirms it where the modem cannot refuse. Nothing if not needed. Raises AcknowledgementFailed.
        """
        ...

    async def let_go(self) -> None:
        """See that the modem waits for no acknowledgement of what was lost on its way to us: while it waits it hands
        nothing else over, and after a while it gives up and loses the reports that come.

        To be asked every few seconds. Nothing if not needed.
        """
        ...

    async def announces(self) -> bool:
        """The modem still announces or hands over what arrives, as it was set up to.

        False: it has forgotten, and is to be set up anew.
        """
        ...

    async def registration(self) -> Registration: ...

    async def signal(self) -> Signal: ...

    async def operator(self) -> str | None: ...

    async def alive(self) -> bool:
        """The modem answers."""
        ...

    async def resync(self) -> None:
        """Leave any prompt, drop late answers, make the modem answer again.

        The ladder's first rung. Raises CommandTimeout.
        """
        ...

    async def reset(self, kind: ResetKind) -> None: ...

    async def close(self) -> None: ...
