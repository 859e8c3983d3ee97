"""`--bundle`: one archive for a bug report, with nothing in it that is anybody's business. Owns what goes in.

What is taken out, and how, is `redact`'s.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from modemgw import __version__
from modemgw.doctor.checks_store import lock_holder, read_only
from modemgw.doctor.examine import Report
from modemgw.doctor.redact import Scrubber, secrets_in
from modemgw.errors import ModemgwError
from modemgw.modem.quirks.learned import LearnedStore, learned_path
from modemgw.modem.tracing.trace_redact import redact_trace
from modemgw.places import CREDENTIALS_NAME

EVENTS = 500
LOG_LINES = 400
TRACE_BYTES = 4 << 20
JOURNAL_S = 10

_PACKAGES = (
    "aiohttp",
    "click",
    "pydantic",
    "pyserial",
    "sqlite-utils",
    "jinja2",
    "defusedxml",
    "pyudev",
    "aiosmtpd",
    "prometheus-client",
    "phonenumbers",
    "cryptography",
    "python-gsmmodem-new",
)

_README = """\
Made by `modemgw doctor --bundle` (modemgw {version}, {at}), for a bug report.

Telephone numbers are hashed: #7 and ten other digits is a number of country 7. The same number gives the same hash
everywhere in this archive but for the traces, which have hashes of their own. The salt is not kept: nobody can go back,
and another bundle has other hashes. Texts of messages, passwords, keys, PINs, logins and URLs of callbacks are removed.
Of IMEI, IMSI and ICCID the beginning stays (model; country and network; issuer). Look through it before you send it.

