"""Every complaint about a configuration is made at once, with its place and a sentence to act on."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.config import ConfigError, HttpSettings, load, parse, split_listen, warnings

FULL = """
[http]
listen = "[::1]:8080"
[store]
path = "data/modemgw.db"
[[modem]]
name = "a"
port = "/dev/ttyUSB0"
pin = "0123"
[[modem]]
name = "b"
imei = "356938035643809"
smsc = "+79990000001"
[[account]]
login = "shop"
password = "se cret"
api_key = "0123456789abcdef"
on_doubt = "resend"
price = 1.4
[sending]
doubt_window_s = 60
[receiving]
sweep_interval_s = 30
"""


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [str(complaint) for complaint in caught.value.complaints]


def test_a_full_file() -> None:
    found = parse(FULL, Path("/etc/modemgw/modemgw.toml"))
    assert [modem.name for modem in found.modems] == ["a", "b"]
    assert found.store_path == Path("/etc/modemgw/data/modemgw.db")
    account = found.accounts[0].account(7)
    assert (account.id, account.login, account.on_doubt, account.price) == (7, "shop", "resend", "1.4")
    assert "se cret" not in repr(found)
    assert "0123456789abcdef" not in repr(found)


def test_an_empty_file_is_the_defaults() -> None:
    found = parse("")
    assert found.http == HttpSettings()
    assert found.http.listen == "127.0.0.1:8080"
    assert found.modems == []
    assert found.store_path == Path("modemgw.db")


def test_everything_wrong_is_told_at_once_with_its_line() -> None:
    text = """[http]
