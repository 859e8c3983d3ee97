"""How status reports reach us: handed over (+CDS, ds=1) or stored (+CDSI, ds=2), and which way is proved.

Decides; the driver does. Remembers per IMEI and firmware. Time is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from modemgw.at.timing import Timing
from modemgw.modem.quirks.learned import Learned

DIRECT, STORED = 1, 2  # <ds> of AT+CNMI (TS 27.005 3.4.1)

#: Reports that were announced and lie nowhere, before the way is called broken: one may have been swept up meanwhile.
LOST_MOST = 2

#: A way that has never brought a report is doubted after so many sends to different numbers, the first so long ago.
SILENT_SENDS, SILENT_S = 3, 600.0

#: Most reports have come by then.
SOON_S = 10.0

#: A way that has brought reports, and brings none of so many to different numbers for so long, is set up anew.
OWED_MOST, OWED_LONG_S = 5, 1800.0

#: Keys of the learned values.
PROVED, BROKEN = "reports", "reports_broken"


class Silence(Enum):
    """How long reports are owed."""

    NONE = auto()  # none is owed, or not so long that something new is to be done
    SOME = auto()
    LONG = auto()  # so many for so long that the modem is to be set up anew


def preference(wanted: Sequence[int], learned: Learned) -> tuple[int, ...]:
    """<ds> in the order to try: what brought a report before, then what is not known to be broken, then the rest."""
    proved, broken = learned.number(PROVED), learned.ints(BROKEN) or ()
    order = [proved] if proved in (DIRECT, STORED) and proved in wanted else []
    order += [ds for ds in wanted if ds and ds not in broken]
    order += [ds for ds in wanted if ds]
    return (*dict.fromkeys(order), *((0,) if 0 in wanted else ()))


class ReportPath:
    """One modem's way of reports while it is set up with `ds`. `allowed` are those that the profile lets be set."""

    def __init__(
        self, learned: Learned, ds: int = 0, allowed: Sequence[int] = (), timing: Timing | None = None
    ) -> None:
        self._learned = learned
        self._ds = ds
        self._allowed = allowed
        self._owed_s = (timing or Timing()).report_owed_s  # a report that is owed for so long has its way looked after
        self._lost = 0
        self._spare = 0  # reports that were found without their announcement
        self._unanswered: dict[str, float] = {}  # recipient -> when, since the last report
        self._looked_after_s = 0.0  # how old the silence was when the way was looked after last

    def sent(self, recipient: str, now: float) -> None:
        """A message that asks for a report was taken."""
        if len(self._unanswered) < 100:
            self._unanswered.setdefault(recipient, now)

    def came(self, ds: int) -> None:
        """A report came this way: that proves it, if it is the way that was set."""
        self._heard()
        self._lost = 0
        if self._ds and ds != self._ds:
            return  # some do both with each report: what is remembered would change, and be written, every time
        self._learned.put(PROVED, ds)
        broken = tuple(n for n in self._learned.ints(BROKEN) or () if n != ds)
        if broken:
            self._learned.put(BROKEN, broken)
        else:
            self._learned.drop(BROKEN)

    def found(self) -> None:
        """A stored report was found by looking through a memory."""
        if self._ds == STORED:
            self._spare = min(self._spare + 1, 50)
            self.came(STORED)
        else:
            self._heard()  # it may be an old one, or this modem stores them all the same

    def missing(self) -> None:
        """A report was announced and is nowhere."""
        if self._spare:
            self._spare -= 1  # it was found by looking through, before its turn
        else:
            self._lost += 1

    def _heard(self) -> None:
        self._unanswered.clear()
        self._looked_after_s = 0.0

    def owes(self, now: float) -> bool:
        """No report has come since a message that asked for one, some time ago."""
        return bool(self._unanswered) and now - min(self._unanswered.values()) >= SOON_S

    def silence(self, now: float) -> Silence:
        """Whether what is owed makes it worth while to look after the way now. Asked now and then."""
        if not self._unanswered or self._ds not in (DIRECT, STORED):
            return Silence.NONE
        since_s = now - min(self._unanswered.values())
        if since_s < max(self._owed_s, 2 * self._looked_after_s):
            return Silence.NONE
        self._looked_after_s = since_s
        proved = self._learned.number(PROVED) == self._ds
        return (
            Silence.LONG if proved and since_s >= OWED_LONG_S and len(self._unanswered) >= OWED_MOST else Silence.SOME
        )

    def other_way(self, now: float) -> int | None:
        """The <ds> to change to now, None: stay. The way that is left is remembered as broken.

        Silence may be the operator's, so it leads to a way that is not known to be broken, or nowhere. Reports that
        were announced and are lost are the modem's doing: any other way is better, whatever was suspected of it.
        """
        lost = self._ds == STORED and self._lost >= LOST_MOST
        times = list(self._unanswered.values())
        silent = (
            self._ds in (DIRECT, STORED)
            and self._learned.number(PROVED) != self._ds
            and len(times) >= SILENT_SENDS
            and now - min(times) >= SILENT_S
        )
        if not (lost or silent):
            return None
        broken = set(self._learned.ints(BROKEN) or ())
        rest = [ds for ds in self._allowed if ds not in (0, self._ds) and (lost or ds not in broken)]
        if not rest:
            self._unanswered.clear()  # there is no other way: it may be the operator who reports nothing
            self._lost = 0
            return None
        if self._learned.number(PROVED) == self._ds:
            self._learned.drop(PROVED)
        # what is lost is known to be; of the other way there was only a suspicion, if any
        self._learned.put(BROKEN, [self._ds] if lost else sorted(broken | {self._ds}))
        return rest[0]

    def refused(self, ds: int) -> None:
        """The modem cannot be set up with that <ds>: it stays as it is, and is not asked again."""
        self._learned.put(BROKEN, [ds])
        self.changed(self._ds)

    def changed(self, ds: int) -> None:
        """The modem is set up with another <ds> now."""
        self._ds = ds
        self._lost = self._spare = 0
        self._heard()