{files}
"""


class BundleError(ModemgwError):
    """The archive cannot be written."""


def write_bundle(target: Path, report: Report, log: Path | None = None, salt: bytes | None = None) -> list[str]:
    """Write the archive, mode 0600; the names of what is in it. Raises BundleError."""
    scrubber = Scrubber(salt if salt is not None else os.urandom(16), _secrets(report))
    told: dict[str, str] = {}
    files: dict[str, str] = {}
    for name, about, content in _files(report, scrubber, log):
        told[name], files[name] = about, content
    lines = "\n".join(f"{name:<24} {about}" for name, about in told.items())
    at = report.at.isoformat(timespec="seconds")
    files = {"README.txt": _README.format(version=__version__, at=at, files=lines), **files}
    draft = None
    try:
        # a file of our own, mode 0600: one that waits under a known name would stay that of whoever put it there
        descriptor, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(descriptor, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
            for name, content in files.items():
                data = content.encode("utf-8", "replace")
                entry = tarfile.TarInfo(f"modemgw-report/{name}")
                entry.size, entry.mtime, entry.mode = len(data), int(report.at.timestamp()), 0o600
                archive.addfile(entry, io.BytesIO(data))
        os.replace(draft, target)
    except OSError as error:
        if draft is not None:
            with contextlib.suppress(OSError):
                os.unlink(draft)
        raise BundleError(f"{target} cannot be written: {error.strerror or error}.") from error
    return list(files)


def _files(report: Report, scrubber: Scrubber, log: Path | None) -> Iterator[tuple[str, str, str]]:
    """(name, what it is, content)."""
    yield "doctor.json", "what the doctor found", _json(scrubber.value(report.as_json()))
    yield "versions.json", "of modemgw, Python, SQLite, the system and the packages", _json(_versions())
    settings = _settings(report.setup.path)
    if settings is not None:
        yield "config.json", "the configuration without secrets", _json(scrubber.settings(settings))
    if report.service.modems:
        yield "modems.json", "the modems as the service sees them", _json(scrubber.value(report.service.modems))
    if report.answers:
        asked = [
            {
                "port": answers.port,
                "heard": answers.probe.heard.value,
                "after_s": round(answers.probe.after_s, 2),
                "said": {question: [scrubber.text(line) for line in lines] for question, lines in answers.said.items()},
                "refused": scrubber.value(answers.refused),
                "trouble": answers.trouble,
            }
            for answers in report.answers
        ]
        yield "answers.json", "what modems answered to the doctor's questions", _json(asked)
    learned = LearnedStore(learned_path(report.setup.store_path)).devices()
    if learned:
        known = [
            {
                "imei": scrubber.identity(d.imei),
                "model": d.model,
                "firmware": d.firmware,
                "at": d.at,
                "values": scrubber.value(d.values),
            }
            for d in learned
        ]
        yield "learned.json", "what modems have taught", _json(known)
    events = list(_events(report.setup.store_path, scrubber))
    if events:
        yield "events.jsonl", f"the last {len(events)} events", "".join(f"{json.dumps(e)}\n" for e in events)
    lines = _log(log, scrubber)
    if lines:
        yield "log.txt", "the end of the log, without what debugging says", "\n".join(lines) + "\n"
    yield from _traces(report, scrubber)


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"


def _versions() -> dict[str, Any]:
    packages = {}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            packages[name] = metadata.version(name)
    system = {}
    with contextlib.suppress(OSError):
        system = platform.freedesktop_os_release()
    return {
        "modemgw": __version__,
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "system": system.get("PRETTY_NAME", platform.system()),
        "packages": packages,
    }


def _settings(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _secrets(report: Report) -> set[str]:
    """What must not be found anywhere: of the configuration, and of the credentials file beside the database."""
    found = secrets_in(_settings(report.setup.path) or {})
    return found | secrets_in(_settings(report.setup.store_path.parent / CREDENTIALS_NAME) or {})


def _events(store: Path, scrubber: Scrubber) -> Iterator[dict[str, Any]]:
    if not store.is_file():
        return
    try:
        with contextlib.closing(read_only(store, lock_holder(store))) as db:
            rows = db.execute(
                "SELECT e.id, e.at, e.kind, e.message_id, e.part, l.name, e.inbox_id, e.data FROM events e"
                " LEFT JOIN lines l ON l.id = e.line_id ORDER BY e.id DESC LIMIT ?",
                (EVENTS,),
            ).fetchall()
    except sqlite3.Error:
        return
    for row in reversed(rows):
        data: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            data = json.loads(row[7]) if row[7] else {}
        yield {
            "id": row[0],
            "at": row[1],
            "kind": row[2],
            "message": row[3],
            "part": row[4],
            "line": scrubber.text(row[5]) if row[5] else None,
            "inbox": row[6],
            "data": scrubber.value(data, str(row[2])),
        }


def _log(named: Path | None, scrubber: Scrubber) -> list[str]:
    """The end of the log: of a file that was named, else of the service's journal."""
    text = ""
    if named is not None:
        try:
            with named.open("rb") as file:
                file.seek(max(0, named.stat().st_size - (1 << 20)))
                text = file.read().decode("utf-8", "replace")
        except OSError as error:
            raise BundleError(f"{named} cannot be read: {error.strerror}.") from error
    elif (journal := shutil.which("journalctl")) is not None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            text = subprocess.run(  # noqa: S603 (found on the PATH, no words of others)
                [journal, "-u", "modemgw", "-n", "1000", "-o", "cat", "--no-pager", "-q"],
                capture_output=True,
                timeout=JOURNAL_S,
                check=False,
            ).stdout.decode("utf-8", "replace")
    kept = [line for raw in text.splitlines() if (line := scrubber.log_line(raw)) is not None]
    return kept[-LOG_LINES:]


def _traces(report: Report, scrubber: Scrubber) -> Iterator[tuple[str, str, str]]:
    """AT traces, if there are any: the newest lines of each."""
    config = report.setup.config
    if config is None:
        folder = report.setup.store_path.with_name(report.setup.store_path.name + ".traces")
    else:
        folder = config.trace.directory(config.store_path, config.path)
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob("*.trace")):
            with path.open("rb") as file:
                header = file.readline()
                file.seek(max(len(header), path.stat().st_size - TRACE_BYTES))
                if file.tell() > len(header):
                    file.readline()  # the rest of a line that was cut
                text = (header + file.read()).decode("utf-8", "replace")
            lines = redact_trace(text.splitlines(), scrubber.salt)
            name = scrubber.text(path.name)
            yield f"traces/{name}", "what went over the modem's port", "\n".join(lines) + "\n"
