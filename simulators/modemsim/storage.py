"""Message memories (SM, ME, SR, …) with a capacity and slots. Owns no file:

a memory lives as long as the simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

REC_UNREAD, REC_READ, STO_UNSENT, STO_SENT, ALL = range(5)

STATUS_TEXT = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL")


@dataclass(slots=True)
class Stored:
    """One message in a slot: <stat> (TS 27.005 3.1) and the octets, without the service centre address.

    `shown` are the lines that a sick modem shows instead of the PDU.
    """

    status: int
    tpdu: bytes
    sca: bytes = b"\x00"
    shown: tuple[str, ...] | None = None

    def pdu(self) -> str:
        """Hex as it stands on the AT line."""
        return (self.sca + self.tpdu).hex().upper()

    def lines(self, header: str) -> list[str]:
        """The answer of PDU mode: the header, and what follows it."""
        return [header, self.pdu()] if self.shown is None else [header, *self.shown]


class Storage:
    """A message memory of fixed capacity; the lowest free slot is filled first."""

    def __init__(self, name: str, capacity: int, first_index: int = 1) -> None:
        self.name = name
        self.capacity = capacity
        self.first_index = first_index
        self._slots: dict[int, Stored] = {}
        self._lowest = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[tuple[int, Stored]]:
        """(index, message), in the order of the indices that the AT line uses."""
        for slot in sorted(self._slots):
            yield slot + self.first_index, self._slots[slot]

    @property
    def full(self) -> bool:
        return len(self._slots) >= self.capacity

    def has_slot(self, index: int) -> bool:
        """Whether `index` is one that this memory has, used or not."""
        return 0 <= index - self.first_index < self.capacity

    def add(self, message: Stored) -> int | None:
        """Store; the index, or None when there is no room."""
        if self.full:
            return None
        slot = self._lowest
        while slot in self._slots:
            slot += 1
        self._slots[slot] = message
        self._lowest = slot + 1
        return slot + self.first_index

    def get(self, index: int) -> Stored | None:
        return self._slots.get(index - self.first_index)

    def delete(self, index: int) -> bool:
        """Empty a slot; False when it was empty already."""
        slot = index - self.first_index
        if self._slots.pop(slot, None) is None:
            return False
        self._lowest = min(self._lowest, slot)
        return True

    def clear(self) -> None:
        self._slots.clear()
        self._lowest = 0


class JoinedStorage(Storage):
    """Memory "MT": all of the SIM and the modem seen as one; indices of the first memory come first."""

    def __init__(self, name: str, members: tuple[Storage, ...], first_index: int = 1) -> None:
        super().__init__(name, sum(m.capacity for m in members), first_index)
        self._members = members

    def __len__(self) -> int:
        return sum(len(m) for m in self._members)

    def __iter__(self) -> Iterator[tuple[int, Stored]]:
        offset = 0
        for member in self._members:
            for index, message in member:
                yield index - member.first_index + offset + self.first_index, message
            offset += member.capacity

    @property
    def full(self) -> bool:
        return all(m.full for m in self._members)

    def _locate(self, index: int) -> tuple[Storage, int] | None:
        slot = index - self.first_index
        for member in self._members:
            if 0 <= slot < member.capacity:
                return member, slot + member.first_index
            slot -= member.capacity
        return None

    def add(self, message: Stored) -> int | None:
        offset = 0
        for member in self._members:
            index = member.add(message)
            if index is not None:
                return index - member.first_index + offset + self.first_index
            offset += member.capacity
        return None

    def get(self, index: int) -> Stored | None:
        found = self._locate(index)
        return found[0].get(found[1]) if found else None

    def delete(self, index: int) -> bool:
        found = self._locate(index)
        return found[0].delete(found[1]) if found else False

    def clear(self) -> None:
        for member in self._members:
            member.clear()
