"""`modemgw ussd` and `modemgw balance` against a real server: output, statuses, menus at a terminal."""

from __future__ import annotations

import json

import pytest

from modemgw.cli.exits import Exit
from tests.unit.cli.conftest import Invoke


@pytest.mark.parametrize(
    ("arguments", "status", "output"),
    [
        (["a", "*100#"], Exit.OK, "Balance: 123.45 RUB\n"),
        (["a"], Exit.USAGE, "modemgw: give a CODE, or --answer TEXT, or --cancel\n"),
        (["a", "*1#", "--cancel"], Exit.USAGE, "modemgw: give a CODE, or --answer TEXT, or --cancel\n"),
        (["c", "*100#"], Exit.NOT_FOUND, "modemgw: There is no modem named 'c'.\n"),
        (["a", "--cancel"], Exit.FAILED, "modemgw: There is no open USSD dialogue.\n"),
        (["a", "ping"], Exit.USAGE, "modemgw: A USSD code has digits, *, # and + only, such as *100#.\n"),
        (["a", "*108#"], Exit.UNKNOWN, "modemgw: The network did not answer within 30 s.\n"),
        (["a", "*109#"], Exit.FAILED, "modemgw: The modem refused the request.\n"),
    ],
)
def test_what_is_said(invoke: Invoke, arguments: list[str], status: Exit, output: str) -> None:
    result = invoke("ussd", *arguments)
    assert (result.exit_code, result.output) == (status, output)


def test_a_menu_is_answered_until_it_is_left(invoke: Invoke) -> None:
    result = invoke("ussd", "a", "*105#", "--interactive", input="*105#\n\n")
    assert result.exit_code == 0
    assert result.output.count("1 Balance\n") == 2
    assert result.output.endswith("The dialogue is over.\n")
    result = invoke("ussd", "a", "*105#", "--interactive", input="1\n")
    assert result.output.endswith("Balance: 123.45 RUB\n")


def test_a_menu_without_a_terminal_says_how_to_go_on(invoke: Invoke) -> None:
    result = invoke("ussd", "a", "*105#")
    assert "Answer with: modemgw ussd a --answer TEXT" in result.output
    assert invoke("ussd", "a", "--answer", "1").output == "Balance: 123.45 RUB\n"


def test_json_for_programs(invoke: Invoke) -> None:
    assert json.loads(invoke("ussd", "a", "*100#", "--json").output)["status"] == "done"
    assert json.loads(invoke("balance", "a", "--json").output)["balance"] == "123.45"


def test_the_balance(invoke: Invoke) -> None:
    assert invoke("balance", "a").output.startswith("123.45 RUB (")
    assert invoke("balance", "c").exit_code == Exit.NOT_FOUND
