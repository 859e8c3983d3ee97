"""What the service says of itself and of its lines, as findings. Pure, but for a connection to each front door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from modemgw.config import Config
from modemgw.doctor.checks_network import registration_findings, signal_findings, smsc_findings, storage_findings
from modemgw.doctor.findings import Area, Finding, Verdict, ok
from modemgw.doctor.service import ServiceFacts, Standing, listens
from modemgw.modem.dialogue.driver import Registration, SimReason
from modemgw.modem.dialogue.init_sim import SENTENCES

#: A line may be on its way for so long without that being worth a word.
ON_ITS_WAY = timedelta(seconds=90)

_STATS = {Registration(stat).text: stat for stat in range(12)}

_SIM_KEYS: dict[SimReason, tuple[str, str]] = {
    SimReason.NOT_INSERTED: ("sim.missing", "insert a SIM, then modemgw resume {name} (or plug the modem in again)"),
    SimReason.PIN_REQUIRED: (
        "sim.pin_required",
        'set pin = "…" for the modem {name} in the configuration and restart modemgw, or switch the PIN off in a phone',
    ),
    SimReason.PIN_WRONG: ("sim.pin_refused", "correct pin of the modem {name} in the configuration, restart modemgw"),
    SimReason.PIN_NOT_TRIED: (
        "sim.pin_last_try",
        "put the SIM into a phone, enter the right PIN there, and correct pin in the configuration",
    ),
    SimReason.PUK_REQUIRED: (
        "sim.puk",
        "put the SIM into a phone and enter the PUK there, then set pin for this modem",
    ),
    SimReason.LOCKED: ("sim.locked", "use a SIM of the operator it was sold by, or have the modem unlocked"),
    SimReason.BUSY: ("sim.busy", "wait a minute; if it stays so, take the SIM out and insert it again"),
    SimReason.FAILURE: ("sim.failure", "take the SIM out, clean its contacts and insert it again; try it in a phone"),
}


def check_service(facts: ServiceFacts, holder: int | None, store_path: str, *, installed: bool) -> Iterator[Finding]:
    """Up, down, or something in between. `holder` is the process that has the database; `installed`: as a unit."""
    area = Area.SERVICE
    match facts.standing:
        case Standing.UP if facts.ready:
            yield ok("service.up", area, f"modemgw serves at {facts.url}.")
        case Standing.UP:
            yield Finding(
                "service.not_ready",
                area,
                Verdict.PROBLEM,
                f"modemgw serves at {facts.url} and cannot accept messages: {facts.store.rstrip('.')}.",
                "see the database and the disk; modemgw goes on by itself once it can write",
            )
        case Standing.UNAUTHORISED:
            wrong = "does not know these credentials" if facts.has_credentials else "wants credentials"
            yield Finding(
                "service.unauthorised",
                area,
                Verdict.PROBLEM,
                f"modemgw serves at {facts.url} and {wrong}: the states of its lines cannot be asked.",
                "give --config of the running service or --api-key; if an [[account]] was changed, restart modemgw",
            )
        case Standing.OTHER:
            yield Finding(
                "service.taken",
                area,
                Verdict.PROBLEM,
                f"What answers at {facts.url} is not modemgw: {facts.why}. Another program has that address.",
                "stop it (sudo ss -ltnp shows it), or give [http] listen another port",
            )
        case Standing.SILENT:
            yield Finding(
                "service.hangs",
                area,
                Verdict.PROBLEM,
                f"What listens at {facts.url} does not answer: {facts.why}.",
                "see its log (journalctl -u modemgw) and restart it: sudo systemctl restart modemgw",
            )
        case Standing.DOWN if holder:
            yield Finding(
                "service.elsewhere",
                area,
                Verdict.PROBLEM,
                f"A modemgw (process {holder}) has the database {store_path}, but nothing answers at {facts.url}.",
                "it was started with another configuration (give that with --config or --url), or it hangs: "
                f"kill {holder} and start it again",
            )
        case _:
            yield Finding(
                "service.down",
                area,
                Verdict.WARNING,
                f"modemgw is not running: nothing answers at {facts.url} ({facts.why}).",
                "start it: sudo systemctl start modemgw (journalctl -u modemgw tells why it stopped)"
                if installed
                else "start it: modemgw run",
            )


def check_doors(config: Config, facts: ServiceFacts) -> Iterator[Finding]:
    """SMPP and SMTP, where they are configured and the service runs."""
    if not facts.running:
        return
    for name, listen in (
        ("SMPP", config.smpp.listen if config.smpp else None),
        ("SMTP", config.smtp.listen if config.smtp else None),
    ):
        if listen is None or listen.endswith(":0"):
            continue
        if listens(listen):
            yield ok("service.door", Area.SERVICE, f"{name} listens at {listen}.")
        else:
            yield Finding(
                "service.door",
                Area.SERVICE,
                Verdict.PROBLEM,
                f"{name} is configured, and nothing listens at {listen}.",
                "restart modemgw: the running one was started with another configuration",
            )


def check_lines(facts: ServiceFacts, config: Config | None, now: datetime) -> Iterator[Finding]:
    """Each line by what the service says of it."""
    configured = {modem.name: modem for modem in config.modems} if config is not None else {}
    for view in facts.modems:
        if "port" not in view:  # /health/ready tells no more than the state
            state = str(view.get("state"))
            verdict = Verdict.OK if state == "ready" else Verdict.WARNING
            yield Finding(f"line.{state}", Area.MODEM, verdict, f"The line is {state}.", None, str(view.get("name")))
            continue
        modem = configured.get(str(view["name"]))
        yield from _line(view, now, None if modem is None else modem.smsc)
    if not facts.modems and facts.standing is Standing.UP:
        yield Finding(
            "modem.none",
            Area.MODEM,
            Verdict.PROBLEM,
            "modemgw runs and has found no modem.",
            "plug one in (lsusb must show it); a modem behind a serial converter must be named: [[modem]] port = …",
        )


def _line(view: dict[str, Any], now: datetime, configured_smsc: str | None) -> Iterator[Finding]:
    name, state, port = str(view["name"]), str(view["state"]), str(view["port"])
    reason = str(view["reason"] or "").rstrip(".")
    why = f": {reason}" if reason else ""
    since = datetime.fromisoformat(str(view["since"]))
    if state != "ready" and reason.startswith("The sandbox"):
        yield Finding(
            "port.denied",
            Area.PORTS,
            Verdict.PROBLEM,
            f"{reason}.",
            "sudo systemctl restart modemgw; if that helps, sudo modemgw udev install brings a unit that loads the "
            "drivers first (in a container: --device, or --device-cgroup-rule)",
            name,
        )
    elif state == "ready":
        what = " ".join(str(view[key]) for key in ("manufacturer", "model") if view.get(key))
        yield ok("line.ready", Area.MODEM, f"{what or 'The modem'} at {port} is ready.", name)
    elif state == "blocked":
        yield _blocked(name, port, reason)
    elif state == "absent":
        yield Finding(
            "port.missing" if "port" in reason else "line.absent",
            Area.PORTS,
            Verdict.PROBLEM,
            f"The modem is not there{why}.",
            "plug it in; modemgw goes on by itself once it is there",
            name,
        )
    elif state == "quarantined":
        yield Finding(
            "line.quarantined",
            Area.MODEM,
            Verdict.PROBLEM,
            f"The modem did not get well by anything that modemgw could do, and is left alone for a while{why}.",
            f"unplug it and plug it in, see to its power and cable; then modemgw resume {name}",
            name,
        )
    elif state == "paused":
        by_hand = bool(view.get("paused"))
        yield Finding(
            "line.paused" if by_hand else "line.error_run",
            Area.MODEM,
            Verdict.WARNING if by_hand else Verdict.PROBLEM,
            f"Nothing is sent through it{why}."
            if by_hand
            else f"Sending rests after one message after the other was refused{why}.",
            f"modemgw resume {name}"
            if by_hand
            else f"see to credit, plan and barring of the SIM (ask the operator); then modemgw resume {name}",
            name,
        )
    elif state == "searching":
        yield from _searching(view, name, now - since)
    elif state == "recovering" or now - since > ON_ITS_WAY:
        silent = "did not answer" in reason
        yield Finding(
            "modem.silent" if silent else f"line.{state}",
            Area.MODEM,
            Verdict.PROBLEM,
            f"The modem is {state}{why}.",
            f"check that {port} is its AT port and that it has power; stop modemgw and run modemgw doctor --port "
            f"{port} to have it asked"
            if silent
            else "wait a minute; then unplug it and plug it in",
            name,
        )
    else:
        yield Finding(f"line.{state}", Area.MODEM, Verdict.NOTE, f"The modem is {state}{why}.", None, name)
    yield from _radio_and_storage(view, state, name, configured_smsc)


def _radio_and_storage(view: dict[str, Any], state: str, name: str, configured_smsc: str | None) -> Iterator[Finding]:
    if state in ("ready", "paused"):
        yield from signal_findings(view.get("signal_dbm"), True, name)
        text = str(view.get("registration") or "unknown")
        yield from registration_findings(_STATS.get(text, 1), text, view.get("operator"), name, "")
        if view.get("imsi"):
            yield from smsc_findings(view.get("smsc"), configured_smsc, name)
    for fill in view.get("storage") or []:
        yield from storage_findings(str(fill["memory"]), int(fill["used"]), int(fill["total"]), name, running=True)


def _searching(view: dict[str, Any], name: str, lasts: timedelta) -> Iterator[Finding]:
    text = str(view.get("registration") or "unknown")
    stat = _STATS.get(text, 4)
    yield from signal_findings(view.get("signal_dbm"), False, name)
    if stat in (2, 4) and lasts < ON_ITS_WAY:
        yield Finding("line.searching", Area.NETWORK, Verdict.NOTE, "It searches for a network.", None, name)
        return
    yield from registration_findings(stat, text, None, name, "")


def _blocked(name: str, port: str, reason: str) -> Finding:
    for sim, sentence in SENTENCES.items():
        if reason.startswith(sentence.rstrip(".")) or reason.split(". ")[0] == sentence.split(". ")[0]:
            key, fix = _SIM_KEYS[sim]
            return Finding(key, Area.SIM, Verdict.PROBLEM, f"{reason}.", fix.format(name=name), name)
    if "in use" in reason:
        grabbed = "ModemManager" in reason
        return Finding(
            "port.held",
            Area.PORTS,
            Verdict.PROBLEM,
            f"{reason}.",
            "sudo modemgw udev install --reload (it tells ModemManager to leave modems alone), or "
            "sudo systemctl disable --now ModemManager"
            if grabbed
            else f"stop that program (sudo fuser -v {port})",
            name,
        )
    if "may not" in reason:
        return Finding(
            "port.denied",
            Area.PORTS,
            Verdict.PROBLEM,
            f"{reason}.",
            reason.partition("Run: ")[2] or "sudo modemgw udev install --reload, then plug the modem in again",
            name,
        )
    return Finding(
        "line.blocked",
        Area.MODEM,
        Verdict.PROBLEM,
        f"The line waits for a person: {reason}.",
        f"see to it, then modemgw resume {name}",
        name,
    )


def lines_in_words(modems: Sequence[dict[str, Any]]) -> str | None:
    """Why nothing goes out, by line; None where a line is ready."""
    told = []
    for view in modems:
        if view.get("state") == "ready":
            return None
        reason = str(view.get("reason") or "").rstrip(".")
        told.append(f"{view.get('name')} is {view.get('state')}" + (f" ({reason})" if reason else ""))
    return f"No line is ready: {'; '.join(told)}." if told else None
