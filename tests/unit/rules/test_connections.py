"""Who makes room when there are too many connections."""

from __future__ import annotations

from modemgw.rules.connections import ConnectionLimit


def test_the_oldest_stranger_makes_room_for_a_new_one() -> None:
    limit: ConnectionLimit[str] = ConnectionLimit(3, 10)
    assert [limit.add(name, "1.1.1.1") for name in "abc"] == [[], [], []]
    limit.trust("a")
    assert limit.add("d", "2.2.2.2") == ["b"]
    assert len(limit) == 3
    limit.trust("c")
    limit.trust("d")
    assert limit.add("e", "3.3.3.3") is None
    limit.remove("c")
    assert limit.add("e", "3.3.3.3") == []


def test_an_address_takes_no_room_from_others() -> None:
    limit: ConnectionLimit[str] = ConnectionLimit(10, 2)
    for name in "ab":
        limit.add(name, "1.1.1.1")
    limit.add("c", "2.2.2.2")
    assert limit.add("d", "1.1.1.1") == ["a"]
    limit.trust("b")
    limit.trust("d")
    assert limit.add("e", "1.1.1.1") is None
    assert limit.add("e", None) == []
    assert limit.add("f", "2.2.2.2") == []


def test_what_is_closed_is_not_counted() -> None:
    limit: ConnectionLimit[str] = ConnectionLimit(2, 1)
    limit.add("a", "1.1.1.1")
    limit.trust("a")
    limit.remove("a")
    limit.remove("a")
    limit.trust("a")
    assert (len(limit), limit.oldest()) == (0, None)
    assert limit.add("b", "1.1.1.1") == []
