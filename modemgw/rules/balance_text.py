"""The amount in what an operator says of a balance. Pure: texts in, decimals out; knows no operator and no modem."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_SPACES = " \u00a0\u202f\u2009"
_MINUS = "-\u2212\u2013\u2014"

#: Words for money after an amount, by currency (ISO 4217); "р" is also of Belarus, see `default`.
_CURRENCIES: dict[str, str] = {
    "RUB": r"rub(?:les?|l[ei]y)?|rur|руб(?:л[а-я]*)?|р|r|₽",
    "BYN": r"byn|бел\.? ?руб(?:л[а-я]*)?",
    "UAH": r"грн|гривн?[а-яіїє]*|uah|grn|hrn|hryven[a-z]*|₴",
    "KZT": r"тг|тенге|теңге|tg|tenge|kzt|₸",
    "UZS": r"сум|so'?m|sum|uzs",
    "EUR": r"€|eur(?:os?)?",
    "PLN": r"zł(?:ot[a-z]*)?|zl|pln",
    "RSD": r"rsd|din(?:ara?)?|дин(?:ара?)?",
    "USD": r"\$|usd",
    "KGS": r"сом|kgs",
    "AMD": r"amd|դր|֏|др",
    "GEL": r"gel|₾|лари|lari",
    "MDL": r"mdl|lei|лей|леев",
    "CZK": r"kč|kc|czk",
    "GBP": r"£|gbp",
    "TRY": r"tl|try|₺",
}
_MONEY = "|".join(f"(?P<{code}>{words})" for code, words in _CURRENCIES.items())
_AFTER = re.compile(rf"[{_SPACES}]{{0,2}}(?:{_MONEY})(?![^\W\d_])", re.IGNORECASE)
_BEFORE = re.compile(rf"(?<![^\W\d_])(?:{_MONEY})\.?[{_SPACES}:]{{0,2}}\Z", re.IGNORECASE)
_SMALL = re.compile(  # "15r.20k", "12 руб. 5 коп.", "3 zl 20 gr"
    rf"\.?[{_SPACES}]{{0,2}}(\d{{1,2}})[{_SPACES}]?(?:k|к|kop[a-z]*|коп[а-яіїє]*|gr|гр|c|ct)(?![^\W\d_])", re.IGNORECASE
)

_NUMBER = re.compile(
    rf"(?<![\w*#+])(?<!\d[.,:])(?:[{_MINUS}][{_SPACES}]?|[+])?"
    rf"(?:\d{{1,3}}(?:[{_SPACES}'.,]\d{{3}})+(?!\d)(?:[.,]\d{{1,2}}(?!\d))?|\d+(?:[.,]\d{{1,4}}(?!\d))?)(?![*#:]|\d)"
)
_SIGN_WORD = re.compile(r"(?:минус|мінус|minus)\s*\Z", re.IGNORECASE)
_DEBT = re.compile(r"(?:долг|задолженност\w*|борг|debt|schuld\w*)[^\d]{0,12}\Z", re.IGNORECASE)
_KEYWORD = re.compile(
    r"(?:баланс\w*|balan[sc]\w*|остаток|ostatok|осталось|доступно|dostupno|на (?:вашем )?(?:лицевом )?сч[её]те|"
    r"сч[её]т\w*|schet\w*|рахун\w*|rahun\w*|залишок|zalyshok|guthaben\w*|kontostand\w*|saldo|konto|stan konta|"
    r"środk\w*|srodk\w*|kredit|credit|stanje|баланс\w*|теңгерім\w*|hisob\w*|main account|account)[^\d]{0,30}\Z",
    re.IGNORECASE,
)
_OTHER_MATTER = re.compile(
    r"(?:лимит\w*|limit\w*|bonus\w*|бонус\w*|баллов|абон\w*|плата|плати\w*|тариф\w*|стоимост\w*|price|пополн\w*|"
    r"кредитн\w*|до|till|until|bis|gültig\w*|od|срок\w*|действ\w*|число|пакет\w*)[^\d]{0,12}\Z",
    re.IGNORECASE,
)
_UNIT = re.compile(
    rf"[{_SPACES}]{{0,2}}(?:%|мин|min|хв|sms|смс|mms|мб|гб|кб|mb|gb|kb|шт|дн|день|дня|дней|сут|day|tag|dni|"
    r"балл|бон|bonus|сек|sec|час|год|month|мес)",
    re.IGNORECASE,
)
_LINE_START = re.compile(r"(?:\A|\n)\s*\Z")
_MENU_ITEM = re.compile(r"(?:[.)>-]\s*|\s+)[^\W\d]")
#: A USSD text has 182 characters; a modem gone mad can say thousands, and the reading of those would take seconds.
LONGEST = 600
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}(?::\d{2})?")


@dataclass(frozen=True, slots=True)
class Amount:
    """Money: `currency` is ISO 4217, None where the text names none."""

    value: Decimal
    currency: str | None


def read_amount(text: str, pattern: re.Pattern[str] | None = None, default: str | None = None) -> Amount | None:
    """The balance that a text tells; None if it tells none. With a `pattern`, what that finds and nothing else.

    `default` is the currency of amounts that name none, and of "руб." where that is not the Russian one. Of a text
    longer than any that a network sends the beginning is read.
    """
    text = text[:LONGEST]
    if pattern is not None:
        return _by_pattern(text, pattern, default)
    best: tuple[float, Amount] | None = None
    dates = [found.span() for found in _DATE.finditer(text)]
    for order, found in enumerate(_NUMBER.finditer(text)):
        if any(start < found.end() and found.start() < end for start, end in dates):
            continue
        amount, score = _judge(text, found, default)
        score -= order * 0.1
        if amount is not None and score >= 1 and (best is None or score > best[0]):
            best = score, amount
    return best[1] if best is not None else None


def decimal_of(number: str) -> Decimal | None:
    """A number as people write it: "1 234,56", "1.234,56", "1,234.56", "-12.50", "−5"; None if it is none."""
    text = number.strip().replace("+", "")
    for char in _MINUS:
        text = text.replace(char, "-")
    for char in _SPACES + "'":
        text = text.replace(char, "")
    negative, text = text.startswith("-"), text.lstrip("-")
    last = max(text.rfind("."), text.rfind(","))
    if last >= 0:
        whole, cents = text[:last], text[last + 1 :]
        grouped = len(cents) == 3 and whole not in ("", "0") and len(re.split(r"[.,]", whole)[-1]) <= 3
        mixed = text[last] in ".," and any(mark in whole for mark in ".," if mark != text[last])
        if grouped and not mixed:
            whole, cents = whole + cents, ""
        text = re.sub(r"[.,]", "", whole) + (f".{cents}" if cents else "")
    if not re.fullmatch(r"\d{1,15}(?:\.\d{1,6})?", text):
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return -value if negative and value else value


def _by_pattern(text: str, pattern: re.Pattern[str], default: str | None) -> Amount | None:
    found = pattern.search(text)
    if found is None:
        return None
    groups = found.groupdict()
    said = groups.get("amount") if "amount" in pattern.groupindex else found[1] if pattern.groups else found[0]
    value = decimal_of(said or "")
    if value is None:
        return None
    word = (groups.get("currency") or "").strip()
    named = _AFTER.match(word) if word else None
    currency = _currency(named, default) if named else None
    if currency is None and re.fullmatch(r"[A-Za-z]{3}", word):
        currency = word.upper()
    return Amount(value, currency or default)


def _judge(text: str, found: re.Match[str], default: str | None) -> tuple[Amount | None, float]:
    """The amount at a number, and how likely it is the balance."""
    value = decimal_of(found[0])
    if value is None:
        return None, 0.0
    before, after = text[: found.start()], text[found.end() :]
    score = 0.0
    money = _AFTER.match(after)
    currency = _currency(money, default) if money else None
    if money is not None:
        score += 3
        small = _SMALL.match(after, money.end())
        if small is not None and value == value.to_integral_value():
            value += Decimal(small[1]).scaleb(-2)
    elif (ahead := _BEFORE.search(before)) is not None:
        score += 3
        currency = _currency(ahead, default)
    elif _UNIT.match(after) or (_LINE_START.search(before) and _MENU_ITEM.match(after)):
        score -= 4
    digits = sum(char.isdigit() for char in found[0])
    if re.search(r"[.,]\d{1,2}\Z", found[0]):
        score += 1
    elif digits >= 7 and currency is None:
        score -= 4  # a telephone number
    if _OTHER_MATTER.search(before):
        score -= 3
    elif _KEYWORD.search(before):
        score += 3
    if not re.search(r"\w", before + after[money.end() if money else 0 :]):
        score += 3  # there is nothing else
    if _SIGN_WORD.search(before):
        value, score = -abs(value), score + 2
    elif value > 0 and _DEBT.search(before):
        value, score = -value, score + 2
    return Amount(value, currency or default), score


def _currency(found: re.Match[str], default: str | None) -> str | None:
    code = found.lastgroup
    return default if code == "RUB" and default == "BYN" else code
