"""`[[upstream]]`, `[[route]]`, `[routing]` and `[[alert]]`: what is wrong is said with its place."""

from __future__ import annotations

import pytest

from modemgw.config import ConfigError, parse

ACCOUNT = '[[account]]\nlogin = "shop"\npassword = "x"\n'
SMSC = '[[upstream]]\nname = "smsc"\nkind = "smsc"\nurl = "https://smsc.ru"\nlogin = "a"\npassword = "b"\n'


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ('[[upstream]]\nname = "x"\nkind = "smtp"\n', "upstream[0].kind", "must be 'smsc'"),
        ('[[upstream]]\nname = "x"\nkind = "http"\nurl = "http://a.example/b"\n', "upstream[0].accepted", "is missing"),
        ('[[upstream]]\nname = "x"\nkind = "smsc"\nlogin = "a"\npassword = "b"\n', "upstream[0].url", "is missing"),
        (SMSC.replace("https://smsc.ru", "ftp://smsc.ru"), "upstream[0].url", "must begin with https://"),
        (SMSC.replace("https://smsc.ru", "https://a:b@smsc.ru"), "upstream[0].url", "credentials"),
        (SMSC + 'sendr = "X"\n', "upstream[0].sendr", "is not known to this kind"),
        (SMSC + SMSC, "upstream[1].name", "already used"),
        (SMSC + '[[modem]]\nname = "smsc"\nport = "/dev/null"\n', "upstream[0].name", "already the name of a modem"),
        (SMSC + '[[route]]\nways = ["bsg"]\n[[modem]]\nname = "a"\nport = "/dev/null"\n', "route[0].ways", "no line"),
        (SMSC + '[[route]]\nname = "r"\n', "route[0]", "needs ways, or deny"),
        (SMSC + '[[route]]\nways = ["smsc"]\ndeny = "no"\n', "route[0].deny", "has no ways"),
        (SMSC + '[[route]]\nways = ["smsc"]\n[[route]]\nways = ["sim:*"]\n', "route[1]", "can never be reached"),
        (
            SMSC + '[[route]]\nways = ["smsc"]\nmatch = { priority_min = 5, priority_max = 1 }\n',
            "route[0].match",
            "can never fit",
        ),
        (SMSC + '[[route]]\nways = ["smsc"]\nmatch = { account = "nobody" }\n', "route[0].match.account", "no account"),
        (SMSC + '[[route]]\nways = ["smsc"]\nmatch = { time = "25:00-26:00" }\n', "route[0].match.time", "span"),
        ('[[upstream]]\nname = "x"\nkind = "smpp"\nurl = "https://a"\nlogin = "l"\n', "upstream[0].url", "smpp://"),
        (
            '[[upstream]]\nname = "x"\nkind = "smpp"\nurl = "smpp://a:1"\nlogin = "l"\nlong = "zip"\n',
            "upstream[0].long",
            "must be one of udh, sar, payload",
        ),
        ('[[alert]]\nname = "a"\n', "alert[0]", "tells nobody"),
        ('[[alert]]\nname = "a"\non = "rain"\nsms = "+79990000001"\n', "alert[0].on", '"rain" is no condition'),
        ('[[alert]]\nname = "a"\nwebhook = "gopher://a.example"\n', "alert[0].webhook", "must begin with https://"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, place: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(ACCOUNT + text)
    told = [(complaint.place, complaint.reason) for complaint in refused.value.complaints]
    assert any(where == place and says in reason for where, reason in told), told


@pytest.mark.parametrize("accept", ["sometimes", "within:", "within:0s", "within:x"])
def test_accept_is_one_of_three(accept: str) -> None:
    with pytest.raises(ConfigError, match="within:60s"):
        parse(f'{ACCOUNT}accept = "{accept}"\n')


def test_accept_within_a_time() -> None:
    account = parse(f'{ACCOUNT}accept = "within:90s"\n').accounts[0].account(1)
    assert (account.accept, account.accept_within_s) == ("within", 90)
