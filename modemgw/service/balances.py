"""The balance of each SIM, asked of its operator by USSD: on demand, on a schedule, kept over restarts.

Owns when it is asked, what becomes of the answer, and when it counts as low. The dialogue is `service.ussd`'s lines',
the reading `balance_text`, the operators' codes `operators`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from modemgw.domain.account import Account, iso_currency
from modemgw.domain.events import EventKind
from modemgw.domain.line import LineBalance, LineState, ModemView
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Balance
from modemgw.domain.ussd import UssdAnswer, UssdFailed, UssdNoAnswer, UssdState
from modemgw.errors import ModemgwError
from modemgw.rules.balance_text import read_amount
from modemgw.rules.operators import operator_of
from modemgw.service.ports import Clock
from modemgw.service.ussd import UssdLines
from modemgw.store.balances import LineBalances

log = logging.getLogger(__name__)

#: The network's answer is waited for so long.
TIMEOUT_S = 60.0

#: Of an answer that says nothing: the request may have gone in a form that this modem does not pass on rightly.
#: A balance costs nothing, so it is asked again, and goes in the next form.
OTHER_FORMS = 2

#: These are said of the code; the lines have tried the forms of a modem that they do not know.
_FOR_THE_CODE = (UssdState.NOT_SUPPORTED, UssdState.TIMEOUT)

#: A demand so soon after the last answer, or after there was none, gets the same: clients poll.
FRESH_MS = 10_000

#: How often it is looked whether a line is due; a line is asked at most once in its own interval.
LOOK_S = 15.0

#: Pauses after failures in a row; the interval of the line where that is longer.
BACKOFF_S = (120, 600, 1_800, 7_200, 21_600, 86_400)

#: A dialogue of somebody else, or a line that is not ready, is no failure.
IN_THE_WAY_S = 60.0

#: Who asks, in the history.
BY = "modemgw"


@dataclass(frozen=True, slots=True)
class BalanceSettings:
    """What the configuration says of one modem; None: as the operator's row has it."""

    code: str | None = None
    pattern: re.Pattern[str] | None = None
    interval_s: int = 0  # 0: on demand only
    low: Decimal | None = None


