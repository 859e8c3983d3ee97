"""What comes in: kept raw, once, whole or with its gaps, labelled (docs/architecture.md rule 3)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from modemgw.domain.inbox import InboxKind, InboxView, MmsView
from modemgw.domain.requests import InboxQuery
from modemgw.rules.incoming import Incoming, RawPdu, understand
from modemgw.sms import Address, SmsDeliver, Udh, encode_pdu, plan, segment
from modemgw.sms.dcs import Dcs
from modemgw.sms.udh import InformationElement
from modemgw.store import intake, queries
from tests.unit.sms.test_mms import vectors
from tests.unit.store.desk import HOUR, LONG, MINUTE, SHOP, START, Desk, line_of
from tests.unit.store.pdus import SENDER, at, binary, deliver, parts, report


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def inbox(desk: Desk) -> list[InboxView]:
    return queries.inbox(desk.con, InboxQuery(SHOP, 1000))


def kinds(desk: Desk) -> list[str]:
    return desk.rows("SELECT kind FROM events WHERE kind LIKE 'inbox.%' ORDER BY id")


def test_a_text(desk: Desk) -> None:
    assert desk.take([deliver("Привет 👋")]) == 1
    (view,) = inbox(desk)
    assert (view.line, view.sender, view.recipient, view.text) == ("a", SENDER, "+79990000000", "Привет 👋")
    assert (view.kind, view.parts, view.missing, view.complete) == (InboxKind.TEXT, 1, (), True)
    assert (view.scts, view.scts_offset_s, view.received_at) == (START, 0, START)
    assert view.pdus == (deliver("Привет 👋"),)
    assert queries.inbox_item(desk.con, view.id) == view
    assert kinds(desk) == ["inbox.received"]


# -- copies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, MINUTE, 400 * 24 * HOUR])
def test_a_copy_is_known_whenever_it_comes(desk: Desk, delay: int) -> None:
    assert desk.take([deliver("one")]) == 1
    desk.now += delay
    assert desk.take([deliver("one")]) == 0
    assert len(inbox(desk)) == 1


@pytest.mark.parametrize("difference", ["case", "centre", "more messages to send"])
def test_a_copy_may_look_a_little_different(desk: Desk, difference: str) -> None:
    original = deliver("one")
    copy = {
        "case": original.lower(),
        "centre": "0791" + "9761989901F0" + original[2:],
        "more messages to send": deliver("one", mms=True),
    }[difference]
    assert desk.take([original, copy]) == 1


def test_two_equal_texts_at_two_times_are_two(desk: Desk) -> None:
    assert desk.take([deliver("ok", seconds=0), deliver("ok", seconds=1)]) == 2
    assert [view.text for view in inbox(desk)] == ["ok", "ok"]


def test_two_lines_may_each_get_the_same(desk: Desk) -> None:
    assert desk.take([deliver("to all")], "a") + desk.take([deliver("to all")], "b") == 2


def test_without_a_time_only_what_comes_soon_is_a_copy(desk: Desk) -> None:
    pdu = encode_pdu(SmsDeliver(oa=Address.parse(SENDER), ud=b"\x4f\x4b")).hex  # its SCTS is all zeros: no date
    assert desk.take([pdu, pdu]) == 1
    desk.now += 15 * MINUTE
    assert desk.take([pdu]) == 0
    desk.now += 1
    assert desk.take([pdu]) == 1
    assert [view.scts for view in inbox(desk)] == [None, None]


# -- what does not decode ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pdu", ["", "00", "07", "zz", "0004FF", "00" + "04" + "0B919761" + "00" * 4, "FF" * 200])
def test_what_does_not_decode_is_kept_raw(desk: Desk, pdu: str) -> None:
    assert desk.take([deliver("before"), pdu, deliver("after")]) == 3
    broken = inbox(desk)[1]
    assert (broken.kind, broken.text, broken.pdus, broken.complete) == (InboxKind.UNDECODABLE, None, (pdu,), True)
    assert desk.rows("SELECT note FROM pdus WHERE kind = 'undecodable'")[0]


def test_what_is_no_hex_is_told_by_its_place_too(desk: Desk) -> None:
    def lies(index: int) -> Incoming:
        return understand(RawPdu("+CMGR: 0,,31", "SM", index))

    def take(index: int) -> int:
        return desk.do(intake.take_in, line_of("a"), [lies(index)])

    assert [take(1), take(2), take(1)] == [1, 1, 0]
    assert len(inbox(desk)) == 2


def test_a_submit_read_from_the_memory_is_no_message_to_us(desk: Desk) -> None:
    desk.take(["0001000B919761111222F30000024F4B"])
    assert [view.kind for view in inbox(desk)] == [InboxKind.UNDECODABLE]


def test_what_we_stumble_over_is_kept_and_stops_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = intake.kind_of

    def stumble(message: SmsDeliver) -> InboxKind:
        if message.text == "stumble":
            raise KeyError("a bug of ours")
        return real(message)

    monkeypatch.setattr(intake, "kind_of", stumble)
    assert desk.take([deliver("before"), deliver("stumble"), deliver("after")]) == 3
    assert [(view.kind, view.text) for view in inbox(desk)] == [
        (InboxKind.TEXT, "before"),
        (InboxKind.UNDECODABLE, None),
        (InboxKind.TEXT, "after"),
    ]
    assert kinds(desk) == ["inbox.received", "inbox.undecodable", "inbox.received"]
    assert desk.rows("SELECT hex FROM pdus WHERE note LIKE 'Internal%'") == [deliver("stumble")]
    assert desk.take([deliver("stumble")]) == 0  # and the modem's copy of it is known


def test_random_octets_are_all_kept(desk: Desk) -> None:
    chance = random.Random(7)
    sound = [deliver("some text"), *parts(LONG), report(1), binary(b"\1\2\3", Udh())]
    pdus = []
    for _ in range(1500):
        octets = bytearray.fromhex(chance.choice(sound))
        for _ in range(chance.randrange(1, 6)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        pdus.append(octets[: chance.randrange(1, len(octets) + 1)].hex())
    new = desk.take(pdus)
    assert desk.rows("SELECT count(*) FROM pdus") == [new]
    desk.now += 25 * HOUR
    while desk.do(intake.show_partials, desk.now):
        pass
    assert desk.rows("SELECT count(*) FROM pdus WHERE kind <> 'report' AND inbox_id IS NULL") == [0]
    assert len(inbox(desk)) > 500
    assert not desk.rows("SELECT note FROM pdus WHERE note LIKE 'Internal%'")


# -- labels -----------------------------------------------------------------------------------------------

PORTS = Udh((InformationElement(0x05, bytes((0x0B, 0x84, 0x23, 0xF0))),))
VOICE = Udh((InformationElement(0x01, bytes((0x80, 3))),))


@pytest.mark.parametrize(
    ("pdu", "kind"),
    [
        (deliver("text"), InboxKind.TEXT),
        (deliver("flash", flash=True), InboxKind.FLASH),
        (deliver("вспышка", flash=True), InboxKind.FLASH),
        (deliver("silent", pid=0x40), InboxKind.TYPE0),
        (deliver("3 calls", dcs=Dcs.decode(0xC8)), InboxKind.VOICEMAIL),
        (deliver("3 calls", dcs=Dcs.decode(0xD8)), InboxKind.VOICEMAIL),
        (deliver("3 calls", udh=VOICE), InboxKind.VOICEMAIL),
        (binary(b"\x01\x02", Udh()), InboxKind.BINARY),
        (binary(b"\x01\x02", PORTS), InboxKind.BINARY),
        (deliver("BEGIN:VCARD", udh=PORTS), InboxKind.BINARY),
    ],
)
def test_labels(desk: Desk, pdu: str, kind: InboxKind) -> None:
    desk.take([pdu])
    (view,) = inbox(desk)
    assert view.kind is kind
    assert view.pdus == (pdu,)
    if kind is InboxKind.BINARY:
        assert view.data is not None or view.text is not None
    assert view.ports == ((0x0B84, 0x23F0) if "0B8423F0" in pdu else None)


# -- several parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_parts_in_any_order(desk: Desk, order: tuple[int, ...]) -> None:
    pdus = parts(LONG)
    for number in order:
        assert inbox(desk) == []
        assert desk.take([pdus[number]]) == 1
        desk.now += HOUR
    (view,) = inbox(desk)
    assert (view.text, view.parts, view.complete) == (LONG, 3, True)
    assert view.pdus == tuple(pdus)
    assert view.received_at == START


def test_parts_twice_are_parts_once(desk: Desk) -> None:
    pdus = parts(LONG)
    assert desk.take([pdus[0], pdus[0], pdus[2], pdus[2], pdus[0], pdus[1], pdus[1]]) == 3
    assert [view.text for view in inbox(desk)] == [LONG]


def test_a_16_bit_reference_is_another_message_than_an_8_bit_one(desk: Desk) -> None:
    narrow, wide = parts("a" * 200), parts("b" * 200, seconds=60, reference_bits=16)
    desk.take([narrow[0], wide[1], wide[0], narrow[1]])
    assert [view.text for view in inbox(desk)] == ["b" * 200, "a" * 200]


def test_two_senders_may_use_one_reference(desk: Desk) -> None:
    one, two = parts("a" * 200), parts("b" * 200, sender="+79169998877")
    desk.take([one[0], two[1], one[1], two[0]])
    assert [(view.sender, view.text) for view in inbox(desk)] == [(SENDER, "a" * 200), ("+79169998877", "b" * 200)]


def test_one_sender_may_use_one_reference_for_two_messages(desk: Desk) -> None:
    one, two = parts("a" * 200), parts("b" * 200, seconds=600)
    desk.take([one[0], two[0], two[1], one[1]])
    assert sorted(view.text or "" for view in inbox(desk)) == ["a" * 200, "b" * 200]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("apart", [600, 60, 10])
def test_a_lost_part_is_not_made_up_of_another_message(
    desk: Desk, bits: int, order: tuple[int, ...], apart: int
) -> None:
    """Of a only the second part comes, and later b, which has the same reference."""
    a, b = parts("a" * 200, reference_bits=bits), parts("b" * 200, seconds=apart, reference_bits=bits)
    for number in order:
        desk.take([(a[1], *b)[number]])
        if apart > 300:
            assert not [view for view in inbox(desk) if view.complete and view.text != "b" * 200]
        desk.now += 1000
    desk.now += 10 * MINUTE
    desk.do(intake.show_partials, desk.now)
    found = {view.complete: view for view in inbox(desk)}
    assert len(inbox(desk)) == 2
    assert (found[True].text, found[True].pdus) == ("b" * 200, tuple(b))
    assert (found[False].missing, found[False].pdus) == ((1,), (a[1],))


def untimed(text: str) -> list[str]:
    """Parts whose time stamp is no time."""
    outline = plan(text)
    return [
        encode_pdu(SmsDeliver(oa=Address.parse(SENDER), ud=part.ud, udh=part.udh, dcs=outline.dcs())).hex
        for part in segment(text, outline, reference=7)
    ]


def test_without_a_time_the_arrival_tells_parts_apart(desk: Desk) -> None:
    a, b = untimed("a" * 200), untimed("b" * 200)
    desk.take([a[1]])
    desk.now += 10 * MINUTE
    desk.take(b)
    desk.do(intake.show_partials, desk.now)
    assert sorted((view.complete, view.pdus) for view in inbox(desk)) == [(False, (a[1],)), (True, tuple(b))]


def test_parts_minutes_apart_are_whole_when_nothing_fits_better(desk: Desk) -> None:
    first, second = parts("a" * 200), parts("a" * 200, seconds=240)
    desk.take([first[0], second[1]])
    assert inbox(desk) == []
    assert queries.next_times(desk.con).settled == desk.now + 2 * MINUTE
    desk.now += 2 * MINUTE
    assert len(desk.do(intake.show_partials, 0)) == 1
    assert [(view.text, view.complete) for view in inbox(desk)] == [("a" * 200, True)]
    assert queries.next_times(desk.con).settled is None


def test_what_was_shown_wrongly_is_put_right_in_its_row(desk: Desk) -> None:
    a, b = parts("a" * 200), parts("b" * 200, seconds=20)
    desk.take([a[0], b[1]])
    (shown,) = inbox(desk)
    assert shown.complete  # nothing told against it
    desk.take([b[0]])
    desk.do(intake.show_partials, desk.now)
    one, other = inbox(desk)
    assert (one.id, one.text, one.complete, one.scts) == (shown.id, "b" * 200, True, (shown.scts or 0) + 20_000)
    assert (other.missing, other.pdus, other.complete) == ((2,), (a[0],), False)
    assert kinds(desk) == ["inbox.received", "inbox.completed", "inbox.partial"]


def test_a_row_that_loses_a_part_says_so(desk: Desk) -> None:
    a, b = parts("a" * 400), parts("b" * 400, seconds=60)
    desk.take([a[0], b[2]])
    desk.do(intake.show_partials, desk.now)
    assert [view.pdus for view in inbox(desk)] == [(a[0], b[2])]
    desk.take([b[0]])
    assert kinds(desk) == ["inbox.partial", "inbox.regrouped"]
    desk.do(intake.show_partials, desk.now)
    assert sorted(view.pdus for view in inbox(desk)) == sorted([(a[0],), (b[0], b[2])])
    desk.take([b[1]])
    assert [view.pdus for view in inbox(desk) if view.complete] == [tuple(b)]


def test_copies_are_counted_and_told(desk: Desk) -> None:
    pdu, long = deliver("once"), parts("a" * 200)
    untimed_one = encode_pdu(SmsDeliver(oa=Address.parse(SENDER), ud=b"\x4f\x4b")).hex
    desk.take([pdu, untimed_one, untimed_one, untimed_one, long[0], long[0], long[1], pdu])
    assert [(view.text, view.copies) for view in inbox(desk)] == [("once", 2), ("OK", 3), ("a" * 200, 2)]
    told = desk.rows("SELECT inbox_id, data FROM events WHERE kind = 'inbox.copy' ORDER BY id")
    assert told == [(2, '{"copies":2}'), (2, '{"copies":3}'), (None, '{"copies":2}'), (1, '{"copies":2}')]
    desk.take([report(1), report(1)])
    assert len(desk.rows("SELECT id FROM events WHERE kind = 'inbox.copy'")) == 4


def test_what_lay_there_before_is_no_copy(desk: Desk) -> None:
    """Taken in and not deleted, because the service or the modem died in between."""

    def lies(index: int, lay_there: bool) -> Incoming:
        return understand(RawPdu(deliver("hi"), "SM", index, lay_there))

    for index, lay_there, copies in ((1, True, 1), (1, True, 1), (2, True, 2), (1, False, 3)):
        desk.do(intake.take_in, line_of("a"), [lies(index, lay_there)])
        assert inbox(desk)[0].copies == copies


def test_a_part_is_not_made_to_fit_a_message_of_yesterday(desk: Desk) -> None:
    one, two = parts("a" * 400), parts("b" * 400, seconds=24 * 3600)
    desk.take([one[0], one[2]])
    desk.now += 24 * HOUR
    desk.take([two[1], two[0], two[2]])
    assert [view.text for view in inbox(desk)] == ["b" * 400]
    desk.do(intake.show_partials, desk.now)
    assert [(view.text or "")[0] + str(view.missing) for view in inbox(desk)] == ["b()", "a(2,)"]


def test_a_wrong_total_is_another_message(desk: Desk) -> None:
    pdus = parts("a" * 400)
    wrong = pdus[1].replace("0500030703", "0500030704")
    assert wrong != pdus[1]
    desk.take([pdus[0], wrong, pdus[2]])
    assert inbox(desk) == []
    assert desk.take([pdus[1]]) == 1
    assert [view.text for view in inbox(desk)] == ["a" * 400]
    desk.do(intake.show_partials, desk.now)
    assert [(view.parts, view.missing) for view in inbox(desk)] == [(3, ()), (4, (1, 3, 4))]


@pytest.mark.parametrize("element", ["0003070200", "0003070203", "0003070000"])
def test_a_number_outside_the_total_makes_a_message_of_its_own(desk: Desk, element: str) -> None:
    pdu = parts("a" * 200)[0].replace("0003070201", element)
    desk.take([pdu])
    (view,) = inbox(desk)
    assert (view.parts, view.complete) == (1, True)
    assert view.text is not None
    assert "aaaa" in view.text


def test_partial_is_shown_with_its_gap_and_completed_in_place(desk: Desk) -> None:
    pdus = parts(LONG)
    desk.take([pdus[0], pdus[2]])
    first_at = desk.now
    desk.now += 24 * HOUR
    assert desk.do(intake.show_partials, first_at - 1) == []
    assert len(desk.do(intake.show_partials, first_at)) == 1
    assert desk.do(intake.show_partials, first_at) == []
    (shown,) = inbox(desk)
    assert (shown.complete, shown.missing, shown.parts) == (False, (2,), 3)
    assert shown.text is not None
    assert "[…]" in shown.text
    desk.take([deliver("something between")])
    desk.take([pdus[1]])
    whole = inbox(desk)[0]
    assert (whole.id, whole.text, whole.complete, whole.missing) == (shown.id, LONG, True, ())
    assert whole.pdus == tuple(pdus)
    assert kinds(desk) == ["inbox.partial", "inbox.received", "inbox.completed"]


def test_a_part_that_leaves_gaps_is_added_to_what_is_shown(desk: Desk) -> None:
    pdus = parts(LONG)
    desk.take([pdus[2]])
    desk.do(intake.show_partials, desk.now)
    desk.take([pdus[0]])
    (view,) = inbox(desk)
    assert (view.missing, view.complete, len(view.pdus)) == ((2,), False, 2)
    assert kinds(desk) == ["inbox.partial", "inbox.part_added"]


def test_half_a_surrogate_at_the_edge_of_a_gap_is_stored(desk: Desk) -> None:
    """A sender that cuts emoji in two, and a part that never comes."""
    emoji = "😀".encode("utf-16-be")
    for seq, payload in ((1, "я".encode("utf-16-be") + emoji[:2]), (2, emoji[2:])):
        udh = Udh((InformationElement(0x00, bytes((9, 3, seq))),))
        desk.take(
            [encode_pdu(SmsDeliver(oa=Address.parse(SENDER), ud=payload, udh=udh, dcs=Dcs.decode(8), scts=at(seq))).hex]
        )
        desk.do(intake.show_partials, desk.now)
    (view,) = inbox(desk)
    assert view.text == "я😀[…]"


def test_binary_in_parts(desk: Desk) -> None:
    pdus = []
    for seq, payload in ((1, b"\x00" * 100), (2, b"\xff" * 3)):
        udh = Udh((*PORTS.elements, InformationElement(0x00, bytes((9, 2, seq)))))
        pdus.append(binary(payload, udh, seconds=seq))
    desk.take(pdus)
    (view,) = inbox(desk)
    assert (view.kind, view.data, view.text) == (InboxKind.BINARY, b"\x00" * 100 + b"\xff" * 3, None)
    assert view.ports == (0x0B84, 0x23F0)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_notification_of_an_mms(desk: Desk, order: tuple[int, int]) -> None:
    pdus = vectors()["E"]
    for number in order:
        desk.take([pdus[number]])
        desk.do(intake.show_partials, desk.now)
        kinds_shown = [view.kind for view in inbox(desk)]
    assert kinds_shown == [InboxKind.MMS]  # and binary as long as a part is missing
    (view,) = inbox(desk)
    assert (view.sender, view.text, view.complete) == ("+79005550105", None, True)
    assert view.data is not None
    assert view.mms == MmsView(
        sender="+79005550105",
        via="1999",
        url="http://mmsc.example.net/servlets/mms?message-id=E5000000000000000000000000000005",
        size=307200,
        expires_at=START + 259_200_000,
        subject="Photo",
        message_class="personal",
        transaction="E5-0000000000000000000000000000000000000005",
    )


def test_an_mms_whose_sender_is_hidden(desk: Desk) -> None:
    desk.take(vectors()["C"])
    (view,) = inbox(desk)
    assert (view.kind, view.sender) == (InboxKind.MMS, "hidden")
    assert view.mms is not None
    assert (view.mms.sender, view.mms.via, view.mms.expires_at) == (None, "1999", 1798761600_000)


def test_what_can_be_read_of_a_cut_pdu_is_shown_and_marked(desk: Desk) -> None:
    whole = deliver("hello, world", seconds=3)
    desk.take([whole[:-4], whole[:-5]])
    for view in inbox(desk):
        assert (view.kind, view.sender, view.complete) == (InboxKind.UNDECODABLE, SENDER, False)
        assert view.text in ("hello, wor[…]", "hello, wo[…]")
        assert (view.scts, view.scts_offset_s) == (START + 3000, 0)
        assert view.problem
    assert len(inbox(desk)) == 2
    desk.take([whole])
    assert [view.kind for view in inbox(desk)][2:] == [InboxKind.TEXT]


@pytest.mark.parametrize(("mark", "order"), [(b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le")])
def test_a_byte_order_mark_is_no_part_of_a_text(desk: Desk, mark: bytes, order: str) -> None:
    """W3: in a message of one part, and in the first of several."""
    for reference, pieces in ((1, ["Привет"]), (2, ["При", "вет"])):
        for seq, piece in enumerate(pieces, 1):
            ud = (mark if seq == 1 else b"") + piece.encode(order)
            udh = Udh((InformationElement(0x00, bytes((reference, len(pieces), seq))),)) if len(pieces) > 1 else Udh()
            pdu = SmsDeliver(oa=Address.parse(SENDER), ud=ud, udh=udh, dcs=Dcs.decode(8), scts=at(seq))
            desk.take([encode_pdu(pdu).hex])
    assert [view.text for view in inbox(desk)] == ["Привет", "Привет"]


def test_an_alphanumeric_sender(desk: Desk) -> None:
    desk.take([deliver("code 1234", sender="SberBank")])
    assert inbox(desk)[0].sender == "SberBank"


def test_a_report_is_not_shown_as_a_message(desk: Desk) -> None:
    assert desk.take([report(5)]) == 1
    assert inbox(desk) == []
    assert desk.rows("SELECT kind FROM pdus") == ["report"]


def test_the_inbox_is_read_by_pages(desk: Desk) -> None:
    desk.take([deliver(str(number), seconds=number) for number in range(5)])
    first = queries.inbox(desk.con, InboxQuery(SHOP, 2))
    second = queries.inbox(desk.con, InboxQuery(SHOP, 10, first[-1].id))
    assert [view.text for view in first + second] == ["0", "1", "2", "3", "4"]
    assert queries.inbox_item(desk.con, 99) is None
