"""The driver for any modem that speaks AT (TS 27.005, 27.007).

Ties channel, initialising, storage and events together.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from modemgw.at import commands
from modemgw.at.commands import plain
from modemgw.at.errors import AtResponseError, CommandFailed, CommandTimeout
from modemgw.at.outcomes import Counters
from modemgw.at.parser import Urc
from modemgw.at.policy import explained
from modemgw.at.responses import first, read_indications, read_operator, read_signal
from modemgw.at.sending import SendInDoubt, SendRejected, TpduHex
from modemgw.at.timing import Timing
from modemgw.modem.dialogue.acknowledge import Acknowledgement, AcknowledgementFailed, Acknowledger
from modemgw.modem.dialogue.arrivals import Arrivals
from modemgw.modem.dialogue.boot import BootWatch
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.dialogue.driver import (
    DirectMessage,
    DirectReport,
    DriverSettings,
    GoAhead,
    ModemEvent,
    ModemInfo,
    Rebooted,
    Registration,
    RegistrationChanged,
    ResetKind,
    Signal,
    StorageFill,
    StorageFull,
    StoredPdu,
    Unannounced,
)
from modemgw.modem.dialogue.driver_events import event_of
from modemgw.modem.dialogue.driver_registration import RegistrationWatch
from modemgw.modem.dialogue.init import SILENT_OK, Initialiser
from modemgw.modem.dialogue.init_messages import SERVICE
from modemgw.modem.dialogue.mr_wrap import MrWrap
from modemgw.modem.dialogue.report_path import Silence
from modemgw.modem.dialogue.storage import REPORTS, Storage
from modemgw.modem.dialogue.talk import AtTalk
from modemgw.modem.ports.transport import PortLost, Transport
from modemgw.modem.quirks.learned import Learned
from modemgw.modem.quirks.profile import Profile

log = logging.getLogger(__name__)

_REGISTRATION_URCS = frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG"})


class AtDriver:
    """`Driver` over AT commands.

    Takes an open transport; a lost port is told to `on_lost` once, and the driver is then of no more use.
    """

    def __init__(
        self,
        transport: Transport,
        on_event: Callable[[ModemEvent], None],
        *,
        on_lost: Callable[[PortLost], None] | None = None,
        profile: Profile | None = None,
        usb: str | None = None,
        port_kind: str | None = None,
        channel: type[Channel] = Channel,
        timing: Timing | None = None,
    ) -> None:
        self.counters = Counters()
        self._on_event = on_event
        self._fixed_profile = profile
        self._profile = profile if profile is not None else Profile()
        self._usb = usb
        self._port_kind = port_kind
        self._info: ModemInfo | None = None
        self._learned = Learned()
        self._boot = BootWatch()
        self._arrivals = Arrivals(self._learned)
        self._wrap = MrWrap(self._learned)
        self._link_modes: tuple[int, ...] = ()
        self._link_kept = False
        self._service = 0
        self._acknowledges = False
        self._unacknowledged = 0  # handed over, and neither acknowledged nor refused
        self._registrations = RegistrationWatch()
        self.channel = channel(transport, self._urc, on_lost=on_lost, counters=self.counters, timing=timing)
        self._acknowledger = Acknowledger(self.channel, self._profile, self._learned)
        self._storage = Storage(self.channel)
        self.talk = AtTalk(self.channel, lambda: self._profile, lambda: self._learned)

    @property
    def info(self) -> ModemInfo | None:
        return self._info

    @property
    def profile(self) -> Profile:
        return self._profile

    @property
    def learned(self) -> Learned:
        """What this modem with this firmware taught us: bound to it once it is identified."""
        return self._learned

    def assume(self, profile: Profile) -> None:
        self._profile = profile

    @property
    def sending(self) -> bool:
        return self.channel.sending

    @property
    def url(self) -> str:
        return self.channel.transport.url

    async def initialise(self, settings: DriverSettings) -> ModemInfo:
        self._storage.forget()
        self._link_kept = False
        initialiser = Initialiser(
            self.channel,
            self._storage,
            self._registrations,
            settings,
            self._fixed_profile,
            self._usb,
            port_kind=self._port_kind,
            boot=self._boot,
            learned=self._learned,
        )
        try:
            info = await initialiser.run()
        finally:
            if initialiser.found.model or initialiser.found.manufacturer:
                self._profile = initialiser.profile
            self._learned = initialiser.learned
        self._link_modes = initialiser.found.link_modes
        self._acknowledges = info.needs_ack
        self._acknowledger = Acknowledger(self.channel, self._profile, self._learned)
        self._unacknowledged = 0
        self._service = initialiser.found.service
        self._info = info
        reports = self._profile.reports if settings.indications is None else ()
        self._arrivals = Arrivals(self._learned, info, initialiser.urc_port, reports, self.channel.timing)
        self._arrivals.began(asyncio.get_running_loop().time())
        self._wrap = MrWrap(self._learned, self._profile)
        return info

    # ------------------------------------------------------------ sending

    async def send(self, pdu: TpduHex, go_ahead: GoAhead, *, owed: bool = False) -> int:
        """What the modem refuses it with has the meaning that its maker gives to the code."""
        try:
            mr = await self.channel.send_tpdu(
                pdu, go_ahead=go_ahead, ok_is_failure=self._profile.ok_is_failure, owed=owed
            )
        except SendInDoubt as exc:
            if exc.silent_ok:
                self._learned.put(SILENT_OK, True)
            raise
        except SendRejected as exc:
            if exc.error is None:
                self._learned.put(SILENT_OK, True)  # the next set-up asks it to be honest
                raise
            error = self._wrap.refused(explained(exc.error, self._profile.errors))
            if error is exc.error:
                raise
            raise SendRejected(str(error), error, before_payload=exc.before_payload) from exc
        self._wrap.sent(mr)
        self._arrivals.sent(pdu.hex, asyncio.get_running_loop().time())
        return mr

    async def keep_link(self, on: bool) -> None:
        """Mode 2 keeps the link till it is ended.

        Mode 1 ends it 1-5 s after the last message, and is how it is ended here.
        """
        if not self._link_modes or on == self._link_kept:
            return
        mode = 2 if on and 2 in self._link_modes else 1 if 1 in self._link_modes or on else 0
        try:
            await self.channel.run(commands.keep_link(mode))
        except CommandFailed as exc:
            log.info("%s: the radio link is not kept: %s", self.url, exc)
            self._link_modes = ()
            return
        self._link_kept = on and mode == 2

    # ------------------------------------------------------------ storage

    async def list_messages(self, memory: str) -> list[StoredPdu]:
        found = await self._storage.list_messages(memory)
        self._arrivals.listed(memory, found)
        return found

    async def read_message(self, memory: str, index: int) -> StoredPdu | None:
        report = self._arrivals.is_report(memory, index)
        found = await self._storage.read_message(memory, index, report=report)
        if report:
            found = found if found is not None else await self._any_report()
            self._arrivals.report_read(found)
            await self._mend_arrivals()
        return found

    async def _any_report(self) -> StoredPdu | None:
        """One that lies in the memory of reports, wherever it was announced (EC25 says `"SM",0` of each)."""
        if REPORTS not in self._storage.memories:
            return None
        try:
            return next(iter(await self._storage.list_messages(REPORTS)), None)
        except CommandFailed:
            return None

    async def delete_message(self, memory: str, index: int) -> None:
        await self._storage.delete_message(memory, index)

    async def storage(self) -> list[StorageFill]:
        fills = await self._storage.fill()
        self._arrivals.measured(fills)
        return fills

    async def acknowledge(self) -> None:
        """What was handed over is kept."""
        if not self._acknowledges:
            return
        outcome = await self._acknowledger.acknowledge()
        if outcome is Acknowledgement.NO_SUCH_COMMAND:
            await self._do_without_acknowledgement()
        else:
            await self._settle(outcome)

    async def refuse(self) -> None:
        """What was handed over came damaged."""
        if not self._acknowledges:
            return
        outcome = await self._acknowledger.refuse()
        if outcome in (Acknowledgement.TAKEN, Acknowledgement.NOT_AWAITED):
            await self._settle(outcome)
        else:
            await self.acknowledge()  # it cannot be refused here, and must not stop the rest

    async def _settle(self, outcome: Acknowledgement) -> None:
        if outcome is Acknowledgement.REFUSED:
            raise AcknowledgementFailed("The modem did not take an acknowledgement (AT+CNMA); it is made again.")
        if outcome is Acknowledgement.NOT_AWAITED:
            await self._hand_over_again()
        self._unacknowledged = max(0, self._unacknowledged - 1)

    async def _hand_over_again(self) -> None:
        """The modem has given up waiting, and hands nothing over any more till indications are set anew."""
        cnmi = self._info.cnmi if self._info is not None else ()
        if cnmi and not await self._quietly(commands.set_indications(cnmi)):
            raise AcknowledgementFailed("The modem waited too long for an acknowledgement and refuses AT+CNMI now.")
        self._on_event(StorageFull(None))  # what came meanwhile was stored, and not announced

    async def _do_without_acknowledgement(self) -> None:
        """It is remembered once the modem has let go: till then it waits for what it does not understand."""
        if not await self._quietly(commands.select_service(0)):
            raise AcknowledgementFailed("The modem takes no AT+CNMA, and refuses AT+CSMS=0, which would do without.")
        await self._hand_over_again()
        log.warning("%s: the modem knows no AT+CNMA; messages are not acknowledged", self.url)
        self._acknowledges = False
        self._unacknowledged = 0
        self._learned.put(SERVICE, 0)

    async def _mend_arrivals(self) -> bool:
        """Reports that never come, or announcements that come out of another port: the other way is tried.

        True: announcements were told to come out of another port.
        """
        info = self._info
        ds = self._arrivals.other_reports(asyncio.get_running_loop().time())
        if ds is not None and info is not None and len(info.cnmi) > 3:
            values = (*info.cnmi[:3], ds, *info.cnmi[4:])
            log.warning("%s: reports do not come with AT+CNMI %s; trying %s", self.url, info.cnmi, values)
            if not self._acknowledges and self._service == 1:
                await self._quietly(commands.select_service(0))  # nobody would acknowledge what is handed over now
                self._service = 0
            taken = await self._quietly(commands.set_indications(values))
            if taken and await self._indications(values) == values:
                self._info = replace(info, cnmi=values)
                self._arrivals.reports_changed(ds)
                self._learned.put("cnmi", list(values))
            else:
                self._arrivals.reports_refused(ds)
                await self._quietly(commands.set_indications(info.cnmi))
        deaf, moved = self._arrivals.deaf(), False
        for command in self._arrivals.other_ports():
            log.warning("%s: messages come unannounced; trying %s", self.url, command)
            deaf = not await self._quietly(plain(command, commands.FUNCTION_S))
            if not deaf:
                self._arrivals.port_changed(command)
                moved = True
                break
        if deaf:
            self._on_event(Unannounced())
        return moved

    async def announces(self) -> bool:
        moved = await self._mend_arrivals()
        wanted = self._info.cnmi if self._info is not None else ()
        if not wanted:
            return True
        waited = await self._release_waiting()
        silence = self._arrivals.silence(asyncio.get_running_loop().time())
        true = await self._indications(wanted)
        if true == wanted and not waited and silence is Silence.NONE:
            return True
        if true != wanted and not (moved or waited):
            return False
        # what went to the other port was not acknowledged, so it has given up handing over; to set it up anew would
        # choose the first port again. And what it says of its settings need not be what it does
        if silence is not Silence.NONE:
            log.warning("%s: reports are owed and none comes; AT+CNMI is set anew", self.url)
        if true != wanted:
            self._on_event(StorageFull(None))  # what came meanwhile was stored, and not announced
        return await self._quietly(commands.set_indications(wanted)) and silence is not Silence.LONG

    async def let_go(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._arrivals.reports_due(now) or await self._release_waiting():
            return
        wanted = self._info.cnmi if self._info is not None else ()
        if wanted and self._arrivals.reports_owed(now) and await self._indications(wanted) != wanted:
            with contextlib.suppress(AcknowledgementFailed):  # the health check sees to it
                await self._hand_over_again()

    async def _release_waiting(self) -> bool:
        """See that the modem waits for no acknowledgement of what we never saw; True if it did, and lets go now.

        Its settings would not tell: they are as they should be, and nothing comes.
        """
        if not self._acknowledges or self._unacknowledged or self.channel.hearing:
            return False  # what it waits for is here, or on its way
        if await self._acknowledger.refuse() is not Acknowledgement.TAKEN:
            return False
        log.warning("%s: the modem waited for an acknowledgement of what never came; it is brought again", self.url)
        return True

    async def _indications(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """What the modem says it is set to; `wanted` where it does not tell."""
        try:
            return first((await self.channel.run(commands.INDICATIONS_ASK)).texts, read_indications, "indications")
        except (AtResponseError, CommandFailed):
            return wanted

    # ------------------------------------------------------------ state

    async def registration(self) -> Registration:
        return await self._registrations.ask(self.channel)

    async def signal(self) -> Signal:
        response = await self.channel.run(commands.SIGNAL)
        return Signal(*first(response.lines, read_signal, "signal"))

    async def operator(self) -> str | None:
        response = await self.channel.run(commands.OPERATOR)
        try:
            return first(response.lines, read_operator, "operator")
        except AtResponseError:
            return None

    async def alive(self) -> bool:
        try:
            await self.channel.run(commands.AT)
        except (CommandTimeout, PortLost):
            return False
        except CommandFailed:
            return True
        return True

    # ------------------------------------------------------------ recovery

    async def resync(self) -> None:
        await self.channel.resync()

    async def reset(self, kind: ResetKind) -> None:
        """Waits for a send that is under way.

        SOFT forgets settings, RADIO switches off and on, FULL starts the modem anew: its port may vanish.
        """
        self._storage.forget()
        self._link_kept = False
        texts = {
            ResetKind.SOFT: self._profile.soft_reset,
            ResetKind.RADIO: self._profile.radio_reset,
            ResetKind.FULL: self._profile.full_reset,
        }[kind]
        problem: CommandFailed | None = None
        for text in texts:
            try:
                await self.channel.run(plain(text, commands.FUNCTION_S))
            except CommandFailed as exc:
                problem = exc
                continue
            except CommandTimeout:
                if kind is not ResetKind.FULL:
                    raise
                return  # it went down without a word
            if kind is ResetKind.FULL:
                return
            problem = None
        if problem is not None:
            raise problem

    async def close(self) -> None:
        self.channel.close()

    async def _quietly(self, command: commands.Command) -> bool:
        try:
            await self.channel.run(command)
        except CommandFailed as exc:
            log.info("%s: %s", self.url, exc)
            return False
        return True

    # ------------------------------------------------------------ events

    def _urc(self, urc: Urc) -> None:
        self._boot.told(urc.name, urc.text)
        if urc.name in _REGISTRATION_URCS:
            try:
                self._on_event(RegistrationChanged(self._registrations.told(urc.text)))
            except AtResponseError:
                log.debug("%s: unreadable %s", self.url, urc.text)
            return
        event = event_of(urc)
        if event is None:
            log.debug("%s: %s", self.url, urc.text)
            return
        if isinstance(event, Rebooted):
            self._storage.forget()
            self._registrations.forget()
            self._link_kept = False
        if isinstance(event, DirectMessage | DirectReport):
            self._unacknowledged += 1
        self._arrivals.told(event)
        self._on_event(event)
