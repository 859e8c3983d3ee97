"""Callbacks on real sockets: order, patience, independence of receivers, restarts, replies."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Generator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from modemgw.dialects.seam import CallbackReply, Occurrence, Submit
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackRequest, CallbackState
from modemgw.domain.message import Accepted, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command
from modemgw.domain.states import State
from tests.rig import until
from tests.unit.service.callback_desk import QUICK, Got, account, calling, listening, plain, receiving


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "modemgw.db"


async def test_each_change_after_acceptance_is_told_once_and_in_order(path: Path) -> None:
    async with receiving() as shop, calling(path, account(shop.url)) as desk:
        message = await desk.message()
        await desk.become(message, "sending", "sent", "delivered")
        assert await shop.until_got(3) == [f"{message} sending", f"{message} sent", f"{message} delivered"]
        await desk.until_states("done", "done", "done")
        assert [got.headers["X-Modemgw-Callback"] for got in shop.got] == ["1", "2", "3"]


async def test_incoming_texts_are_told(path: Path) -> None:
    async with receiving() as shop, calling(path, account(shop.url)) as desk:
        await desk.incoming("Да")
        await desk.incoming("half", "inbox.partial")
        await desk.incoming("part", "inbox.part_added")
        await desk.incoming("whole", "inbox.completed")
        assert sorted(await shop.until_got(3)) == ["in 1 Да", "in 2 half", "in 4 whole"]


async def test_an_account_without_a_url_is_told_nothing(path: Path) -> None:
    async with calling(path, account(None)) as desk:
        await desk.message("sent", extra='{"callback": "http://127.0.0.1:9/"}')
        await desk.incoming("Hello")
        assert await desk.views() == []


async def test_the_next_of_a_stream_waits_until_the_one_before_was_answered_2xx(path: Path) -> None:
    failures = [500, 503, 302, 404]

    def answer(_got: Got) -> web.Response:
        return web.Response(status=failures.pop(0)) if failures else web.Response(text="OK")

    async with receiving(answer) as shop, calling(path, account(shop.url)) as desk:
        message = await desk.message()
        await desk.become(message, "sent", "delivered")
        await desk.until_states("done", "done")
        assert shop.bodies == [f"{message} sent"] * 5 + [f"{message} delivered"]
        assert [got.headers["X-Modemgw-Try"] for got in shop.got] == ["1", "2", "3", "4", "5", "1"]


async def test_streams_do_not_wait_for_each_other(path: Path) -> None:
    def answer(got: Got) -> web.Response:
        return web.Response(status=500 if got.body.startswith(b"1 ") else 200)

    async with receiving(answer) as shop, calling(path, account(shop.url)) as desk:
        for _ in range(3):
            await desk.message("sent")
        await desk.until_states("waiting", "done", "done")
        first = (await desk.views(CallbackState.WAITING))[0]
        assert first.status == 500
        assert first.error == "The receiver answered 500; 2xx is expected."


async def test_a_redirect_is_not_followed_and_says_so(path: Path) -> None:
    async with receiving() as other:

        def answer(_got: Got) -> web.Response:
            return web.Response(status=301, headers={"Location": other.url})

        async with receiving(answer) as shop, calling(path, account(shop.url)) as desk:
            await desk.message("sent")
            await shop.until_got(2)
            (view,) = await desk.views()
            assert view.error == (
                f"The receiver answered 301 and points to {other.url}. Callbacks follow no redirects: "
                "configure the final address."
            )
            assert other.got == []


async def test_gone_means_gone(path: Path) -> None:
    async with receiving(lambda _got: web.Response(status=410)) as shop, calling(path, account(shop.url)) as desk:
        message = await desk.message()
        await desk.become(message, "sent", "delivered")
        await desk.until_states("dropped", "dropped")
        assert len(shop.got) == 2
        assert [kind for kind, _ in await desk.events()] == ["callback.dropped", "callback.dropped"]


async def test_what_is_never_taken_is_given_up_and_says_so(path: Path) -> None:
    limits = replace(QUICK, give_up_ms=1_500)
    async with (
        receiving(lambda _got: web.Response(status=500)) as shop,
        calling(path, account(shop.url + "?md5=secret"), limits=limits) as desk,
    ):
        message = await desk.message()
        await desk.become(message, "sent")
        (view,) = await desk.until_states("failed")
        assert view.tries == len(shop.got) >= 3
        ((kind, data),) = await desk.events()
        assert kind == "callback.failed"
        told = json.loads(data or "{}")
        assert told["url"] == shop.url, "an event shows no secrets"
        assert told["error"] == "The receiver answered 500; 2xx is expected."
        await desk.become(message, "delivered")
        await desk.until_states("failed", "failed")


async def test_dead_hanging_and_rude_receivers_are_failures_in_words(path: Path) -> None:
    async def close_at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def talk_nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    async with listening(close_at_once) as early, listening(say_nothing) as hangs, listening(talk_nonsense) as mail:
        cases = {
            "http://127.0.0.1:9/cb": "The receiver cannot be reached: ",
            early: "The receiver closed the connection without an answer.",
            hangs: "The receiver did not answer within 0.4 s.",
            mail: "What answers is not HTTP (ClientResponseError).",
            "http://no-such-host.invalid/": "The host no-such-host.invalid is not known.",
            "http://[::1/": "",
        }
        shop = account("http://127.0.0.1:9/", callback_any_url=True, callback_networks=("127.0.0.1",))
        async with calling(path, replace(shop, callback_url=None), total_s=0.4) as desk:
            for url in cases:
                await desk.message("sent", extra=json.dumps({"callback": url}))

            async def tried() -> bool:
                views = await desk.views()
                return len(views) == 5 and all(view.tries for view in views)

            await until(tried, 5, lambda: "every callback tried")
            views = {view.url: view for view in await desk.views()}
            for url, reason in cases.items():
                if reason:
                    assert (views[url].error or "").startswith(reason), url
                    assert views[url].status is None
            ((kind, data),) = await desk.events()
            assert kind == "callback.ignored"
            assert json.loads(data or "{}") == {"reason": "The URL is not a URL."}


async def test_an_endless_answer_is_cut_and_counts(path: Path) -> None:
    async def answer(_got: Got) -> web.StreamResponse:
        return web.Response(body=b"x" * 10_000_000)

    async with receiving(answer) as shop, calling(path, account(shop.url)) as desk:
        await desk.message("sent")
        await desk.until_states("done")


async def test_a_thousand_callbacks_to_a_dead_host_do_not_delay_another(path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(say_nothing) as dead, receiving() as alive:
        shop = account(alive.url, callback_any_url=True)

        def both(event: Occurrence, account: Account) -> list[CallbackRequest]:
            assert event.message is not None
            hosts = [dead] * 1000 if event.message.state is State.SENT else [alive.url]
            return [CallbackRequest(url, f"{event.event_id}.{n}") for n, url in enumerate(hosts)]

        async with calling(path, shop, renderers={"plain": both}, total_s=20) as desk:
            message = await desk.message("sent")

            async def queued() -> bool:
                return (await desk.callbacks.counts())["waiting"] == 1000

            await until(queued, 5, lambda: "1000 queued")
            begun = asyncio.get_running_loop().time()
            await desk.become(message, "delivered")
            await alive.until_got(1, 2)
            assert asyncio.get_running_loop().time() - begun < 1


async def test_many_dead_hosts_leave_places_for_the_living(path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with receiving() as alive:
        shop = account(alive.url, callback_any_url=True)
        async with calling(path, shop, total_s=20) as desk:
            await desk.message("sent")  # the host is known to answer
            await desk.until_states("done")
            async with AsyncExitStack() as stack:
                for _ in range(40):
                    url = await stack.enter_async_context(listening(say_nothing))
                    await desk.message("sent", extra=json.dumps({"callback": url}))
                assert len(await alive.until_got(41, 3)) == 41


async def test_a_host_gets_four_at_a_time_and_one_until_it_has_answered(path: Path) -> None:
    release = asyncio.Event()

    async def answer(got: Got) -> web.Response:
        if not got.body.startswith(b"1 "):
            await release.wait()
        return web.Response()

    async with receiving(answer) as shop, calling(path, account(shop.url), total_s=10) as desk:
        for _ in range(12):
            await desk.message("sent")
        await shop.until_got(5)
        await asyncio.sleep(0.1)
        assert (len(shop.got), shop.most_open) == (5, 4)
        release.set()
        await shop.until_got(12)
        assert shop.most_open == 4


async def test_a_host_that_answers_again_is_served_at_once(path: Path) -> None:
    limits = replace(QUICK, backoff_ms=(50, 3_600_000))
    dead = True

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if not dead:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()

    async with listening(refuse) as url, calling(path, account(url), limits=limits) as desk:
        for _ in range(5):
            await desk.message("sent")

        async def parked() -> bool:
            views = await desk.views()
            return len(views) == 5 and all(view.tries >= 2 for view in views)

        await until(parked, 5, lambda: "all wait for an hour")
        dead = False
        await desk.message("sent")  # its own first try finds the host alive
        await desk.until_states(*["done"] * 6)


# -- restarts -------------------------------------------------------------------------------------------------


async def test_a_restart_loses_none_and_makes_none_twice(path: Path) -> None:
    async with receiving() as shop:
        async with calling(path, account(shop.url)) as desk:
            message = await desk.message("sent")
            await desk.until_states("done")
        async with calling(path, account(shop.url)) as desk:
            await desk.become(message, "delivered")
            await desk.until_states("done", "done")
        assert shop.bodies == [f"{message} sent", f"{message} delivered"]


async def test_a_kill_at_any_moment_loses_none(path: Path, tmp_path: Path) -> None:
    """The database is copied again and again while callbacks run, and each copy gone on with."""
    accepting = False

    async def answer(_got: Got) -> web.Response:
        return web.Response(status=200 if accepting else 503)

    async with receiving(answer) as shop:
        copies = []
        async with calling(path, account(shop.url)) as desk:
            messages = []
            for n in range(6):
                messages.append(await desk.message())
                await desk.become(messages[-1], "sent")
                copy = tmp_path / f"copy{n}.db"
                shutil.copy(path.with_name(path.name + "-wal"), copy.with_name(copy.name + "-wal"))
                shutil.copy(path, copy)
                copies.append((copy, list(messages)))
                accepting = n >= 3
        accepting = True
        for copy, known in copies:
            before = len(shop.got)
            async with calling(copy, account(shop.url)) as desk:
                views = await desk.until_states(*["done"] * len(known))
                assert [view.message_id for view in views] == known
            told = {body.split(" ", 1)[0] for body in shop.bodies[before:]}
            assert told <= {str(message) for message in known}


async def test_what_happened_while_callbacks_were_not_configured_stays_untold(path: Path) -> None:
    async with receiving() as shop:
        async with calling(path, account(None)) as desk:
            await desk.message("sent")
        async with calling(path, account(shop.url)) as desk:
            second = await desk.message("sent")
            await desk.until_states("done")
        async with calling(path, account(None)) as desk:
            await desk.message("sent")
        async with calling(path, account(shop.url)) as desk:
            fourth = await desk.message("sent")
            await desk.until_states("done", "done")
        assert shop.bodies == [f"{second} sent", f"{fourth} sent"]


async def test_what_waits_follows_a_changed_callback_url_and_ends_with_a_removed_one(path: Path) -> None:
    async with receiving() as shop:
        async with calling(path, account("http://127.0.0.1:9/typo")) as desk:
            await desk.message("sent")
            await desk.message("sent")
        async with calling(path, account(shop.url)) as desk:
            await desk.until_states("done", "done")
        async with calling(path, account("http://127.0.0.1:9/typo")) as desk:
            await desk.message("sent")

            async def tried() -> bool:
                return (await desk.views())[-1:][0].tries > 0 if len(await desk.views()) == 3 else False

            await until(tried, 5, lambda: "a third try")
        async with calling(path, account(None)) as desk:
            views = await desk.until_states("done", "done", "dropped")
            assert views[-1].error == "callback_url was taken out of the configuration."


# -- URLs of requests -----------------------------------------------------------------------------------------


async def test_a_message_may_name_a_url_below_the_accounts_own(path: Path) -> None:
    async with receiving() as shop, calling(path, account(shop.url)) as desk:
        message = await desk.message("sent", extra=json.dumps({"callback": shop.url + "/dlr?id=%EF"}))
        await shop.until_got(2)
        assert sorted(got.path for got in shop.got) == ["/cb", "/cb/dlr?id=%EF"]
        outside = await desk.message()
        for state in ("sent", "delivered"):
            await desk.store.write(
                lambda tx: tx.execute(
                    "UPDATE messages SET extra = ? WHERE id = ?", ('{"callback": "http://127.0.0.1:9/x?s=1"}', outside)
                )
            )
            await desk.become(outside, state)
        await shop.until_got(4)
        ((kind, data),) = await desk.events()
        assert kind == "callback.ignored"
        assert json.loads(data or "{}") == {
            "reason": "The account may not name URLs: it needs callback_any_url, or a URL below its callback_url.",
            "url": "http://127.0.0.1:9/x",
        }
        assert message != outside


async def test_a_message_names_nothing_in_a_private_network(path: Path) -> None:
    async with receiving() as inside:
        shop = account(None, callback_any_url=True)
        by_name = inside.url.replace("127.0.0.1", "localhost")
        async with calling(path, shop) as desk:
            await desk.message("sent", extra=json.dumps({"callback": inside.url}))
            await desk.message("sent", extra=json.dumps({"callback": by_name}))
            (view,) = await desk.until_states("failed")
            assert view.error == (
                "localhost is 127.0.0.1, an address of a private network, which a request may not have called: "
                "list the network in the account's callback_networks, or give a callback_url there."
            )
            (ignored, why), (failed, _) = await desk.events()
            assert (ignored, failed) == ("callback.ignored", "callback.failed")
            assert "list that in the account's callback_networks" in (why or "")
        assert inside.got == []
        async with calling(path, replace(shop, callback_networks=("127.0.0.0/8",))) as desk:
            await desk.message("sent", extra=json.dumps({"callback": by_name}))
            await inside.until_got(1)


@pytest.mark.parametrize(
    "request_",
    [
        CallbackRequest("http://127.0.0.1/", "s", headers={"X-A": "1\r\nX-Evil: 2"}),
        CallbackRequest("http://127.0.0.1/", "s", headers={"X-A: 1\r\nX-Evil": "2"}),
        CallbackRequest("http://127.0.0.1/", "s", headers={"Host": "elsewhere"}),
        CallbackRequest("http://127.0.0.1/", "s", headers={"Transfer-Encoding": "chunked"}),
        CallbackRequest("http://127.0.0.1/", "s", method="GET / HTTP/1.1\r\nX:"),
        CallbackRequest("http://127.0.0.1/ HTTP/1.1\r\nX-Evil: 2", "s"),
        CallbackRequest("file:///etc/passwd", "s"),
        CallbackRequest("http://127.0.0.1/" + "x" * 5000, "s"),
    ],
)
async def test_a_request_that_cannot_be_sent_as_it_is_is_not_sent(path: Path, request_: CallbackRequest) -> None:
    async with calling(path, account("http://127.0.0.1:9/"), renderers={"plain": lambda *_: [request_]}) as desk:
        await desk.message("sent")

        async def noted() -> bool:
            return [kind for kind, _ in await desk.events()] == ["callback.ignored"]

        await until(noted, 5, lambda: "an event")
        assert await desk.views() == []


async def test_a_dialect_that_stumbles_stops_nobody(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def stumbles(event: Occurrence, account: Account) -> list[CallbackRequest]:
        if event.message is not None and event.message.id == 1:
            raise KeyError("oops")
        return plain(event, account)

    async with receiving() as shop, calling(path, account(shop.url), renderers={"plain": stumbles}) as desk:
        await desk.message("sent")
        await desk.message("sent")
        assert await shop.until_got(1) == ["2 sent"]
        assert [kind for kind, _ in await desk.events()] == ["callback.ignored"]


# -- replies --------------------------------------------------------------------------------------------------


class Gateway:
    """Takes what replies submit, as a store does: once for each client_ref."""

    def __init__(self) -> None:
        self.taken: dict[str, str] = {}
        self.unavailable = 0

    async def drive(self, steps: Generator[Command, Any, None]) -> None:
        try:
            command = next(steps)
            while True:
                try:
                    result = self.run(command)
                except Refusal as refusal:
                    command = steps.throw(refusal)
                else:
                    command = steps.send(result)
        except StopIteration:
            return

    def run(self, command: Command) -> Any:
        assert isinstance(command, Submit)
        results: list[Accepted] = []
        if self.unavailable:
            self.unavailable -= 1
            raise Refusal(RefusalKind.UNAVAILABLE, "The disk is full.")
        for submission in command.submissions:
            assert submission.client_ref is not None
            self.taken.setdefault(submission.client_ref, submission.text or "")
            results.append(Accepted(1, State.QUEUED, "gsm7", 1, True))
        return results


def answer_back(reply: CallbackReply) -> Generator[Command, Any, None]:
    text = reply.body.decode()
    if text:
        yield Submit(reply.account, [Submission(to="+79161234567", text=text)])


async def test_the_body_of_an_answer_goes_back_once_though_the_outcome_was_lost(path: Path, tmp_path: Path) -> None:
    gateway = Gateway()
    copy = tmp_path / "copy.db"

    async def answer(_got: Got) -> web.Response:
        if not copy.exists():  # the process dies after the answer and before its outcome is kept
            shutil.copy(path.with_name(path.name + "-wal"), copy.with_name(copy.name + "-wal"))
            shutil.copy(path, copy)
        return web.Response(text="Thank you")

    async with receiving(answer) as shop:
        for place in (path, copy):
            async with calling(place, account(shop.url), repliers={"plain": answer_back}, drive=gateway.drive) as desk:
                if place is path:
                    await desk.incoming("Hello")
                await desk.until_states("done")
        assert len(shop.got) == 2
        assert gateway.taken == {"modemgw:callback:1:0": "Thank you"}


async def test_a_reply_that_could_not_be_stored_is_asked_for_again(path: Path) -> None:
    gateway = Gateway()
    gateway.unavailable = 2
    async with (
        receiving(lambda _got: web.Response(text="Yes")) as shop,
        calling(path, account(shop.url), repliers={"plain": answer_back}, drive=gateway.drive) as desk,
    ):
        await desk.incoming("Hello")
        await desk.until_states("done")
    assert (len(shop.got), gateway.taken) == (3, {"modemgw:callback:1:0": "Yes"})


# -- seen and replayed ----------------------------------------------------------------------------------------


async def test_replay_makes_them_again_in_order(path: Path) -> None:
    broken = True

    def answer(_got: Got) -> web.Response:
        return web.Response(status=500 if broken else 200)

    limits = replace(QUICK, give_up_ms=30)
    async with receiving(answer) as shop, calling(path, account(shop.url), limits=limits) as desk:
        first = await desk.message()
        await desk.become(first, "sent", "delivered")
        await desk.until_states("failed", "failed")
        broken = False
        shop.got.clear()
        assert await desk.callbacks.replay(desk.account, failed=True) == 2
        await desk.until_states("done", "done")
        assert shop.bodies == [f"{first} sent", f"{first} delivered"]
        assert await desk.callbacks.replay(desk.account, id=2) == 1
        assert await desk.callbacks.replay(desk.account, since=0) in (1, 2)
        await desk.until_states("done", "done")
        with pytest.raises(Refusal, match="There is no callback 99"):
            await desk.callbacks.replay(desk.account, id=99)
        with pytest.raises(Refusal):
            await desk.callbacks.replay(Account(id=2, login="other"), id=1)


async def test_old_ones_are_removed_and_their_ids_not_given_again(path: Path) -> None:
    async with receiving() as shop:
        async with calling(path, account(shop.url)) as desk:
            await desk.message("sent")
            await desk.until_states("done")
            await desk.store.write(lambda tx: tx.execute("UPDATE callbacks SET ended_at = 1"))
        async with calling(path, account(shop.url)) as desk:
            await desk.until_states()
            await desk.message("sent")
            (view,) = await desk.until_states("done")
            assert view.id == 2


async def test_the_history_is_followed_without_writing_while_there_is_nothing_to_tell(path: Path) -> None:
    shop = account(None, callback_any_url=True)
    async with calling(path, shop) as desk:
        await desk.message("sent")
        before = desk.store.commits
        for _ in range(5):
            await desk.message("sent")
        await asyncio.sleep(0.2)
        assert desk.store.commits == before + 10  # two for each message
