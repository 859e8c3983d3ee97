"""A gateway for one modem while no service runs, so that it can be tried: on a database of its own that is removed.

Loses nothing: what the modem had for others, or got meanwhile, is taken into the true database afterwards; PINs that
were refused stay refused.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from modemgw.config import AccountSettings, Config, HttpSettings, ModemSettings, StoreSettings
from modemgw.doctor.loopback import Verdicts
from modemgw.domain.job import LineRecord
from modemgw.errors import ModemgwError
from modemgw.rules.incoming import RawPdu
from modemgw.runtime import Runtime
from modemgw.service.receiving import take_in
from modemgw.store.database import Store
from modemgw.store.repository import Repository


@dataclass(frozen=True, slots=True)
class Serving:
    """Where the gateway of the trial is."""

    url: str
    authorization: str
    store: Path


@contextlib.asynccontextmanager
async def serving(modem: ModemSettings, store_path: Path, verdicts: list[Verdicts]) -> AsyncIterator[Serving]:
    """A running gateway with this modem and no other front door. Raises ModemgwError if it cannot start."""
    with tempfile.TemporaryDirectory(prefix="modemgw-loopback-") as name:
        store = Path(name) / "modemgw.db"
        pins = (store_path.with_name(store_path.name + ".pins"), store.with_name(store.name + ".pins"))
        _copy(*pins)
        key = secrets.token_urlsafe(24)
        runtime = Runtime(
            Config(
                http=HttpSettings(listen="127.0.0.1:0"),
                store=StoreSettings(path=str(store)),
                modem=[modem],
                account=[AccountSettings(login="doctor", api_key=key)],
            )
        )
        try:
            await runtime.start()
            yield Serving(runtime.url, f"Bearer {key}", store)
        finally:
            try:
                await runtime.stop()
            finally:
                if pins[1].exists():
                    _copy(pins[1], pins[0])
                told = await _bring_home(store, store_path, modem.name)
                if told is not None and verdicts:
                    verdicts[0].kept = told


def _copy(source: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(source, target)
        target.chmod(0o600)


@dataclass(frozen=True, slots=True)
class _Foreign:
    """What is not of the trial."""

    line: dict[str, str | None]
    pdus: list[RawPdu]


async def _bring_home(store: Path, home: Path, name: str) -> str | None:
    """Take what is not of the trial into the true database; what was done, in a sentence."""
    foreign = _foreign(store)
    if not foreign.pdus:
        return None
    try:
        true = await Store.open(home, lambda: time.time_ns() // 1_000_000)
        try:
            repository = Repository(true)
            line = foreign.line
            line_id = await repository.ensure_line(
                name, imsi=line["imsi"], iccid=line["iccid"], imei=line["imei"], number=line["number"]
            )
            record = LineRecord(line_id, name, line["imsi"], line["number"], None)
            taken = await take_in(repository, record, foreign.pdus)
        finally:
            await true.close()
    except (ModemgwError, OSError) as error:
        kept = home.parent / f"{home.stem}-loopback-{time.strftime('%Y%m%d-%H%M%S')}.db"
        try:
            shutil.copyfile(store, kept)
        except OSError:
            kept = Path(tempfile.mkdtemp(prefix="modemgw-kept-")) / store.name
            shutil.copyfile(store, kept)
        kept.chmod(0o600)
        return f"{len(foreign.pdus)} PDUs of others came in and are kept in {kept}: {error}"
    return f"{taken.new} PDUs of others came in and were taken into {home}."


def _foreign(store: Path) -> _Foreign:
    """PDUs that belong to no trial: messages with another text, and reports that nobody was waiting for."""
    nobody: dict[str, str | None] = {"imsi": None, "iccid": None, "imei": None, "number": None}
    if not store.exists():
        return _Foreign(nobody, [])
    with contextlib.closing(sqlite3.connect(store)) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute(
            "SELECT p.hex, p.memory, p.idx FROM pdus p"
            " LEFT JOIN groups g ON g.id = p.group_id"
            " LEFT JOIN inbox i ON i.id = coalesce(p.inbox_id, g.inbox_id)"
            " WHERE CASE p.kind"
            " WHEN 'report' THEN EXISTS (SELECT 1 FROM receipts r WHERE r.pdu_id = p.id AND r.matched = 0)"
            " ELSE i.text IS NULL OR i.text NOT IN (SELECT text FROM messages WHERE text IS NOT NULL) END"
            " ORDER BY p.id"
        ).fetchall()
        line = db.execute("SELECT imsi, iccid, imei, number FROM lines ORDER BY last_seen DESC LIMIT 1").fetchone()
        known = nobody if line is None else {key: line[key] for key in nobody}
        return _Foreign(known, [RawPdu(row["hex"], row["memory"], row["idx"]) for row in rows])
