"""What may be said of USSD, balances and calls: keys of [[modem]] and [[account]]."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.config import ConfigError, parse
from modemgw.credentials import load_or_create

MODEM = '[[modem]]\nname = "a"\nport = "/dev/ttyUSB0"\n'


def modem(line: str) -> str:
    return f"{MODEM}{line}\n"


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("", "calls", "log"),
        ('calls = "reject"', "calls", "reject"),
        ('balance_code = "*100*1#"', "balance_code", "*100*1#"),
        ("balance_pattern = 'Balance: ([0-9.]+)'", "balance_pattern", "Balance: ([0-9.]+)"),
        ("balance_pattern = '(?P<amount>[0-9.]+) (?P<currency>[A-Z]+)'", "balance_pattern", None),
        ("balance_interval_s = 3600", "balance_interval_s", 3600),
        ("low_balance = 50", "low_balance", "50"),
        ('low_balance = "-0.50"', "low_balance", "-0.50"),
    ],
)
def test_what_may_be_set(line: str, key: str, value: object) -> None:
    found = getattr(parse(modem(line)).modems[0], key)
    assert found == value if value is not None else found


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('calls = "answer"', "must be 'log', 'reject' or 'leave'"),
        ('balance_code = "balance"', 'must be a USSD code, such as "*100#"'),
        ('balance_code = ""', 'must be a USSD code, such as "*100#"'),
        ("balance_pattern = 'Balance ([0-9'", "is no regular expression"),
        ("balance_pattern = 'Balance'", "needs one group for the amount"),
        ("balance_pattern = '([0-9]+)([.,])'", "needs one group for the amount"),
        ("balance_interval_s = 5", "must be 0 (on demand only) or at least 60"),
        ('low_balance = "much"', 'must be an amount, such as "50.00"'),
    ],
)
def test_what_may_not(line: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(modem(line))
    (complaint,) = caught.value.complaints
    assert reason in complaint.reason
    assert complaint.line == 4


def test_ussd_is_a_right_that_must_be_given() -> None:
    account = '[[account]]\nlogin = "a"\npassword = "b"\n'
    assert parse(account).accounts[0].account(1).ussd is False
    assert parse(account + "ussd = true\n").accounts[0].account(1).ussd is True


def test_the_account_of_a_first_run_has_it_also_where_its_file_is_older(tmp_path: Path) -> None:
    account, path, made = load_or_create(tmp_path / "modemgw.db")
    assert (made, account.ussd) == (True, True)
    assert load_or_create(tmp_path / "modemgw.db")[0] == account
    text = path.read_text()
    path.write_text(text.replace("ussd = true\n", ""))
    assert load_or_create(tmp_path / "modemgw.db")[0].ussd is True
    path.write_text(text.replace("ussd = true\n", "ussd = false\n"))
    assert load_or_create(tmp_path / "modemgw.db")[0].ussd is False
