"""What is refused before anybody is asked who they are, on real sockets: foreign pages, names that are not ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientSession

from modemgw.dialects.smsc import DIALECT
from modemgw.servers.http.doorstep import Doorstep
from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable[DialectRig]]

OURS = "gw.example.org"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        # programs are not asked
        ("POST", "/v1/messages", {"Host": "any.name"}, None),
        ("GET", "/sys/send.php", {"Host": ""}, None),
        # pages of ours
        ("POST", "/v1/messages", {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}, None),
        ("POST", "/v1/messages", {"Host": "[::1]:8080", "Origin": "http://[::1]:8080"}, None),
        ("POST", "/v1/messages", {"Host": "localhost:8080", "Sec-Fetch-Site": "same-origin"}, None),
        ("POST", "/ui/send", {"Host": OURS, "Origin": f"https://{OURS}", "Cookie": "a=b"}, None),
        ("POST", "/ui/send", {"Host": "127.0.0.1:8080", "Origin": f"https://{OURS}"}, None),  # a proxy's doing
        ("GET", "/docs", {"Host": "pi.lan", "Sec-Fetch-Site": "none"}, None),
        ("GET", "/docs", {"Host": OURS, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, None),
        ("GET", "/ui/x", {"Host": OURS, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, None),
        # names that are not ours
        ("GET", "/ui/", {"Host": "evil.example"}, 421),
        ("GET", "/v1/inbox", {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}, 421),
        ("GET", "/metrics", {"Host": "evil.example", "Sec-Fetch-Mode": "cors"}, 421),
        ("GET", "/v1/inbox", {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}, 421),
        ("GET", "/v1/inbox", {"Host": "evil.example", "Cookie": "a=b"}, 421),
        ("GET", "/v1/inbox", {"Host": "gw.example.org.evil.example", "Cookie": "a=b"}, 421),
        ("GET", "/v1/inbox", {"Host": "[", "Cookie": "a=b"}, 421),
        # pages of others
        ("POST", "/v1/messages", {"Host": OURS, "Origin": "https://evil.example"}, 403),
        ("POST", "/v1/messages", {"Host": OURS, "Origin": "null"}, 403),
        ("POST", "/v1/messages", {"Host": "localhost:8080", "Origin": "http://localhost:3000"}, 403),
        ("POST", "/v1/messages", {"Host": OURS, "Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", "/sys/balance.php", {"Host": OURS, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("GET", "/sys/send.php", {"Host": OURS, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ("GET", "/sys/send.php", {"Host": OURS, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("POST", "/ui/send", {"Host": OURS, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ],
)
def test_who_is_let_in(method: str, path: str, headers: dict[str, str], status: int | None) -> None:
    found = Doorstep(["pi.lan"], f"https://{OURS.upper()}/sms").refusal(method, path, headers)
    assert (None if found is None else found[0]) == status


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_foreign_page_cannot_lock_anybody_out(serve_dialect: Serve, headers: dict[str, str]) -> None:
    rig = await serve_dialect(DIALECT, config="[access]\nblock_after = 3\n")
    for number in range(20):
        url = f"/sys/balance.php?login=x&psw={number}&fmt=3"
        async with rig.http.get(url, headers=headers) as response:
            assert response.status == 403
            assert (await response.json(content_type=None))["error_code"] != 4
            assert response.headers["X-Modemgw-Reason"].startswith("A page of another site")
    async with rig.http.get("/sys/balance.php?login=x&psw=wrong&fmt=3") as response:
        assert (await response.json(content_type=None))["error_code"] == 2


async def test_problems_of_the_native_api(client: ClientSession) -> None:
    async with client.get("/v1/modems", headers={"Host": "evil.example", "Cookie": "a=b"}) as response:
        assert response.status == 421
        problem = await response.json(content_type=None)
    assert problem["type"] == "/docs#wrong_host"
    assert problem["detail"] == "This gateway is not known as 'evil.example'; add the name to `hosts` in [http]."
    async with client.get("/no/such/path", headers={"Sec-Fetch-Site": "cross-site"}) as response:
        assert response.status == 403
