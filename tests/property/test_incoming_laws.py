"""Long messages taken in by the store: any text, any order, copies, references that are used again, restarts.

What runs in the service: `rules.incoming`, `rules.concat_grouping`, `store.intake` and the inbox's queries.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from modemgw.domain.requests import InboxQuery
from modemgw.rules.concat_grouping import JOIN_MS
from modemgw.store import intake, queries
from tests.unit.store.desk import HOUR, MINUTE, SHOP, Desk
from tests.unit.store.pdus import at, parts

messages = st.lists(
    st.tuples(st.integers(2, 4), st.frozensets(st.integers(1, 4), min_size=1), st.sampled_from([8, 16])),
    min_size=1,
    max_size=4,
)


def text_of(number: int, total: int) -> str:
    return "".join(f"{chr(97 + number)}{seq}" * 60 for seq in range(total))


def pdus_of(number: int, total: int, bits: int, seconds: float) -> list[str]:
    text = text_of(number, total)
    pdus = parts(text + "x" * (153 * total - len(text) - 5), seconds=seconds, reference_bits=bits)
    return pdus[:total]


def run(
    sent: list[tuple[int, frozenset[int], int]],
    apart_s: float,
    shuffle: st.DataObject,
    *,
    always: bool,
) -> None:
    """Take in what was sent `apart_s` after one another, and compare with what was sent."""
    whole, halves, stream = set(), [], []
    for number, (total, have, bits) in enumerate(sent):
        pdus = pdus_of(number, total, bits, number * apart_s)
        come = [pdus[seq - 1] for seq in have if seq <= len(pdus)]
        (whole.add(tuple(pdus)) if len(come) == len(pdus) else halves.append(tuple(come)))
        stream += come
    stream += shuffle.draw(st.lists(st.sampled_from(stream), max_size=4)) if stream else []
    order = shuffle.draw(st.permutations(stream))
    restarts = shuffle.draw(st.frozensets(st.integers(0, len(order))))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        desk = stack.enter_context(closing(Desk(str(Path(folder) / "m.db"))))
        for number, pdu in enumerate(order):
            desk.take([pdu])
            desk.now += shuffle.draw(st.sampled_from([0, 1000, 20 * MINUTE]))
            if number in restarts:
                desk.close()
                now, desk = desk.now, stack.enter_context(closing(Desk(str(Path(folder) / "m.db"))))
                desk.now = now
            if always:
                if number in restarts:
                    desk.do(intake.show_partials, desk.now)  # what is shown early is completed in place
                assert {view.pdus for view in queries.inbox(desk.con, InboxQuery(SHOP, 99)) if view.complete} <= whole
        desk.now += HOUR
        desk.do(intake.show_partials, desk.now)
        shown = queries.inbox(desk.con, InboxQuery(SHOP, 99))
        assert {view.pdus for view in shown if view.complete} == whole
        assert sorted(view.pdus for view in shown if not view.complete) == sorted(half for half in halves if half)
        assert all(view.copies >= 1 for view in shown)


LETTERS = ("abc[]€", "Съешь ещё", "👍🏽👨\u200d👩 я", "\x00\n\r\x1b")
letters = st.sampled_from(LETTERS).flatmap(lambda of: st.text(of, max_size=90))
texts = st.lists(letters, max_size=10).map("".join)


@given(texts, st.sampled_from([8, 16]), st.booleans(), st.data())
@settings(max_examples=60)
def test_the_parts_of_any_text_give_it_whole_and_once(text: str, bits: int, timed: bool, data: st.DataObject) -> None:
    """In any order, with copies, over restarts, and where the service centre has no clock."""
    pdus = parts(text, reference_bits=bits)
    if not timed:
        pdus = [pdu.replace(at(n).raw.hex().upper(), "F" * 14, 1) for n, pdu in enumerate(pdus)]
    copies = data.draw(st.lists(st.sampled_from(pdus), max_size=6))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        desk = stack.enter_context(closing(Desk(str(Path(folder) / "m.db"))))
        for pdu in data.draw(st.permutations(pdus + copies)):
            desk.take([pdu])
            desk.now += data.draw(st.sampled_from([0, 1000, 10_000]))
            if data.draw(st.booleans()):
                desk.close()
                now, desk = desk.now, stack.enter_context(closing(Desk(str(Path(folder) / "m.db"))))
                desk.now = now
        desk.now += HOUR
        desk.do(intake.show_partials, desk.now)
        shown = queries.inbox(desk.con, InboxQuery(SHOP, 99))
        assert [(view.text, view.complete, view.parts) for view in shown] == [(text, True, len(pdus))]
        assert desk.rows("SELECT sum(copies) FROM pdus") == [len(pdus) + len(copies)]


@given(messages, st.data())
@settings(max_examples=60)
def test_messages_far_apart_are_never_mixed(sent: list[tuple[int, frozenset[int], int]], data: st.DataObject) -> None:
    """Whatever has come so far: what is shown as complete was sent like that."""
    run(sent, JOIN_MS / 1000 + 10, data, always=True)


@given(messages, st.data())
@settings(max_examples=60)
def test_messages_near_each_other_are_told_apart_at_last(
    sent: list[tuple[int, frozenset[int], int]], data: st.DataObject
) -> None:
    """The same reference again within seconds: when all has come, each part is where it belongs.

    Only what nothing can tell is left out: two halves that make one whole.
    """
    lost = data.draw(st.sampled_from([1, 2]))
    near = [(2, have if {1, 2} <= have else have - {lost}, bits) for _, have, bits in sent]
    run(near, 20, data, always=False)
