"""Laws of the codec: decoding undoes encoding, a plan is kept, parts in any order give the text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modemgw.sms import (
    Absolute,
    Address,
    Concat,
    Dcs,
    Direction,
    Encoding,
    Enhanced,
    EnhancedFormat,
    InformationElement,
    LockingShift,
    NumberingPlan,
    Plan,
    Relative,
    Scts,
    SingleShift,
    SmsCommand,
    SmsDeliver,
    SmsDeliverReport,
    SmsStatusReport,
    SmsSubmit,
    SmsSubmitReport,
    Tpdu,
    TpduEncodeError,
    TypeOfNumber,
    Udh,
    assemble,
    decode_gsm7,
    decode_pdu,
    encode_gsm7,
    encode_pdu,
    pack_septets,
    plan,
    relative_seconds,
    relative_validity,
    segment,
    segment_data,
    unpack_septets,
)
from modemgw.sms.grapheme import clusters
from modemgw.sms.gsm7 import codec

DEFAULT_ALPHABET = sorted(codec(LockingShift.DEFAULT, SingleShift.DEFAULT).chars)
octet = st.integers(0, 255)

numbers = st.builds(
    Address,
    st.text("0123456789*#abc", max_size=20),
    st.sampled_from([ton for ton in TypeOfNumber if ton is not TypeOfNumber.ALPHANUMERIC]),
    st.sampled_from(NumberingPlan),
)
names = (
    st.text(DEFAULT_ALPHABET, max_size=11)
    .filter(lambda text: len(encode_gsm7(text)) <= 11)
    .map(lambda text: Address(text, TypeOfNumber.ALPHANUMERIC, NumberingPlan.UNKNOWN))
)
addresses = numbers | names

zones = st.integers(-79, 79).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
times = st.datetimes(datetime(1991, 1, 1), datetime(2088, 12, 30), timezones=zones).map(
    lambda time: time.replace(microsecond=0, fold=0)
)
stamps = times.map(Scts.of) | st.binary(min_size=7, max_size=7).map(Scts.decode)
periods = st.one_of(
    st.none(),
    octet.map(lambda value: Relative(timedelta(seconds=relative_seconds(value)))),
    times.map(Absolute),
    st.builds(Enhanced, single_shot=st.booleans()),
    st.builds(Enhanced, st.just(EnhancedFormat.SECONDS), octet.map(lambda s: timedelta(seconds=s)), st.booleans()),
    st.builds(
        Enhanced,
        st.just(EnhancedFormat.HMS),
        st.integers(0, 359_999).map(lambda s: timedelta(seconds=s)),
        st.booleans(),
    ),
    st.builds(
        Enhanced,
        st.just(EnhancedFormat.RELATIVE),
        octet.map(lambda value: timedelta(seconds=relative_seconds(value))),
        st.booleans(),
    ),
)
elements = st.builds(InformationElement, octet, st.binary(max_size=12))
headers = st.lists(elements, max_size=4).map(lambda items: Udh(tuple(items)))


@st.composite
def user_data(draw: st.DrawFn) -> tuple[Dcs, Udh, bytes]:
    """A payload that fits beside its header in 131 octets."""
    dcs, udh = Dcs(draw(octet)), draw(headers)
    room = 131 - udh.octets
    if dcs.in_septets:
        return dcs, udh, bytes(draw(st.lists(st.integers(0, 127), max_size=room * 8 // 7)))
    return dcs, udh, draw(st.binary(max_size=room))


@st.composite
def tpdus(draw: st.DrawFn) -> tuple[Tpdu, Direction]:
    dcs, udh, ud = draw(user_data())
    flags = st.booleans()
    address, pid, mr = draw(addresses), draw(octet), draw(octet)
    kind = draw(st.integers(0, 5))
    cause = draw(st.none() | st.integers(0x80, 0xFF))
    if kind == 0:
        submit = SmsSubmit(address, ud, udh, dcs, pid, mr, draw(periods), draw(flags), draw(flags), draw(flags))
        return submit, Direction.FROM_MS
    if kind == 1:
        flag = [draw(flags) for _ in range(4)]
        return SmsDeliver(address, draw(stamps), ud, udh, dcs, pid, *flag), Direction.TO_MS
    if kind == 2:
        flag = [draw(flags) for _ in range(3)]
        report = SmsStatusReport(mr, address, draw(stamps), draw(stamps), draw(octet), pid, dcs, udh, ud, *flag)
        return report, Direction.TO_MS
    if kind == 3:
        return SmsDeliverReport(cause, pid, dcs, udh, ud), Direction.FROM_MS
    if kind == 4:
        return SmsSubmitReport(draw(stamps), cause, pid, dcs, udh, ud), Direction.TO_MS
    command = SmsCommand(address, draw(octet), draw(octet), mr, pid, draw(st.binary(max_size=60)), udh, draw(flags))
    return command, Direction.FROM_MS


@given(tpdus(), st.none() | numbers.filter(lambda address: len(address.digits) % 2 == 0))
def test_decoding_undoes_encoding(tpdu: tuple[Tpdu, Direction], sca: Address | None) -> None:
    value, direction = tpdu
    pdu = decode_pdu(encode_pdu(value, sca).hex, direction)
    assert pdu.tpdu == value
    assert pdu.sca == sca


@given(times)
def test_a_time_survives(time: datetime) -> None:
    assert Scts.of(time).time == time
    back = Scts.of(time).time
    assert back is not None
    assert back.utcoffset() == time.utcoffset()


@given(st.lists(st.integers(0, 127), max_size=200).map(bytes), st.integers(0, 6))
def test_unpacking_undoes_packing(septets: bytes, fill: int) -> None:
    packed = pack_septets(septets, fill)
    assert len(packed) == (len(septets) * 7 + fill + 7) // 8
    assert unpack_septets(packed, len(septets), fill) == septets


@given(st.binary(), st.sampled_from(LockingShift), st.sampled_from(SingleShift))
def test_any_septets_are_some_text(septets: bytes, locking: LockingShift, single: SingleShift) -> None:
    decode_gsm7(septets, locking, single).encode("utf-8")


@given(st.floats(0, 63 * 604800, exclude_max=True))
def test_a_validity_is_never_cut_short(seconds: float) -> None:
    chosen = relative_validity(seconds)
    assert relative_seconds(chosen) >= seconds
    assert chosen == 0 or relative_seconds(chosen - 1) < seconds


JOINERS = "\r\n\u200d\ufe0f\u0301\u0915\u094d\u0937\u093e🇷🇺🏽👍👩🚀\u1100\u1161\u11a8각"
ALPHABETS = (
    st.sampled_from(DEFAULT_ALPHABET),
    st.sampled_from("abc €[]\r\n"),
    st.sampled_from("привет мир"),
    st.sampled_from(JOINERS),
    st.sampled_from("abcşŞığ€ãêç"),
    st.sampled_from("नमस्ते दुनिया १ ab"),
    st.characters(exclude_categories=["Cs"]),
)
long_texts = st.sampled_from(ALPHABETS).flatmap(lambda chars: st.text(chars, max_size=700)) | st.builds(
    lambda pieces: "".join(pieces), st.lists(st.one_of(*ALPHABETS), max_size=400)
)


def planned_parts(text: str, planned: Plan, reference: int) -> list[SmsDeliver]:
    """The parts as the recipient gets them, through their octets."""
    out = []
    for part in segment(text, planned, reference=reference):
        sent = SmsDeliver(
            Address.parse("900"),
            Scts.of(datetime(2026, 1, 1, tzinfo=UTC)),
            part.ud,
            part.udh,
            planned.dcs(),
        )
        out.append(SmsDeliver.decode(sent.encode()))
        assert out[-1] == sent
    return out


@given(long_texts, st.booleans(), st.sampled_from([8, 16]), st.integers(0, 65535))
def test_a_plan_is_kept(text: str, national: bool, bits: int, reference: int) -> None:
    planned = plan(text, national=national, reference_bits=16 if bits == 16 else 8)
    parts = planned_parts(text, planned, reference)
    assert len(parts) == planned.parts
    unit = 2 if planned.encoding is Encoding.UCS2 else 1
    sizes = [len(part.ud) // unit for part in parts]
    assert sum(sizes) == planned.units
    assert max(sizes) <= planned.units_per_part
    assert planned.characters_left == planned.units_per_part - sizes[-1]
    shown = [part.text or "" for part in parts]
    assert "".join(shown) == text
    if len(parts) > 1:
        mask = 0xFFFF if bits == 16 else 0xFF
        assert [part.udh.concat for part in parts] == [
            Concat(reference & mask, len(parts), number, bits == 16) for number in range(1, len(parts) + 1)
        ]
    if national:
        assert planned.parts <= plan(text, reference_bits=16 if bits == 16 else 8).parts


@given(long_texts, st.booleans())
def test_no_cluster_is_cut_that_fits(text: str, national: bool) -> None:
    planned = plan(text, national=national)
    shown = [part.text or "" for part in planned_parts(text, planned, 0)]

    def units(piece: str) -> int:
        if planned.encoding is Encoding.UCS2:
            return len(piece.encode("utf-16-be")) // 2
        return len(encode_gsm7(piece, planned.locking, planned.single))

    ends, at = set(), 0
    for piece in shown[:-1]:
        at += len(piece)
        ends.add(at)
    at = 0
    for cluster in clusters(text):
        inside = {end for end in ends if at < end < at + len(cluster)}
        assert not inside or units(cluster) > planned.units_per_part
        at += len(cluster)


@given(long_texts)
def test_a_full_part_leaves_no_room_for_the_next_cluster(text: str) -> None:
    planned = plan(text)
    pieces = [part.text or "" for part in planned_parts(text, planned, 0)]
    unit = 2 if planned.encoding is Encoding.UCS2 else 1
    sizes = [len(part.ud) // unit for part in segment(text, planned)]
    for (_, size), (following, _) in pairwise(zip(pieces, sizes, strict=True)):
        first = next(clusters(following))
        width = len(first.encode("utf-16-be")) // 2 if planned.encoding is Encoding.UCS2 else len(encode_gsm7(first))
        assert size + width > planned.units_per_part or size + 2 > planned.units_per_part


@given(st.text(st.characters()), st.sampled_from(["auto", "gsm7", "ucs2"]), st.booleans())
def test_only_one_error_comes_out_of_planning(text: str, encoding: str, national: bool) -> None:
    try:
        plan(text, encoding=encoding, national=national)  # type: ignore[arg-type]
    except TpduEncodeError as exc:
        assert exc.field == "ud"  # noqa: PT017


@given(st.binary(max_size=2000), st.sampled_from([8, 16]))
def test_data_come_back(data: bytes, bits: int) -> None:
    parts = segment_data(data, reference=3, reference_bits=16 if bits == 16 else 8)
    assert b"".join(part.ud for part in parts) == data


@given(long_texts)
def test_the_parts_give_the_text(text: str) -> None:
    parts = planned_parts(text, plan(text), 200)
    assert assemble(dict(enumerate(parts, 1)), len(parts)).text == text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.lists(st.integers(1, 60), min_size=1))
def test_cuts_of_a_foreign_sender_do_not_matter(text: str, cuts: list[int]) -> None:
    octets = text.encode("utf-16-be")
    pieces, at = [], 0
    for cut in cuts * (len(octets) // 2 + 1):
        pieces.append(octets[at : at + 2 * cut])
        at += 2 * cut
        if at >= len(octets) or len(pieces) == 255:
            break
    joined = b"".join(pieces)
    parts = {number: SmsDeliver(Address.parse("900"), ud=piece, dcs=Dcs(8)) for number, piece in enumerate(pieces, 1)}
    assert assemble(parts, len(pieces)).text == joined.decode("utf-16-be", "replace")
