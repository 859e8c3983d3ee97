"""What the checks found, which of it is the cause of the rest, and in which order it is told. Pure; looks at nothing.

A finding that follows from another is kept, but it counts as a note under its cause: one broken thing is one problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


_WEIGHT = {Verdict.OK: 0, Verdict.NOTE: 1, Verdict.WARNING: 2, Verdict.PROBLEM: 3}


class Area(StrEnum):
    """The headings, in the order in which they are shown."""

    CONFIGURATION = "Configuration"
    MACHINE = "This machine"
    DATABASE = "Database"
    SERVICE = "Service"
    USB = "USB"
    PORTS = "Ports"
    MODEM = "Modem"
    SIM = "SIM"
    NETWORK = "Network"
    GATEWAYS = "Online gateways"
    MESSAGES = "Messages"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `key` is stable, for programs: `sim.pin_required`."""

    key: str
    area: Area
    verdict: Verdict
    seen: str  # in sentences
    fix: str | None = None  # a command or an action
    subject: str | None = None  # the modem, or the port, that it is about
    because: str | None = None  # the key of the finding it follows from

    def as_json(self) -> dict[str, str | None]:
        """For --json."""
        return {
            "key": self.key,
            "area": self.area.value,
            "verdict": self.verdict.value,
            "subject": self.subject,
            "seen": self.seen,
            "fix": self.fix,
            "because": self.because,
        }


def ok(key: str, area: Area, seen: str, subject: str | None = None) -> Finding:
    """A finding that is as it should be."""
    return Finding(key, area, Verdict.OK, seen, None, subject)


# What follows from what: beginnings of keys. Both must be of the same modem, unless one of them is of none.
CAUSES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("service.", ("config.error", "database.", "disk.", "extras.", "port_of_http.")),
    ("database.", ("disk.",)),
    ("port.missing", ("usb.", "container.")),
    ("modem.none", ("usb.", "container.", "port.")),
    ("port.denied", ("container.",)),
    ("modem.silent", ("port.",)),
    ("line.", ("port.", "usb.", "modem.", "sim.", "container.", "disk.", "database.")),
    ("network.no_registration", ("network.no_signal", "radio.")),
    ("network.operator", ("network.", "radio.")),
    ("callbacks.", ("disk.", "database.")),
    (
        "queue.",
        (
            "port.",
            "usb.",
            "container.",
            "modem.",
            "sim.",
            "radio.",
            "network.",
            "smsc.",
            "line.",
            "service.",
            "database.",
            "disk.",
            "config.error",
            "clock.",
        ),
    ),
)

# The most probable root first. What is not named comes after all of it; so does a service that is not started yet.
_ORDER = (
    "config.",
    "disk.",
    "database.",
    "extras.",
    "container.",
    "usb.",
    "port.denied",
    "port.",
    "port_of_http.",
    "service.taken",
    "service.unauthorised",
    "service.elsewhere",
    "service.hangs",
    "service.not_ready",
    "service.door",
    "modem.",
    "sim.",
    "radio.",
    "network.no_signal",
    "network.",
    "smsc.",
    "storage.",
    "line.",
    "announce.",
    "clock.",
    "callbacks.",
    "queue.",
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, settled: causes first, what follows from them marked."""

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The causes, the most probable root first."""
        return self._of(Verdict.PROBLEM)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return self._of(Verdict.WARNING)

    def _of(self, verdict: Verdict) -> tuple[Finding, ...]:
        return tuple(sorted((f for f in self.findings if f.verdict is verdict), key=_rank))

    @property
    def top(self) -> Finding | None:
        """What to see to first; None if nothing is wrong."""
        return next(iter((*self.problems, *self.warnings)), None)

    @property
    def summary(self) -> str:
        """One sentence or two."""
        problems, warnings, top = self.problems, self.warnings, self.top
        if top is None:
            asking = [f for f in self._of(Verdict.NOTE) if f.fix and f.because is None]
            if not asking:
                return "All is well."
            more = f" ({len(asking)} notes ask for something)" if len(asking) > 1 else ""
            return f"No problems. Worth doing{more}: {asking[0].fix}"
        told = []
        if problems:
            told.append(f"{_count(len(problems), 'problem')}: {_list(problems)}.")
        if warnings:
            told.append(f"{_count(len(warnings), 'warning')}: {_list(warnings)}.")
        if not problems:
            told.insert(0, "No problems.")
        if top.fix:
            told.append(f"Do this {'first' if len(problems) + len(warnings) > 1 else 'now'}: {top.fix}")
        return " ".join(told)


def settle(findings: Iterable[Finding]) -> Diagnosis:
    """Mark what follows from something else. A cause is as bad as the worst that follows from it."""
    known = list(dict.fromkeys(findings))
    bad = [f for f in known if _WEIGHT[f.verdict] >= _WEIGHT[Verdict.WARNING]]
    cause_of = {id(f): _cause(f, bad) for f in bad}
    worst: dict[int, Verdict] = {}
    for finding in bad:
        root = finding
        seen = {id(finding)}
        while (cause := cause_of[id(root)]) is not None and id(cause) not in seen:
            seen.add(id(cause))
            root = cause
        if root is not finding:
            worst[id(root)] = max((worst.get(id(root), root.verdict), finding.verdict), key=_WEIGHT.__getitem__)
            cause_of[id(finding)] = root
    out = []
    for finding in known:
        cause = cause_of.get(id(finding))
        if cause is not None:
            finding = replace(finding, verdict=Verdict.NOTE, because=cause.key)
        elif id(finding) in worst:
            finding = replace(finding, verdict=worst[id(finding)])
        out.append(finding)
    return Diagnosis(tuple(out))


def _cause(finding: Finding, others: Sequence[Finding]) -> Finding | None:
    for effect, causes in CAUSES:
        if not finding.key.startswith(effect):
            continue
        fitting = [
            other
            for other in others
            if other.key != finding.key
            and other.key.startswith(causes)
            and not other.key.startswith(effect)
            and (finding.subject is None or other.subject is None or finding.subject == other.subject)
        ]
        if fitting:
            return min(fitting, key=lambda f: (-_WEIGHT[f.verdict], *_rank(f)))
    return None


def _rank(finding: Finding) -> tuple[int, str]:
    place = next((n for n, prefix in enumerate(_ORDER) if finding.key.startswith(prefix)), len(_ORDER))
    return place, finding.subject or ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _list(findings: Sequence[Finding]) -> str:
    return "; ".join(_short(f) for f in findings)


def _short(finding: Finding) -> str:
    """Its first sentence, with the modem it is about."""
    first = finding.seen.split(". ")[0].rstrip(".")
    return f"{finding.subject}: {first}" if finding.subject else first
