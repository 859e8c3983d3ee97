"""What operators say of a balance, and what becomes of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.domain.account import Account
from modemgw.domain.line import LineBalance, LineState, ModemView
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.ussd import UssdAnswer, UssdFailed, UssdNoAnswer, UssdState
from modemgw.rules.balance_text import decimal_of, read_amount
from modemgw.rules.operators import operator_of, operators
from modemgw.service import balances as balances_module
from modemgw.service.balances import Balances, BalanceSettings, key_of
from modemgw.service.ussd import checked_code
from tests.played_lines import modem_view
from tests.rig import until

# ---------------------------------------------------------------- texts

TEXTS = [
    ("Баланс: 123,45 р.", "123.45", "RUB"),
    ("-12.50", "-12.50", None),
    ("1 234.56 руб", "1234.56", "RUB"),
    ("Ostatok 15r.20k", "15.20", "RUB"),
    ("Balance: 123.45 RUB", "123.45", "RUB"),
    ("Баланс:-3,10р. Подробнее *111#", "-3.10", "RUB"),
    ("Минус 5.00р", "-5.00", "RUB"),
    ("Ваш баланс 1\u00a0234,56 руб.", "1234.56", "RUB"),
    ("Balans 5", "5", None),
    ("На Вашем счете 12.05 UAH, термін дії до 31.12.2030", "12.05", "UAH"),
    ("Guthaben: 1.234,56 EUR", "1234.56", "EUR"),
    ("Ihr Guthaben betraegt 9,99 EUR. Gueltig bis 01.01.2031", "9.99", "EUR"),
    ("Stan konta: 25,00 zł, ważne do 12.05.2031", "25.00", "PLN"),
    ("Остаток 100 мин, 50 SMS. Баланс 7,5 р.", "7.5", "RUB"),
    ("Баланс 100р, Ваш номер 79161234567", "100", "RUB"),
    ("12 руб. 5 коп.", "12.05", "RUB"),
    ("Задолженность: 12,00 руб", "-12.00", "RUB"),
    ("Vash balans 0.00 r. Dlya popolneniya *116#", "0.00", "RUB"),
    ("Баланс:50.00р\nБонус: 300 баллов", "50.00", "RUB"),
    ("Balance $5.25", "5.25", "USD"),
    ("Баланс −1 000,00 ₽", "-1000.00", "RUB"),
    ("Сіздің балансыңыз 1500 тг", "1500", "KZT"),
    ("Баланс:2 345р,Тариф Супер 500", "2345", "RUB"),
    ("Номер 89161234567. Остаток: 15 руб", "15", "RUB"),
    ("Balance:150r", "150", "RUB"),
    ("Баланс 12345678.90", "12345678.90", None),
    ("Лимит 300р. Баланс -20,5р", "-20.5", "RUB"),
    ("Баланс: 0,85 руб. Абон.плата 500 руб. спишется 12.08", "0.85", "RUB"),
    ("1. Баланс\n2. Услуги", None, None),
    ("Your number is +79161234567", None, None),
    ("Услуга недоступна", None, None),
    ("Заявка принята. Ожидайте SMS", None, None),
    ("Остаток: 10 ГБ, 100 мин", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("text", "value", "currency"), TEXTS)
def test_the_balance_in_a_text(text: str, value: str | None, currency: str | None) -> None:
    amount = read_amount(text)
    assert (None if amount is None else (str(amount.value), amount.currency)) == (value and (value, currency))


def test_roubles_are_those_of_the_operator() -> None:
    amount = read_amount("Баланс 5,20 руб.", default="BYN")
    assert amount is not None
    assert amount.currency == "BYN"
    assert read_amount("Saldo 5", default="PLN") == replace(amount, value=Decimal(5), currency="PLN")


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("1 234,56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("12.345", "12345"),
        ("0.125", "0.125"),
        ("-5", "-5"),
        ("−5,5", "-5.5"),
        ("+7", "7"),
        ("1.234.567", "1234567"),
        ("", None),
        ("a", None),
        ("12,3456", "12.3456"),
        ("1,234,567.89", "1234567.89"),
        ("1'000.50", "1000.50"),
        ("-", None),
    ],
)
def test_numbers_as_people_write_them(number: str, value: str | None) -> None:
    found = decimal_of(number)
    assert (None if found is None else str(found)) == value


@given(st.decimals(-99_999, 99_999, places=2, allow_nan=False), st.sampled_from([".", ","]), st.sampled_from(["", " "]))
def test_any_amount_is_read_as_it_was_written(value: Decimal, point: str, thousands: str) -> None:
    written = f"{value:,.2f}".replace(",", thousands).replace(".", point)
    for text in (f"Баланс: {written} р.", f"Balance {written} RUB", f"Ваш баланс:{written}руб. Звоните 0500"):
        amount = read_amount(text)
        assert amount is not None, text
        assert amount.value == value, text


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    read_amount(text)
    read_amount(text, re.compile(r"(\S+)"), "RUB")


def test_of_an_endless_text_the_beginning_is_read() -> None:
    assert read_amount("Balance 5.00 RUB " + "1 234" * 100_000) == read_amount("Balance 5.00 RUB")
    assert read_amount("x" * 1000 + " Balance 5.00 RUB") is None


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"left (\S+)", "You owe 5, left 1,50", ("1.50", "RUB")),
        (r"left (?P<amount>\S+) (?P<currency>\w+)", "left 3 eur", ("3", "EUR")),
        (r"left (?P<amount>\S+) (?P<currency>\w+)", "left 3 HUF", ("3", "HUF")),
        (r"left (\S+)", "nothing", None),
        (r"left (\S+)", "left nothing", None),
    ],
)
def test_an_own_pattern(pattern: str, text: str, found: tuple[str, str] | None) -> None:
    amount = read_amount(text, re.compile(pattern), "RUB")
    assert (None if amount is None else (str(amount.value), amount.currency)) == found


# ---------------------------------------------------------------- operators


def test_the_table_is_sound() -> None:
    seen: set[str] = set()
    for operator in operators():
        assert checked_code(operator.code) == operator.code
        assert re.fullmatch("[A-Z]{3}", operator.currency)
        assert operator.source in ("operator", "several", "one", "unchecked")
        for plmn in operator.plmn:
            assert re.fullmatch(r"\d{5,6}", plmn)
            assert plmn not in seen
            seen.add(plmn)


@pytest.mark.parametrize(
    ("imsi", "name", "code"),
    [
        ("250010000000001", "MTS", "*100#"),
        ("250990000000001", "Beeline", "*102#"),
        ("250200000000001", "T2 (Tele2)", "*105#"),
        ("255060000000001", "lifecell", "*111#"),
        ("999990000000001", None, None),
        (None, None, None),
    ],
)
def test_the_operator_of_a_sim(imsi: str | None, name: str | None, code: str | None) -> None:
    found = operator_of(imsi)
    assert (found and found.name, found and found.code) == (name, code)


# ---------------------------------------------------------------- asking

SHOP = Account(1, "shop", currency="RUR", balance_mode="sim")
MODEM = modem_view("a", imsi="250010000000001", iccid="8970100000000000001")


class World:
    """Lines that answer as told, a store in memory, a clock."""

    def __init__(self, *views: ModemView, settings: Mapping[str, BalanceSettings] | None = None) -> None:
        self.views = list(views) or [MODEM]
        self.says: str | None = "Balance 10 RUB"
        self.state = UssdState.DONE
        self.error: Exception | None = None
        self.asked: list[tuple[str, str]] = []
        self.cancelled = 0
        self.kept: dict[str, LineBalance] = {}
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.now = 1_000_000
        self.gate: asyncio.Event | None = None
        self.it = Balances(self, self, lambda: self.now, lambda: self.views, settings or {})

    async def ask(self, line: str, text: str, *, by: str, timeout_s: float, answering: bool = False) -> UssdAnswer:
        self.asked.append((line, text))
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return UssdAnswer(line, self.state, self.says)

    async def cancel(self, line: str, *, by: str) -> UssdAnswer:
        self.cancelled += 1
        return UssdAnswer(line, UssdState.CANCELLED, None)

    async def load(self) -> Mapping[str, LineBalance]:
        return self.kept

    async def keep(self, key: str, balance: LineBalance, events: Sequence[tuple[str, Mapping[str, object]]]) -> None:
        self.kept[key] = balance
        self.events += events


async def test_two_that_ask_at_a_time_get_one_answer() -> None:
    world = World()
    world.gate = asyncio.Event()
    both = [asyncio.create_task(world.it.refresh("a")) for _ in range(2)]
    while not world.asked:
        await asyncio.sleep(0)
    world.gate.set()
    first, second = await asyncio.gather(*both)
    assert first is second
    assert await world.it.refresh("a") is first  # it is fresh
    assert world.asked == [("a", "*100#")]
    world.now += balances_module.FRESH_MS
    await world.it.refresh("a")
    assert len(world.asked) == 2


async def test_what_is_known_is_kept_by_the_sim_and_comes_back() -> None:
    world = World()
    await world.it.refresh("a")
    again = World()
    again.kept = world.kept
    await again.it.load()
    shown = again.it.shown(MODEM)
    assert (shown.balance, shown.balance_currency, shown.balance_at) == ("10.00", "RUB", 1_000_000)
    assert again.it.shown(replace(MODEM, imsi="250010000000002")).balance is None
    assert [key_of(view) for view in (MODEM, replace(MODEM, imsi=None), replace(MODEM, imsi=None, iccid=None))] == [
        "imsi:250010000000001",
        "iccid:8970100000000000001",
        "imei:356938035643809",
    ]
    assert key_of(replace(MODEM, imsi=None, iccid=None, imei=None)) == "name:a"


async def test_a_menu_behind_the_amount_is_left() -> None:
    world = World()
    world.state = UssdState.OPEN
    await world.it.refresh("a")
    assert world.cancelled == 1


@pytest.mark.parametrize(
    ("says", "settings", "sentence"),
    [
        ("Ask later", {}, "No amount is recognised in the answer to *100#: “Ask later”"),
        (None, {}, "answered *100# with nothing"),
        (
            "Balance 5 RUB",
            {"a": BalanceSettings(pattern=re.compile(r"left (\d+)"))},
            "balance_pattern does not find an amount",
        ),
    ],
)
async def test_an_answer_without_an_amount(
    says: str | None, settings: dict[str, BalanceSettings], sentence: str
) -> None:
    world = World(settings=settings)
    world.says = says
    with pytest.raises(UssdFailed, match=re.escape(sentence)):
        await world.it.refresh("a")
    assert world.kept == {}


async def test_a_modem_that_wants_another_form_is_asked_again() -> None:
    """The lines go on to the next form by themselves, when they are asked again."""
    world = World()
    answers = [UssdAnswer("a", UssdState.TERMINATED, None), UssdAnswer("a", UssdState.DONE, "Balance 7 RUB")]

    async def ask(line: str, text: str, *, by: str, timeout_s: float, answering: bool = False) -> UssdAnswer:
        world.asked.append((line, text))
        return answers.pop(0)

    world.ask = ask  # type: ignore[method-assign]
    assert (await world.it.refresh("a")).amount == "7.00"
    assert world.asked == [("a", "*100#")] * 2


async def test_a_failure_is_not_asked_again_at_once() -> None:
    world = World()
    world.error = UssdNoAnswer("Nothing.")
    for _ in range(3):
        with pytest.raises(UssdNoAnswer):
            await world.it.refresh("a")
    assert len(world.asked) == 1
    world.error = None
    world.now += balances_module.FRESH_MS
    assert (await world.it.refresh("a")).amount == "10.00"


async def test_a_code_that_the_network_does_not_know_is_not_asked_again() -> None:
    world = World()
    world.says, world.state = None, UssdState.NOT_SUPPORTED
    with pytest.raises(UssdFailed, match="not supported"):
        await world.it.refresh("a")
    assert len(world.asked) == 1


async def test_nobody_and_nothing_known() -> None:
    world = World(replace(MODEM, imsi="999990000000001"))
    with pytest.raises(Refusal, match=r"99999 is not in the table .* set balance_code"):
        await world.it.refresh("a")
    with pytest.raises(Refusal, match="no modem named 'b'") as refused:
        await world.it.refresh("b")
    assert refused.value.kind is RefusalKind.NOT_FOUND


# ---------------------------------------------------------------- accounts


@pytest.mark.parametrize(
    ("known", "currency", "told"),
    [
        ({}, "RUR", None),
        ({"a": ("10.00", "RUB"), "b": ("-2.50", "RUB")}, "RUR", ("7.50", "RUR")),
        ({"a": ("10.00", "RUB"), "b": ("5.00", "EUR")}, "RUB", ("10.00", "RUB")),
        ({"a": ("10.00", "RUB"), "b": ("5.00", "EUR")}, "EUR", ("5.00", "EUR")),
        ({"a": ("10.00", "KZT"), "b": ("5.00", "KZT")}, "EUR", ("15.00", "KZT")),
        ({"a": ("10.00", None), "b": ("5.00", "EUR")}, "EUR", ("15.00", "EUR")),
        ({"a": ("10.00", None)}, "UAH", ("10.00", "UAH")),
    ],
)
async def test_the_balance_of_an_account_is_the_sum_in_one_currency(
    known: dict[str, tuple[str, str | None]], currency: str, told: tuple[str, str] | None
) -> None:
    views = [replace(MODEM, name=name, imsi=f"25001{number}") for number, name in enumerate("ab")]
    world = World(*views)
    world.kept = {key_of(view): LineBalance(*known[view.name], at=1) for view in views if view.name in known}
    await world.it.load()
    balance = world.it.of_account(replace(SHOP, currency=currency))
    assert (balance and (balance.amount, balance.currency)) == told


# ---------------------------------------------------------------- low


async def test_low_is_told_once_each_way_also_over_a_restart() -> None:
    settings = {"a": BalanceSettings(low=Decimal("5"))}
    world = World(settings=settings)

    async def now(amount: str) -> None:
        world.says = f"Balance {amount} RUB"
        world.now += balances_module.FRESH_MS
        await world.it.refresh("a")

    for amount in ("10", "4.99", "4"):
        await now(amount)
    world.it = Balances(world, world, lambda: world.now, lambda: world.views, settings)
    await world.it.load()
    for amount in ("3", "5", "4"):
        await now(amount)
    assert [kind for kind, _ in world.events if kind != "line.balance"] == [
        "line.low_balance",
        "line.balance_relieved",
        "line.low_balance",
    ]


# ---------------------------------------------------------------- the schedule


async def _runs(world: World, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(balances_module, "LOOK_S", 0.001)
    running = asyncio.create_task(world.it.run())

    async def asked() -> bool:
        return len(world.asked) >= count

    try:
        await until(asked, 5, lambda: f"asked {count} times, {world.asked}")
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert len(world.asked) == count
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_line_is_asked_at_its_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(MODEM, replace(MODEM, name="b"), settings={"a": BalanceSettings(interval_s=600)})
    await _runs(world, monkeypatch, 1)
    world.now += 599_000
    await _runs(world, monkeypatch, 1)
    world.now += 1_000
    await _runs(world, monkeypatch, 2)


async def test_a_clock_that_was_set_back_delays_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(settings={"a": BalanceSettings(interval_s=600)})
    world.now = 2_000_000_000_000
    await _runs(world, monkeypatch, 1)
    world.now -= 365 * 86_400_000
    await _runs(world, monkeypatch, 2)
    await _runs(world, monkeypatch, 2)
    world.it = Balances(world, world, lambda: world.now, lambda: world.views, {"a": BalanceSettings(interval_s=600)})
    await world.it.load()
    world.now -= 86_400_000
    await _runs(world, monkeypatch, 3)


@pytest.mark.parametrize("busy", [{"in_air": True}, {"state": LineState.SEARCHING}, {"state": LineState.PAUSED}])
async def test_a_line_that_is_busy_is_left_alone(monkeypatch: pytest.MonkeyPatch, busy: dict[str, object]) -> None:
    world = World(replace(MODEM, **busy), settings={"a": BalanceSettings(interval_s=60)})  # type: ignore[arg-type]
    await _runs(world, monkeypatch, 0)


async def test_failures_are_repeated_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(settings={"a": BalanceSettings(interval_s=60)})
    world.error = UssdNoAnswer("Nothing.")
    await _runs(world, monkeypatch, 1)
    for count, pause_s in enumerate((120, 600, 1_800), 2):
        world.now += (pause_s - 1) * 1000
        await _runs(world, monkeypatch, count - 1)
        world.now += 1_000
        await _runs(world, monkeypatch, count)


async def test_a_dialogue_in_the_way_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(settings={"a": BalanceSettings(interval_s=600)})
    world.error = Refusal(RefusalKind.CONFLICT, "Somebody else asks.")
    await _runs(world, monkeypatch, 1)
    world.error = None
    world.now += 60_000
    await _runs(world, monkeypatch, 2)
    assert world.kept
