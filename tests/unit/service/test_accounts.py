"""Who is asking: right credentials, wrong ones, and that the comparison tells nothing."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.service.accounts import Accounts

SHOP = Account(1, "shop", password="secret", api_key="key-1")
CRM = Account(2, "crm", password="пароль", api_key="key-2")
KEYLESS = Account(3, "keyless", password="p")
BLANK = Account(4, "blank", password="")


@pytest.fixture
def accounts() -> Accounts:
    return Accounts([SHOP, CRM, KEYLESS, BLANK])


def ask(accounts: Accounts, **given: Any) -> Account:
    return accounts.authenticate(**{"login": None, "password": None, "api_key": None, "md5": False, **given})


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("given", "who"),
    [
        ({"login": "shop", "password": "secret"}, SHOP),
        ({"login": "crm", "password": "пароль"}, CRM),
        ({"api_key": "key-2"}, CRM),
        ({"login": "crm", "password": "nonsense", "api_key": "key-2"}, CRM),
        ({"login": "crm", "password": "пароль", "api_key": "nonsense"}, CRM),
        ({"login": "shop", "password": md5("secret"), "md5": True}, SHOP),
        ({"login": "shop", "password": "secret", "md5": True}, SHOP),
        ({"login": "crm", "password": md5("пароль"), "md5": True}, CRM),
    ],
)
def test_let_in(accounts: Accounts, given: dict[str, Any], who: Account) -> None:
    assert ask(accounts, **given) is who


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"login": "shop"},
        {"login": "shop", "password": ""},
        {"login": "shop", "password": "secret "},
        {"login": "Shop", "password": "secret"},
        {"login": "shop", "password": "пароль"},
        {"login": "shop", "password": md5("secret")},  # only where the dialect has it
        {"login": "shop", "password": md5("secret").upper(), "md5": True},
        {"login": "nobody", "password": "\0nobody\0"},
        {"login": "", "password": "\0nobody\0"},
        {"login": "blank", "password": ""},
        {"login": "blank", "password": md5(""), "md5": True},
        {"api_key": ""},
        {"api_key": "key-3"},
        {"api_key": "\ud800"},
        {"login": "shop", "password": "nonsense", "api_key": "wrong"},
        {"login": "shop", "password": "nonsense", "api_key": "key-2"},  # which is another's
    ],
)
def test_kept_out(accounts: Accounts, given: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        ask(accounts, **given)
    assert refused.value.kind is RefusalKind.UNAUTHORISED
    assert not any(word in str(refused.value) for word in ("secret", "key-"))


@pytest.mark.parametrize("login", ["shop", "nobody"])
def test_passwords_are_compared_in_constant_time(
    accounts: Accounts, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    with pytest.raises(Refusal):
        ask(accounts, login=login, password="guess", md5=True)
    assert [a for a, _ in compared] == [b"guess", b"guess"]  # as often for a wrong name as for a wrong password


def test_a_password_that_is_no_text_is_wrong(accounts: Accounts) -> None:
    with pytest.raises(Refusal):
        ask(accounts, login="shop", password="\ud800")


def test_secrets_do_not_show() -> None:
    assert "secret" not in repr(SHOP)
    assert "key-1" not in repr(SHOP)
