"""One virtual network with its service centre: routes, keeps and re-delivers, stamps times, reports.

Owns no modem and no clock.
"""

from __future__ import annotations

import fnmatch
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from modemsim import tpdu as octets
from modemsim.errors import SimError
from modemsim.farend import FarEnd
from modemsim.ledger import Ledger
from modemsim.timeline import Timeline, Timer

PLANS: dict[str, tuple[tuple[float, float, int], ...]] = {
    # name: (times the report delay, further seconds, TP-ST), one for each report
    "delivered": ((1, 0, 0x00),),
    "trying": ((1, 0, 0x30), (2, 0, 0x00)),
    "trying_failed": ((1, 0, 0x30), (2, 0, 0x45)),
    "failed": ((1, 0, 0x43),),
    "expired": ((1, 0, 0x46),),
    "gave_up": ((1, 0, 0x62),),
    "never": (),
    "late": ((10, 1, 0x00),),
    "doubled": ((1, 0, 0x00), (1, 0, 0x00)),
    "out_of_order": ((1, 0, 0x00),),
}


class Handset(Protocol):
    """A modem as the network sees it."""

    name: str
    epoch: int  # grows at each loss of power

    @property
    def number(self) -> str: ...

    @property
    def reachable(self) -> bool: ...

    def deliver(self, tpdu: bytes, done: Callable[[str], None]) -> None:
        """Take a TPDU; `done` gets "ack", "full" (no memory), "error" or "off", once."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to messages for numbers that match a glob such as `+7000*`."""

    pattern: str
    cms: int = 0  # the submit is refused with this error
    plan: str = "delivered"  # how reports come, see PLANS
    status: int | None = None  # TP-ST of the last report instead of the plan's
    delay_s: float | None = None  # instead of the network's report delay
    deliver: bool = True  # whether the recipient gets it


DEFAULT_RULES = (Rule("+7000*", cms=38), Rule("+7001*", plan="failed", deliver=False))


@dataclass(slots=True, eq=False)
class Item:
    """One TPDU on its way to a SIM."""

    tpdu: bytes
    is_report: bool
    sender: str
    mr: int | None = None
    status: int | None = None
    on_delivered: Callable[[], None] | None = None


@dataclass(slots=True)
class Subscriber:
    """One SIM's place in the service centre."""

    number: str
    handset: Handset
    queue: deque[Item] = field(default_factory=deque)
    flying: Item | None = None
    memory_full: bool = False
    retry: Timer | None = None  # after a failure; memory that becomes free ends it
    pace: Timer | None = None  # the time that one delivery takes; nothing shortens it
    pushing: bool = False
    last: Item | None = None
    reports: int = 0  # of the items in the queue


@dataclass(slots=True)
class NetworkConfig:
    """Seconds, numbers and rules; all may be changed while it runs."""

    latency_s: float = 0.0  # radio time of one send, link set up anew
    linked_latency_s: float | None = None  # and over a link kept by AT+CMMS; None: the same
    deliver_latency_s: float = 0.0
    report_delay_s: float = 0.0
    retry_s: float = 5.0
    smsc: str = "+79000009999"
    country_code: str = "7"
    trunk_prefix: str = "8"
    zone_quarters: int = 12
    operator: str = "modemsim"
    plmn: str = "25099"
    rules: list[Rule] = field(default_factory=lambda: list(DEFAULT_RULES))


