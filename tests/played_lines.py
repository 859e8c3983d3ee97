"""The lines of a rig that has no modems: what they are is as a test says, and a network answers USSD."""

from __future__ import annotations

from dataclasses import replace

from modemgw.domain.line import LineState, ModemView, StorageView
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.ussd import UssdAnswer, UssdFailed, UssdNoAnswer, UssdState

#: Where the clock of a rig stands at first: 2027-01-15T08:00:00Z, in Unix ms.
NOW_MS = 1_800_000_000_000

LINES = {"a": "+79990000001", "b": "+79990000002"}


def modem_view(name: str, **changes: object) -> ModemView:
    """A modem that is ready."""
    fields: dict[str, object] = {
        "name": name,
        "port": f"/dev/tty{name}",
        "state": LineState.READY,
        "reason": None,
        "imei": "356938035643809",
        "imsi": f"25001{name}",
        "iccid": None,
        "number": LINES.get(name),
        "manufacturer": "huawei",
        "model": "E3372",
        "firmware": "21.180",
        "operator": "MTS RUS",
        "registration": "home",
        "signal_dbm": -71,
        "smsc": "+79168999100",
        "storage": (StorageView("SM", 3, 30),),
        "since": NOW_MS,
        "sent": 0,
        "received": 0,
        "in_air": False,
    }
    return ModemView(**{**fields, **changes})  # type: ignore[arg-type]


class PlayedLines:
    """Pauses are real, and the answers of modems are always the same. The network has one menu, *105#; it leaves
    *108# open and refuses *109#."""

    def __init__(self) -> None:
        self.modems = [modem_view(name) for name in LINES]
        self._open: set[str] = set()  # lines with an open menu

    def views(self) -> list[ModemView]:
        return self.modems

    def pause(self, name: str, by: str) -> bool:
        return self._change(name, state=LineState.PAUSED, reason=f"Paused by {by}.", paused=True)

    def resume(self, name: str) -> bool:
        return self._change(name, state=LineState.READY, reason=None, paused=False)

    def _change(self, name: str, **changes: object) -> bool:
        known = any(view.name == name for view in self.modems)
        self.modems = [
            replace(view, **changes) if view.name == name else view  # type: ignore[arg-type]
            for view in self.modems
        ]
        return known

    async def examine(self, line: str) -> list[tuple[str, tuple[str, ...], str | None]]:
        self._of(line)
        return [("AT+CNMI?", ("+CNMI: 2,1,0,1,0",), None), ("AT+CCLK?", (), "ERROR")]

    async def ask(self, line: str, text: str, *, by: str, timeout_s: float, answering: bool = False) -> UssdAnswer:
        self._of(line)
        if (line in self._open) != answering:
            raise Refusal(RefusalKind.CONFLICT, "A USSD dialogue is open, or none is.")
        if text == "*108#":
            raise UssdNoAnswer(f"The network did not answer within {timeout_s:g} s.")
        if text == "*109#":
            raise UssdFailed("The modem refused the request.")
        if text == "*105#":
            self._open.add(line)
            return UssdAnswer(line, UssdState.OPEN, "1 Balance", "plain", True, 15, "")
        self._open.discard(line)
        return UssdAnswer(line, UssdState.DONE, "Balance: 123.45 RUB", "plain", True, 15, "")

    async def cancel(self, line: str, *, by: str) -> UssdAnswer:
        self._of(line)
        if line not in self._open:
            raise Refusal(RefusalKind.CONFLICT, "There is no open USSD dialogue.")
        self._open.discard(line)
        return UssdAnswer(line, UssdState.CANCELLED, None)

    def _of(self, line: str) -> ModemView:
        for view in self.modems:
            if view.name == line:
                return view
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no modem named {line!r}.", field="name")