class Balances:
    """`load` once, then `run` beside everything else; `refresh` whenever somebody asks."""

    def __init__(
        self,
        lines: UssdLines,
        store: LineBalances,
        clock: Clock,
        modems: Callable[[], list[ModemView]],
        settings: Mapping[str, BalanceSettings],
    ) -> None:
        self._lines = lines
        self._store = store
        self._clock = clock
        self._modems = modems
        self._settings = settings
        self._known: dict[str, LineBalance] = {}
        self._asking: dict[str, asyncio.Task[LineBalance]] = {}
        self._failures: dict[str, int] = {}
        self._problems: dict[str, tuple[int, ModemgwError]] = {}  # by name: when the network last gave none, and why
        self._rests: dict[str, tuple[int, int]] = {}  # by name: not asked from when until when, Unix ms

    async def load(self) -> None:
        """What was known when the last run ended. Raises ModemgwError."""
        self._known = dict(await self._store.load())

    def of(self, view: ModemView) -> LineBalance | None:
        """What is known of the SIM in a modem."""
        return self._known.get(key_of(view))

    def low(self) -> list[tuple[str, str]]:
        """(line, amount) of SIMs that have less than their limit left."""
        known = [(view.name, self.of(view)) for view in self._modems()]
        return [(name, f"{one.amount} {one.currency or ''}".strip()) for name, one in known if one and one.low]

    def shown(self, view: ModemView) -> ModemView:
        """The modem with the balance of its SIM."""
        known = self.of(view)
        if known is None:
            return view
        return replace(view, balance=known.amount, balance_currency=known.currency, balance_at=known.at)

    def of_account(self, account: Account) -> Balance | None:
        """What all SIMs have left together, in the account's currency if any tells it in that; None if none does."""
        known = [balance for view in self._modems() if (balance := self.of(view)) is not None]
        if not known:
            return None
        own = iso_currency(account.currency)
        mine = [balance for balance in known if balance.currency is None or balance.currency == own]
        if not mine:
            first = known[0].currency
            mine = [balance for balance in known if balance.currency == first]
        named = next((balance.currency for balance in mine if balance.currency is not None), None)
        currency = account.currency if named in (None, own) else named
        total = sum((Decimal(balance.amount) for balance in mine), Decimal(0))
        return Balance(f"{total:.2f}", currency or account.currency)

    async def refresh(self, name: str) -> LineBalance:
        """Ask the operator now. Refusal: NOT_FOUND, CONFLICT (not ready, a dialogue in the way, no code is known);
        UssdNoAnswer; UssdFailed if the answer tells no amount. Two that ask at a time get one answer."""
        view = self._view(name)
        known = self.of(view)
        if known is not None and abs(self._clock() - known.at) < FRESH_MS:
            return known
        since, problem = self._problems.get(name, (0, None))
        if problem is not None and abs(self._clock() - since) < FRESH_MS:
            raise problem
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.ensure_future(self._ask(view))
            task.add_done_callback(lambda done: self._asked(name, done))
        return await asyncio.shield(task)

    async def run(self) -> None:
        """Ask the lines that have an interval, until cancelled."""
        try:
            while True:
                for view in self._modems():
                    try:
                        await self._look(view)
                    except Exception:  # one line's trouble must not end the schedule of the others
                        log.exception("%s: looking after the balance failed", view.name)
                await asyncio.sleep(LOOK_S)
        finally:
            for task in self._asking.values():
                task.cancel()
            await asyncio.gather(*self._asking.values(), return_exceptions=True)

    # -- asking -------------------------------------------------------------------------------------------

    def _view(self, name: str) -> ModemView:
        for view in self._modems():
            if view.name == name:
                return view
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no modem named {name!r}.", field="name")

    def _asked(self, name: str, task: asyncio.Task[LineBalance]) -> None:
        self._asking.pop(name, None)
        if task.cancelled():
            return
        self._problems.pop(name, None)
        error = task.exception()
        if isinstance(error, UssdFailed | UssdNoAnswer):
            self._problems[name] = self._clock(), error

    async def _ask(self, view: ModemView) -> LineBalance:
        settings = self._settings.get(view.name, BalanceSettings())
        operator = operator_of(view.imsi)
        code = settings.code or (operator.code if operator else None)
        if code is None:
            who = f"The operator {view.imsi[:5]}" if view.imsi else "The operator of the SIM"
            raise Refusal(
                RefusalKind.CONFLICT,
                f"{who} is not in the table of balance codes: set balance_code of the modem {view.name}, such as "
                '"*100#".',
            )
        answer = await self._lines.ask(view.name, code, by=BY, timeout_s=TIMEOUT_S)
        for _ in range(OTHER_FORMS):
            if answer.open or (answer.text and answer.readable) or answer.state in _FOR_THE_CODE:
                break
            answer = await self._lines.ask(view.name, code, by=BY, timeout_s=TIMEOUT_S)
        if answer.open:  # a menu behind the amount
            with contextlib.suppress(ModemgwError):
                await self._lines.cancel(view.name, by=BY)
        pattern = settings.pattern
        default = operator.currency if operator else None
        amount = None
        if answer.text:
            if pattern is None and operator is not None and operator.pattern is not None:
                amount = read_amount(answer.text, operator.pattern, default)
            amount = amount or read_amount(answer.text, pattern, default)
        if amount is None:
            raise UssdFailed(_untold(code, answer, pattern is not None))
        return await self._keep(view, f"{amount.value:.2f}", amount.currency, settings)

    async def _keep(self, view: ModemView, amount: str, currency: str | None, settings: BalanceSettings) -> LineBalance:
        key = key_of(view)
        before = self._known.get(key)
        low = settings.low is not None and Decimal(amount) < settings.low
        balance = LineBalance(amount, currency, self._clock(), low)
        data: dict[str, object] = {"modem": view.name, "amount": amount, "currency": currency}
        events: list[tuple[EventKind, Mapping[str, object]]] = []
        if before is None or (before.amount, before.currency) != (amount, currency):
            events.append((EventKind.LINE_BALANCE, data))
        if settings.low is not None and low != (before is not None and before.low):
            kind = EventKind.LINE_LOW_BALANCE if low else EventKind.LINE_BALANCE_RELIEVED
            events.append((kind, {**data, "limit": str(settings.low)}))
            if low:
                log.warning("%s: %s %s left, less than %s", view.name, amount, currency or "", settings.low)
        await self._store.keep(key, balance, events)
        self._known[key] = balance
        return balance

    # -- the schedule -------------------------------------------------------------------------------------

    async def _look(self, view: ModemView) -> None:
        """Ask a line that is due. It is not asked while it sends, nor more often than its interval, nor soon after
        a failure."""
        settings = self._settings.get(view.name)
        if settings is None or not settings.interval_s:
            return
        now = self._clock()
        if view.name not in self._rests:
            known = self.of(view)
            self._rests[view.name] = (0, 0) if known is None else (known.at, known.at + settings.interval_s * 1000)
        since, until = self._rests[view.name]
        if since <= now < until or view.state is not LineState.READY or view.in_air:
            return
        pause_s: float = settings.interval_s
        try:
            await self.refresh(view.name)
            self._failures.pop(view.name, None)
        except Refusal as refusal:
            log.info("%s: the balance is asked later: %s", view.name, refusal)
            pause_s = IN_THE_WAY_S
        except ModemgwError as error:
            failed = self._failures.get(view.name, 0)
            self._failures[view.name] = failed + 1
            pause_s = max(pause_s, BACKOFF_S[min(failed, len(BACKOFF_S) - 1)])
            if not failed:
                log.warning("%s: the balance could not be read; `modemgw balance %s` says why", view.name, view.name)
            log.debug("%s: %s", view.name, error)
        now = self._clock()
        self._rests[view.name] = now, now + int(pause_s * 1000)


def key_of(view: ModemView) -> str:
    """Whose balance it is: the SIM's, as the store knows lines."""
    for kind, value in (("imsi", view.imsi), ("iccid", view.iccid), ("imei", view.imei)):
        if value:
            return f"{kind}:{value}"
    return f"name:{view.name}"


def _untold(code: str, answer: UssdAnswer, own: bool) -> str:
    if not answer.text:
        said = "with nothing" if answer.state.value == "done" else f"“{answer.state.value.replace('_', ' ')}”"
        return f"The network answered {code} {said}. Is it the right code? It is balance_code of the modem."
    said = " ".join(answer.text.split())[:160]
    what = "balance_pattern does not find an amount" if own else "No amount is recognised"
    return f"{what} in the answer to {code}: “{said}”. Set balance_code, or balance_pattern, of the modem."