class Network:
    """Submits come in by `submit`, everything else leaves through handsets, far phones and the ledger."""

    def __init__(self, timeline: Timeline, rng: random.Random, config: NetworkConfig | None = None) -> None:
        self.timeline = timeline
        self.rng = rng
        self.config = config or NetworkConfig()
        self.ledger = Ledger()
        self.far = FarEnd()
        self._subscribers: dict[str, Subscriber] = {}
        self._held_reports: list[tuple[Subscriber, Item]] = []
        self._held_timer: Timer | None = None

    # -- numbers

    def canonical(self, text: str) -> str:
        """The one form of a number: `+` and digits where it can be made international, else as it is."""
        cc, trunk = self.config.country_code, self.config.trunk_prefix
        if text.startswith("+"):
            return text
        if text.startswith("00") and len(text) > 10:
            return f"+{text[2:]}"
        if trunk and text.startswith(trunk) and len(text) == 11:
            return f"+{cc}{text[len(trunk) :]}"
        if text.startswith(cc) and len(text) == 11:
            return f"+{text}"
        if len(text) == 10 and text.isdigit():
            return f"+{cc}{text}"
        return text

    def attach(self, handset: Handset) -> None:
        """Give a SIM its place; raises `SimError` when the number is taken."""
        key = self.canonical(handset.number)
        if key in self._subscribers:
            raise SimError(f"Two SIMs have the number {key}; give each its own.")
        self._subscribers[key] = Subscriber(key, handset)

    def move(self, number: str, handset: Handset) -> None:
        """The SIM of this number is in another modem now; what waits for it waits on."""
        self._subscribers[self._own(number)].handset = handset

    def is_own(self, number: str) -> bool:
        """Whether the number belongs to a SIM of this network."""
        return self.canonical(number) in self._subscribers

    def rule_for(self, number: str) -> Rule:
        """The first rule that matches, or the plain one."""
        for rule in self.config.rules:
            if fnmatch.fnmatchcase(number, rule.pattern):
                return rule
        return _PLAIN

    # -- from modems

    def submit(
        self,
        handset: Handset,
        tpdu: bytes,
        mr: int,
        *,
        linked: bool = False,
        done: Callable[[int | None], None],
        at_once: bool = False,
    ) -> None:
        """Take an SMS-SUBMIT; `done` gets None (accepted) or a CMS error code after the radio latency.

        Half of the latency is the way there: from then on the message is accepted, whatever becomes of the
        modem.
        """
        parsed = octets.parse_submit(tpdu)
        latency = self.config.latency_s
        if linked and self.config.linked_latency_s is not None:
            latency = self.config.linked_latency_s
        if latency <= 0 or at_once:
            done(self._arrived(handset, parsed, mr))
            return

        epoch = handset.epoch

        def there() -> None:
            if not handset.reachable or handset.epoch != epoch:
                self.timeline.after(latency / 2, done, 331)
                return
            self.timeline.after(latency / 2, done, self._arrived(handset, parsed, mr))

        self.timeline.after(latency / 2, there)

    def _arrived(self, handset: Handset, submit: octets.Submit, mr: int) -> int | None:
        recipient = self.canonical(str(submit.da)) if not submit.da.alphanumeric else ""
        rule = self.rule_for(recipient)
        cms = rule.cms or (28 if submit.da.alphanumeric else 0)
        raw = submit.with_mr(mr)
        sender = self.canonical(handset.number)
        self.ledger.add(
            "rejected" if cms else "submit",
            self.timeline.wall(),
            tpdu=raw,
            modem=handset.name,
            sender=sender,
            recipient=recipient,
            mr=mr,
            status=cms or None,
        )
        if cms:
            return cms
        scts = self._stamp()
        deliver = octets.build_deliver(submit, octets.number(sender), scts)
        reports: Callable[[], None] | None = None
        if submit.wants_report:
            ra = octets.number(recipient) if recipient.startswith("+") else submit.da

            def reports() -> None:
                self._plan_reports(sender, mr, ra, scts, rule)

        if not rule.deliver:
            if reports:
                reports()
        elif recipient in self._subscribers:
            wait = rule.plan == "delivered"
            self._post(recipient, Item(deliver, False, sender, on_delivered=reports if wait else None))
            if reports and not wait:
                reports()
        else:
            self.far.receive(recipient, sender, deliver, self.timeline.wall())
            self.ledger.add(
                "far",
                self.timeline.wall(),
                tpdu=deliver,
                modem=handset.name,
                sender=sender,
                recipient=recipient,
                mr=mr,
            )
            if reports:
                reports()
        return None

    def _stamp(self) -> bytes:
        return octets.timestamp(self.timeline.wall(), self.config.zone_quarters)

    def _plan_reports(self, to: str, mr: int, ra: octets.Number, scts: bytes, rule: Rule) -> None:
        delay = self.config.report_delay_s if rule.delay_s is None else rule.delay_s
        steps = PLANS[rule.plan]
        for i, (times, more, status) in enumerate(steps):
            final = rule.status if rule.status is not None and i == len(steps) - 1 else status
            self.timeline.after(
                times * delay + more, self._report, to, mr, ra, scts, final, rule.plan == "out_of_order"
            )

    def _report(self, to: str, mr: int, ra: octets.Number, scts: bytes, status: int, hold: bool) -> None:
        raw = octets.build_report(mr, ra, scts, self._stamp(), status)
        item = Item(raw, True, str(ra), mr=mr, status=status)
        if not hold:
            self._post(to, item)
            return
        self._held_reports.append((self._subscribers[to], item))
        if self._held_timer:
            self._held_timer.cancel()
        self._held_timer = self.timeline.after(max(0.1, self.config.report_delay_s), self._release_held)

    def _release_held(self) -> None:
        held, self._held_reports = self._held_reports, []
        for subscriber, item in reversed(held):
            self._post(subscriber.number, item)

    # -- from outside

    def inject(
        self,
        to: str,
        text: str | None = None,
        *,
        sender: str = "+79991112233",
        **options: Any,
    ) -> list[bytes]:
        """Send `text` (or `data=` bytes) from a far phone to a SIM;
        the DELIVER TPDUs, in the order given out.

        Options: see `farend.compose` (`ref`, `ref_bits`, `encoding`, `flash`, `locking`, `single`, `order`,
        `data`, `port`, …).
        """
        from modemsim.farend import compose

        made = compose(text, sender=sender, scts=self._stamp(), rng=self.rng, **options)
        for raw in made:
            self.inject_tpdu(to, raw, sender=sender)
        return made

    def inject_tpdu(self, to: str, raw: bytes, *, sender: str = "") -> None:
        """Put any TPDU (DELIVER, STATUS-REPORT or nonsense) into a SIM's queue;
        raises `SimError` for a foreign number.
        """
        key = self._own(to)
        is_report = bool(raw) and raw[0] & 0x03 == 0x02
        self.ledger.add("inject", self.timeline.wall(), tpdu=raw, sender=sender, recipient=key)
        self._post(key, Item(raw, is_report, sender, mr=raw[1] if is_report and len(raw) > 1 else None))

    def redeliver(self, to: str) -> None:
        """Deliver the last delivered message once more, octet for octet;
        raises `SimError` when there is none.
        """
        subscriber = self._subscribers[self._own(to)]
        if subscriber.last is None:
            raise SimError(f"Nothing was delivered to {to} yet, so nothing can be delivered again.")
        old = subscriber.last
        self._post(subscriber.number, Item(old.tpdu, old.is_report, old.sender, old.mr, old.status))

    def _own(self, number: str) -> str:
        key = self.canonical(number)
        if key not in self._subscribers:
            raise SimError(f"No SIM here has the number {number}. There are: {', '.join(self._subscribers)}.")
        return key

    def pending(self, number: str) -> int:
        """How many TPDUs wait for this SIM or are on the way to it."""
        return len(self._subscribers[self._own(number)].queue)

    def idle(self) -> bool:
        """Nothing waits for any SIM."""
        return not any(s.queue for s in self._subscribers.values())

    # -- to modems

    def available(self, number: str) -> None:
        """The SIM registered, or has memory again: deliver what waits."""
        subscriber = self._subscribers.get(self.canonical(number))
        if subscriber is None:
            return
        subscriber.memory_full = False
        if subscriber.queue and not subscriber.flying:
            self._cancel_retry(subscriber)
            self.timeline.after(0, self._push, subscriber)

    def _post(self, number: str, item: Item) -> None:
        subscriber = self._subscribers[number]
        subscriber.queue.append(item)
        subscriber.reports += item.is_report
        if len(subscriber.queue) == 1:
            self._pace(subscriber)
        if not subscriber.flying:
            self.timeline.after(0, self._push, subscriber)

    def _pace(self, subscriber: Subscriber) -> None:
        """Let a delivery take its time, unless one does already."""
        if self.config.deliver_latency_s <= 0 or subscriber.pace:
            return

        def over() -> None:
            subscriber.pace = None
            self._push(subscriber)

        subscriber.pace = self.timeline.after(self.config.deliver_latency_s, over)

    def _cancel_retry(self, subscriber: Subscriber) -> None:
        if subscriber.retry:
            subscriber.retry.cancel()
            subscriber.retry = None

    def _push(self, subscriber: Subscriber) -> None:
        if subscriber.pushing:
            return
        subscriber.pushing = True
        try:
            while not (subscriber.flying or subscriber.retry or subscriber.pace) and subscriber.handset.reachable:
                item = self._next(subscriber)
                if item is None:
                    return
                subscriber.flying = item
                subscriber.handset.deliver(item.tpdu, partial(self._outcome, subscriber, item))
        finally:
            subscriber.pushing = False

    @staticmethod
    def _next(subscriber: Subscriber) -> Item | None:
        if not subscriber.memory_full:
            return subscriber.queue[0] if subscriber.queue else None
        if not subscriber.reports:
            return None
        return next((item for item in subscriber.queue if item.is_report), None)

    def _pause(self, subscriber: Subscriber, seconds: float) -> None:
        def again() -> None:
            subscriber.retry = None
            self._push(subscriber)

        subscriber.retry = self.timeline.after(seconds, again)

    def _outcome(self, subscriber: Subscriber, item: Item, outcome: str) -> None:
        if subscriber.flying is not item:
            return
        subscriber.flying = None
        handset = subscriber.handset
        if outcome == "ack":
            subscriber.queue.remove(item)
            subscriber.reports -= item.is_report
            if not item.is_report:
                subscriber.last = item
            self._note(subscriber, item, "report" if item.is_report else "delivered", handset.name)
            if item.on_delivered:
                item.on_delivered()
            self._pace(subscriber)
            if subscriber.queue and not subscriber.pushing:
                self.timeline.after(0, self._push, subscriber)
            return
        if outcome == "full":
            self._note(subscriber, item, "refused", handset.name, 322)
            if item.is_report:  # it must not keep messages from coming
                subscriber.queue.remove(item)
                subscriber.queue.append(item)
                self._pause(subscriber, max(0.05, self.config.retry_s))
            else:
                subscriber.memory_full = True
        elif outcome == "error":
            self._note(subscriber, item, "refused", handset.name, 331)
            self._pause(subscriber, max(0.05, self.config.retry_s))
        # "off": it stays until the SIM registers again

    def _note(self, to: Subscriber, item: Item, kind: str, modem: str, status: int | None = None) -> None:
        self.ledger.add(
            kind,
            self.timeline.wall(),
            tpdu=item.tpdu,
            modem=modem,
            sender=item.sender,
            recipient=to.number,
            mr=item.mr,
            status=item.status if status is None else status,
        )


_PLAIN = Rule("*")
