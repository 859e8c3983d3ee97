"""Every kind of `[[upstream]]` against its vectors (tests/vectors/upstream), and laws that hold for all of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, cast, get_args
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.config.upstream import Kind
from modemgw.dialects.seam import WireRequest
from modemgw.dialects.upstream import NotGenuine, Told, UpstreamCodec
from modemgw.dialects.upstreams import CODECS, codec_of
from modemgw.domain.upstream import (
    FindAnswer,
    Presence,
    SendAnswer,
    TryOutcome,
    UpstreamAccount,
    UpstreamMessage,
    WireAnswer,
    WireCall,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "upstream"
NOW = 1_700_000_000_000
URL = "https://sms.example/upstream/token"


def load(kind: str) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads((VECTORS / f"{kind}.json").read_text(encoding="utf-8")))


def account_of(document: dict[str, Any]) -> UpstreamAccount:
    return UpstreamAccount(**{"callback_url": URL, **document["account"]})


def message_of(document: dict[str, Any]) -> UpstreamMessage:
    return UpstreamMessage(**document["message"])


ROWS = [
    pytest.param(kind, row, id=f"{kind}: {row['name']}")
    for kind in sorted(path.stem for path in VECTORS.glob("*.json"))
    for row in load(kind)["rows"]
]


def test_every_kind_has_a_codec_and_vectors() -> None:
    kinds = set(get_args(Kind)) - {"smpp"}
    missing = kinds - set(CODECS)
    assert not missing, f"no codec in dialects/upstreams.py for: {', '.join(sorted(missing))}"
    assert {path.stem for path in VECTORS.glob("*.json")} == kinds


@pytest.mark.parametrize(("kind", "row"), ROWS)
def test_vectors(kind: str, row: dict[str, Any]) -> None:
    document = load(kind)
    codec, account, message = codec_of(kind), account_of(document), message_of(document)
    if "message" in row:
        message = UpstreamMessage(**{**document["message"], **row["message"]})
    if "account" in row:
        account = UpstreamAccount(**{"callback_url": URL, **document["account"], **row["account"]})
    if "request" in row:
        call = _call(codec, account, message, row)
        assert call is not None
        _compare_call(call, row["is"])
    elif "told" in row:
        if row["is"] == "not genuine":
            with pytest.raises(NotGenuine):
                _tell(codec, account, row)
        else:
            _compare(_tell(codec, account, row), row["is"])
    else:
        _compare(_read(codec, account, message, row), row["is"])


def _call(
    codec: UpstreamCodec, account: UpstreamAccount, message: UpstreamMessage, row: dict[str, Any]
) -> WireCall | None:
    match row["request"]:
        case "send":
            return codec.send(account, message, NOW)
        case "find":
            return codec.find(account, message, NOW)
        case "fates":
            return codec.fates(account, [tuple(pair) for pair in row["ids"]], NOW)
        case "balance":
            return codec.balance(account)
        case "inbox":
            return codec.inbox(account, row.get("after", ""), NOW)
    raise AssertionError(row["request"])


def _read(codec: UpstreamCodec, account: UpstreamAccount, message: UpstreamMessage, row: dict[str, Any]) -> object:
    body = row["body"] if isinstance(row["body"], str) else json.dumps(row["body"])
    answer = WireAnswer(row["status"], row.get("headers", {}), body.encode())
    ids = [tuple(pair) for pair in row.get("ids", ())]
    match row["read"]:
        case "sent":
            return codec.sent(account, message, answer)
        case "found":
            return codec.found(account, message, answer)
        case "read_fates":
            return codec.read_fates(account, ids, answer)
        case "read_balance":
            return codec.read_balance(account, answer)
        case "read_inbox":
            return codec.read_inbox(account, row.get("after", ""), answer)
    raise AssertionError(row["read"])


def _tell(codec: UpstreamCodec, account: UpstreamAccount, row: dict[str, Any]) -> Told:
    told = row["told"]
    body = told.get("body", "")
    body = body if isinstance(body, str) else json.dumps(body)
    for name, signed in row.get("sign", {}).items():
        body += f"&{name}={hashlib.new(name, signed.encode()).hexdigest()}"
    request = WireRequest(
        told["method"],
        urlsplit(URL).path,
        told.get("query", "").encode(),
        told.get("headers", {}),
        body.encode(),
        "192.0.2.1",
        NOW,
    )
    return codec.told(account, request, URL)


def _compare_call(call: WireCall, wanted: dict[str, Any]) -> None:
    assert call.method == wanted["method"]
    assert call.url.partition("?")[0] == wanted["url"]
    if "form" in wanted:
        assert dict(parse_qsl(call.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)) == wanted["form"]
    if "query" in wanted:
        assert dict(parse_qsl(urlsplit(call.url).query, keep_blank_values=True)) == wanted["query"]
    if "json" in wanted:
        assert json.loads(call.body) == wanted["json"]
    if "body" in wanted:
        assert call.body.decode() == wanted["body"]
    for name, value in wanted.get("headers", {}).items():
        assert call.headers.get(name) == value


def _compare(found: object, wanted: object) -> None:
    plain = _plain(found)
    assert _fits(plain, wanted), f"{plain} does not have {wanted}"


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _fits(found: object, wanted: object) -> bool:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and _fits(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_fits, found, wanted))
    return found == wanted


# -- laws -------------------------------------------------------------------------------------------------------------

KINDS = sorted(CODECS)
KEYS = ["id", "status", "error", "error_code", "sid", "message", "code", "state", "balance", "items"]
STATUSES = [200, 201, 202, 204, 301, 400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503]
ANYTHING = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "status", "error", "error_code", "sid", "message", "code", "state", "balance", "items"]
                )
                | st.text(max_size=8),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
)


@pytest.mark.parametrize("kind", KINDS)
@given(
    body=ANYTHING,
    status=st.sampled_from(STATUSES),
)
def test_whatever_comes_back_nothing_is_raised_and_nothing_is_made_up(kind: str, body: bytes, status: int) -> None:
    document, codec = load(kind), codec_of(kind)
    account, message = account_of(document), message_of(document)
    answer = WireAnswer(status, {"content-type": "application/json"}, body)
    sent = codec.sent(account, message, answer)
    assert isinstance(sent, SendAnswer)
    if sent.outcome is TryOutcome.ACCEPTED:
        assert status < 300
    if sent.outcome is not TryOutcome.ACCEPTED:
        assert sent.reason
    assert isinstance(codec.found(account, message, answer), FindAnswer)
    codec.read_fates(account, [("1", message.to)], answer)
    codec.read_balance(account, answer)
    codec.read_inbox(account, "", answer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [500, 502, 504, 408, 425])
@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"{}", b"null"])
def test_what_says_nothing_is_unknown(kind: str, status: int, body: bytes) -> None:
    document, codec = load(kind), codec_of(kind)
    answer = codec.sent(
        account_of(document), message_of(document), WireAnswer(status, {"content-type": "text/html"}, body)
    )
    assert answer.outcome is TryOutcome.UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_with_status_200_is_unknown_and_proves_no_absence(kind: str) -> None:
    document, codec = load(kind), codec_of(kind)
    account, message = account_of(document), message_of(document)
    page = WireAnswer(200, {"content-type": "text/html"}, b"<!doctype html><title>Sign in</title>")
    assert codec.sent(account, message, page).outcome is TryOutcome.UNKNOWN
    assert codec.found(account, message, page).presence is Presence.UNCLEAR
    assert codec.read_fates(account, [("1", message.to)], page) is None
    assert codec.read_balance(account, page).amount is None


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_in_a_reason(kind: str) -> None:
    document, codec = load(kind), codec_of(kind)
    account, message = account_of(document), message_of(document)
    for status in (200, 400, 401, 500):
        body = json.dumps({"error": account.password, "message": account.password, "error_code": 2}).encode()
        reason = codec.sent(account, message, WireAnswer(status, {}, body)).reason
        assert message.text not in reason


@pytest.mark.parametrize("kind", KINDS)
def test_the_configuration_of_the_vectors_is_right_and_an_empty_one_is_not(kind: str) -> None:
    codec = codec_of(kind)
    assert list(codec.problems(account_of(load(kind)))) == []
    assert list(codec.problems(UpstreamAccount("x", "", options={"colour": "red"}))) != []