listen = 8080
lissten = "x"
[[modem]]
name = "a"
port = "/dev/x"
[[modem]]
name = "a"
prt = "/dev/x"
pin = 1234
[account]
login = "x"
[sending]
pause_after = "0"
"""
    assert complaints(text) == [
        "line 2: http.listen: must be a string, in quotes (it is a number)",
        'line 3: http.lissten: unknown key; did you mean "listen"?',
        "line 7: modem[1]: give exactly one of `port` and `imei`",
        'line 8: modem[1].name: "a" is already used by modem[0]',
        'line 9: modem[1].prt: unknown key; did you mean "port"?',
        "line 10: modem[1].pin: must be a string, in quotes (it is a number)",
        "line 11: account: must be a list of tables: write it as [[…]] (it is a table)",
        "line 14: sending.pause_after: must be a whole number, without quotes (it is a string)",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[htp]\n", 'line 1: htp: unknown key; did you mean "http"?'),
        ("[smpp]\nlisten = '2775'\n", 'line 2: smpp.listen: must be "address:port"'),
        ("[smpp]\ntls_cert = 'a.pem'\n", "line 1: smpp: give both `tls_cert` and `tls_key`, or neither"),
        ("[smtp]\nlisten = 'x'\n", "line 2: smtp.listen: must be"),
        ("[smsc]\nlimit = 1\n", 'line 2: smsc.limit: unknown key; did you mean "limits"?'),
        ("[smsc]\nlimits = 1\n", "line 2: smsc.limits: must be true or false, without quotes (it is a number)"),
        ("smsc = 1\n", "line 1: smsc: must be a table: write it as […] (it is a number)"),
        ("[smcs]\n", 'line 1: smcs: unknown key; did you mean "smsc"?'),
        (
            "[[account]]\nlogin='x'\npassword='p'\n[account.smsc]\nhlr = 'no'\n",
            "line 5: account[0].smsc.hlr: must be 'refuse' or 'ping'",
        ),
        ("[[account]]\nlogin='x'\npassword='p'\nallow = ['x']\n", 'line 4: account[0].allow[0]: "x" is no address'),
        (
            "[[account]]\nlogin='x'\npassword='p'\n[[account.prices]]\nprefix='7'\nprice='-1'\n",
            "line 6: account[0].prices[0].price: must be an amount",
        ),
        ("[access]\nblock_after = -1\n", "line 2: access.block_after: must be greater than or equal to 0"),
        (
            "[http]\nlisten = '8080'\n",
            'line 2: http.listen: must be "address:port", such as "127.0.0.1:8080"',
        ),
        ("[http]\nlisten = '::1:80'\n", 'line 2: http.listen: an IPv6 address needs brackets: "[::1]:8080"'),
        ("[http]\nlisten = '1.2.3.400:80'\n", "line 2: http.listen: 1.2.3.400 is not an IP address"),
        ("[http]\nlisten = 'x:99999'\n", "line 2: http.listen: must be"),
        ("[http]\nlisten = ':80'\n", "line 2: http.listen: names no address"),
        ("[[account]]\nlogin = 'x'\n", "line 1: account[0]: give `password` or `api_key`, or both"),
        ("[[account]]\npassword = 'x'\n", "line 1: account[0].login: is missing"),
        (
            "[[account]]\nlogin='x'\npassword=''\n",
            "line 3: account[0].password: must have at least 1 character",
        ),
        (
            "[[account]]\nlogin='x'\npassword='p'\non_doubt='no'\n",
            "line 4: account[0].on_doubt: must be 'hold' or",
        ),
        (
            "[[account]]\nlogin='x'\npassword='p'\nprice='dear'\n",
            "line 4: account[0].price: must be an amount",
        ),
        (
            "[[account]]\nlogin='x'\npassword='p'\ncallback_secret='s'\n",
            "line 1: account[0]: `callback_secret` is of no use without `callback_url`",
        ),
        ("[[modem]]\nname='a'\nport='x'\nimei='356938035643809'\n", "line 1: modem[0]: give exactly one of"),
        ("[[modem]]\nname='a'\nport='x'\npin='12'\n", "line 4: modem[0].pin: must be 4 to 8 digits"),
        ("[http\n", "is not TOML: Expected ']' at the end of a table declaration (at line 1, column 6)"),
        ("http = 1\n", "line 1: http: must be a table: write it as […] (it is a number)"),
    ],
)
def test_sentences(text: str, expected: str) -> None:
    assert complaints(text)[0].startswith(expected)


def test_two_accounts_may_not_share_a_key_and_the_key_is_not_shown() -> None:
    table = "[[account]]\nlogin = '{}'\napi_key = 'k3yk3yk3y'\n"
    assert complaints(table.format("a") + table.format("b")) == [
        "line 6: account[1].api_key: the same key is already used by account[0]"
    ]


def test_lines_inside_a_multi_line_string_are_not_keys() -> None:
    text = "[[account]]\nlogin = 'x'\npassword = '''\nprice = 1\n'''\nprice = 'dear'\n"
    assert complaints(text) == ['line 6: account[0].price: must be an amount, such as "1.40"']


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_bytes(b"[http]\n# \xff\n")
    with pytest.raises(ConfigError, match="line 2: is not UTF-8"):
        load(tmp_path / "x.toml")


def test_warnings_name_ports_that_are_not_there_and_readable_secrets(tmp_path: Path) -> None:
    path = tmp_path / "modemgw.toml"
    text = "[[modem]]\nname = 'a'\nport = '/dev/none'\n[[modem]]\nname = 'b'\nport = 'socket://h:1'\n"
    path.write_text(text + "[[account]]\nlogin = 'x'\npassword = 'p'\n")
    path.chmod(0o644)
    port, mode = warnings(load(path))
    assert port == "modem[0].port: /dev/none does not exist now; modemgw will wait for it"
    assert mode == f"holds secrets and can be read by everybody; run: chmod 600 {path}"
    path.chmod(0o600)
    assert warnings(load(path)) == [port]


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_split_listen(listen: str, expected: tuple[str, int]) -> None:
    assert split_listen(listen) == expected


SURVIVING = [
    ('profile = "huawai"', "modem[0].profile: there is no such profile; the closest: huawei"),
    ('power_cycle = "uhubctl -a cycle"', "modem[0].power_cycle: must be the words of a command"),
    ("power_cycle = []", "modem[0].power_cycle: must be the words of a command"),
    ("power_cycle = [1]", "modem[0].power_cycle: must be the words of a command"),
    ("canary_interval_s = 59", "modem[0].canary_interval_s: must be 0 (no canary) or at least 60"),
    ('number = "mine"', "modem[0].number: must be a phone number"),
    ("usb_reset = 1", "modem[0].usb_reset: must be true or false"),
]


@pytest.mark.parametrize(("line", "complaint"), SURVIVING)
def test_settings_of_recovery_are_checked(line: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'[[modem]]\nname = "a"\nport = "/dev/x"\n{line}\n')
    assert any(complaint in str(found) for found in caught.value.complaints), str(caught.value)


def test_settings_of_recovery() -> None:
    text = 'profile = "quectel"\npower_cycle = ["uhubctl", "-a", "cycle"]\ncanary_interval_s = 3600\ndirect = true\n'
    (modem,) = parse(f'[[modem]]\nname = "a"\nport = "/dev/x"\n{text}').modems
    assert modem.power_cycle == ["uhubctl", "-a", "cycle"]
    assert (modem.profile, modem.canary_interval_s, modem.direct, modem.usb_reset) == ("quectel", 3600, True, False)
