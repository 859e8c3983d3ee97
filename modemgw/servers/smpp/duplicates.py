"""The same message submitted again a moment later, which an account may have refused: a provider's limit.

In memory and bounded: what is forgotten first is what came first. Times are of a monotonic clock, in s.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

from modemgw.domain.account import Account
from modemgw.domain.message import Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.smpp.pdu import ShortMessage
from modemgw.smpp.submission import KEY, Piece

#: What SMSC.ru has.
PROVIDER_S = 60

MAX_KEPT = 100_000


class Duplicates:
    """What was submitted lately. `window_s` holds for every account, 0 for none; a provider's limits are its own."""

    def __init__(self, window_s: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._monotonic = monotonic
        self._recent: OrderedDict[bytes, tuple[float, str]] = OrderedDict()  # when, and the key of a part's message

    def check(self, account: Account, message: ShortMessage, what: Submission | Piece) -> bytes | None:
        """Remember it; what `forget` takes, None where nothing is compared. Raises Refusal(DUPLICATE)."""
        window_s = self._window_s or (PROVIDER_S if account.provider_limits() else 0)
        if not window_s:
            return None
        key, now = _key(account, message, what), self._monotonic()
        whole = what.key if isinstance(what, Piece) else ""
        at, earlier = self._recent.get(key, (-1e9, ""))
        if whole and whole == earlier:
            return None  # the very part once more, of a client that did not get the answer
        if now - at < window_s:
            raise Refusal(
                RefusalKind.DUPLICATE,
                f"The same message was submitted {now - at:.0f} s ago, which the account's limits refuse "
                f"within {window_s} s.",
            )
        self._recent[key] = now, whole
        self._recent.move_to_end(key)
        if len(self._recent) > MAX_KEPT:
            self._recent.popitem(last=False)
        return key

    def forget(self, key: bytes | None) -> None:
        """It was refused after all: the client may try again."""
        if key is not None:
            self._recent.pop(key, None)

    def prune(self) -> None:
        """Drop what no window reaches back to."""
        oldest = self._monotonic() - max(self._window_s, PROVIDER_S)
        while self._recent and next(iter(self._recent.values()))[0] <= oldest:
            self._recent.popitem(last=False)

    def __len__(self) -> int:
        return len(self._recent)


def _key(account: Account, message: ShortMessage, what: Submission | Piece) -> bytes:
    """All that makes a message, and nothing of how its fate is told. A part of a long one is known by what it says
    and not by its reference, which is another one each time. Times are as they were asked for: relative ones move."""
    part: tuple[object, ...] = ()
    if isinstance(what, Piece):
        content = what.content
        part = (what.concat.total, what.concat.sequence, content.alphabet, content.octets, content.udh)
    submission = what.submission if isinstance(what, Piece) else what
    kept = submission.extra[KEY]
    made_of = (
        account.id,
        submission.to,
        message.source.addr,
        submission.text,
        submission.data,
        submission.udh,
        submission.flash,
        submission.pid,
        submission.dcs,
        message.schedule_delivery_time,
        kept.get("kind") if isinstance(kept, dict) else None,
        *part,
    )
    return hashlib.blake2b(repr(made_of).encode("utf-8", "surrogatepass"), digest_size=16).digest()
