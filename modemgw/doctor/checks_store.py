"""The database as a file: may it be used, who has it, is it whole, is there room, what waits in it. Reads only.

Beside a running service it is opened read-only, as `modemgw db check` does: such a connection never checkpoints.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modemgw.doctor.findings import Area, Finding, Verdict, ok
from modemgw.doctor.host import Host, is_modemgw
from modemgw.places import CREDENTIALS_NAME

#: Free space: below the first nothing can be kept for long, below the second not for ever.
LEAST_FREE, LITTLE_FREE = 32 << 20, 256 << 20
BIG_WAL = 64 << 20
#: A larger database is not read through: it would take minutes.
CHECKED_BYTES = 512 << 20
#: An event later than the clock by so much was written under another clock.
FUTURE_S = 300

_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "glusterfs", "ceph")
_POOR = ("vfat", "exfat", "msdos", "ntfs", "ntfs3")


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in the database."""

    waiting: int = 0
    oldest_id: int | None = None
    oldest_at: int | None = None  # Unix ms
    line: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """What the history says of a line since yesterday: so often, and in these words the last time."""

    kind: str
    line: str | None
    count: int
    words: str


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What else the database tells. Times are Unix ms."""

    path: Path
    holder: int | None = None  # pid of the modemgw that has it
    queue: Queue | None = None
    newest_event: int | None = None
    failed_callbacks: int = 0
    waiting_callbacks: int = 0
    callback_error: str | None = None
    callback_url: str | None = None
    happened: tuple[Happened, ...] = ()  # to the lines, since yesterday
    held: int = 0  # messages that may have been sent before the database was brought back
    gone: tuple[tuple[str, int], ...] = ()  # accounts that left the configuration, and their messages that are held
    elsewhere: tuple[tuple[str, int], ...] = ()  # lines that messages wait for, and how many


def look_at_store(path: Path, host: Host, now_ms: int) -> tuple[list[Finding], StoreFacts]:
    """The findings, and what the database holds as far as it can be read."""
    findings: list[Finding] = []
    holder = lock_holder(path)
    folder = path.parent
    if (closed := _closed(path)) is not None:
        return [closed], StoreFacts(path, holder)
    if not folder.is_dir():
        findings.append(
            Finding(
                "database.no_folder",
                Area.DATABASE,
                Verdict.PROBLEM,
                f"The folder {folder} of the database does not exist.",
                f"sudo mkdir -p {folder}",
            )
        )
        return findings, StoreFacts(path, holder)
    findings += _room(path)
    findings += _file_system(path, host)
    if not path.exists():
        if not os.access(folder, os.W_OK):
            findings.append(_denied(folder, "make the database in"))
        else:
            findings.append(ok("database.new", Area.DATABASE, f"{path} is made at the first start."))
        return findings, StoreFacts(path, holder)
    if path.is_dir():
        findings.append(
            Finding(
                "database.no_file",
                Area.DATABASE,
                Verdict.PROBLEM,
                f"{path} is a folder, not a database.",
                "set [store] path to the name of a file",
            )
        )
        return findings, StoreFacts(path, holder)
    findings += _locked(path, holder)
    findings += _modes(path)
    findings += _links(path)
    if not os.access(path, os.R_OK) or not os.access(path, os.W_OK) or not os.access(folder, os.W_OK):
        findings.append(_denied(path, "use"))
        if not os.access(path, os.R_OK):
            return findings, StoreFacts(path, holder)
    inside, facts = _inside(path, holder, now_ms)
    return findings + inside, facts


def lock_holder(path: Path) -> int | None:
    """The process that has the database, by its lock file; None if nobody has."""
    import fcntl

    path = Path(os.path.realpath(path))  # where the service has its lock
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(pid) if pid.isdigit() else 0
        return None
    finally:
        os.close(descriptor)


def _closed(path: Path) -> Finding | None:
    """The database lies where this user may not even look."""
    try:
        path.stat()
    except PermissionError:
        return Finding(
            "database.denied",
            Area.DATABASE,
            Verdict.PROBLEM,
            f"This user may not look into the folder of {path}.",
            "run modemgw doctor as the user that modemgw runs as, or with sudo",
        )
    except OSError:
        return None
    return None


def _denied(path: Path, what: str) -> Finding:
    status = path.stat()
    return Finding(
        "database.denied",
        Area.DATABASE,
        Verdict.PROBLEM,
        f"This user may not {what} {path} ({stat.filemode(status.st_mode)}, owner {status.st_uid}).",
        "run modemgw doctor as the user that modemgw runs as, or give that user the file: "
        f"sudo chown -R modemgw {path if path.is_dir() else path.parent}",
    )


def _room(path: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(path.parent).free
    shown = f"{free / (1 << 20):.0f} MiB" if free < 10 << 30 else f"{free / (1 << 30):.0f} GiB"
    inodes = os.statvfs(path.parent)
    if free < LEAST_FREE:
        yield Finding(
            "disk.full",
            Area.DATABASE,
            Verdict.PROBLEM,
            f"The disk of {path.parent} is full ({shown} free): nothing can be accepted or received.",
            f"make room there (df -h {path.parent}), or put the database elsewhere ([store] path)",
        )
    elif inodes.f_files and inodes.f_favail == 0:
        yield Finding(
            "disk.full",
            Area.DATABASE,
            Verdict.PROBLEM,
            f"The disk of {path.parent} takes no more files (no inodes are left).",
            f"delete files there (df -i {path.parent})",
        )
    elif free < LITTLE_FREE:
        yield Finding(
            "disk.little",
            Area.DATABASE,
            Verdict.WARNING,
            f"Only {shown} are free on the disk of {path.parent}.",
            f"make room there (df -h {path.parent})",
        )
    else:
        yield ok("disk.room", Area.DATABASE, f"{shown} are free on the disk of {path.parent}.")
    wal = path.with_name(path.name + "-wal")
    with contextlib.suppress(OSError):
        size = wal.stat().st_size
        if size > BIG_WAL:
            yield Finding(
                "database.wal",
                Area.DATABASE,
                Verdict.WARNING,
                f"The write-ahead log {wal} has grown to {size >> 20} MiB: something reads the database without end.",
                f"find who has it open (sudo fuser -v {path}), end that, and restart modemgw",
            )


def _file_system(path: Path, host: Host) -> Iterator[Finding]:
    found = host.file_system(path.parent)
    if found is None:
        return
    kind, point = found
    if kind in _REMOTE or kind.startswith("fuse."):
        yield Finding(
            "database.remote",
            Area.DATABASE,
            Verdict.PROBLEM,
            f"The database lies on {point}, a {kind} file system: SQLite cannot keep it safe there (locks and shared "
            "memory do not work reliably).",
            "put the database on a local disk ([store] path)",
        )
    elif kind in _POOR:
        yield Finding(
            "database.poor_disk",
            Area.DATABASE,
            Verdict.WARNING,
            f"The database lies on {point}, a {kind} file system: it has no owners and survives power cuts badly.",
            "put the database on an ext4, xfs or btrfs disk ([store] path)",
        )


def _locked(path: Path, holder: int | None) -> Iterator[Finding]:
    if holder is None:
        return
    if holder and not is_modemgw(holder) and not Path(f"/proc/{holder}").exists():
        return
    who = f"process {holder}" if holder else "another process"
    yield ok("database.holder", Area.DATABASE, f"{path} is in use by modemgw ({who}).")


def _links(path: Path) -> Iterator[Finding]:
    """SQLite finds its log by the name of the database: under two names it has two, and damages the file."""
    links = path.stat().st_nlink
    if links > 1:
        yield Finding(
            "database.links",
            Area.DATABASE,
            Verdict.WARNING,
            f"{path} has {links} names (hard links). Whoever opens it by another one can damage it.",
            f"remove the others: sudo find {path.parent} -xdev -samefile {path}",
        )


def _modes(path: Path) -> Iterator[Finding]:
    for file, what in ((path, "texts and numbers"), (path.parent / CREDENTIALS_NAME, "passwords")):
        with contextlib.suppress(OSError):
            mode = file.stat().st_mode
            if mode & (stat.S_IRGRP | stat.S_IROTH):
                who = "everybody" if mode & stat.S_IROTH else "its group"
                yield Finding(
                    "database.mode",
                    Area.DATABASE,
                    Verdict.WARNING,
                    f"{file} holds {what} and {who} can read it.",
                    f"chmod 600 {file}",
                )


# ---------------------------------------------------------------- what is in it


def _inside(path: Path, holder: int | None, now_ms: int) -> tuple[list[Finding], StoreFacts]:
    findings: list[Finding] = []
    facts = StoreFacts(path, holder)
    if path.stat().st_size == 0:
        return [ok("database.new", Area.DATABASE, f"{path} is empty; it is filled at the first start.")], facts
    try:
        with contextlib.closing(read_only(path, holder)) as db:
            problem = _quick_check(db, path)
            if problem is not None:
                return [_corrupt(path, problem)], facts
            facts = _facts(db, path, holder, now_ms)
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or "busy" in str(error):
            findings.append(
                Finding(
                    "database.locked",
                    Area.DATABASE,
                    Verdict.PROBLEM,
                    f"{path} is locked by another program, which does not let go: {error}.",
                    f"find it with sudo fuser -v {path} and end it",
                )
            )
        elif isinstance(error, sqlite3.OperationalError) and not os.access(path.parent, os.W_OK):
            findings.append(
                Finding(
                    "database.unread", Area.DATABASE, Verdict.NOTE, f"{path} cannot be read by this user ({error})."
                )
            )
        else:
            findings.append(_corrupt(path, str(error)))
        return findings, facts
    size = path.stat().st_size
    findings.append(ok("database.whole", Area.DATABASE, f"{path} is in order ({size / (1 << 20):.1f} MiB)."))
    if facts.newest_event is not None and facts.newest_event > now_ms + FUTURE_S * 1000:
        ahead = (facts.newest_event - now_ms) / 1000
        findings.append(
            Finding(
                "clock.behind",
                Area.MACHINE,
                Verdict.PROBLEM,
                f"This machine's clock is wrong: the newest event of the database is {span(ahead)} in its future.",
                "set the clock: sudo timedatectl set-ntp true (or install chrony); date tells the time",
            )
        )
    return findings, facts


def read_only(path: Path, holder: int | None) -> sqlite3.Connection:
    """A connection that changes nothing; where nobody has the database, it leaves no files beside it either."""
    alone = holder is None and not path.with_name(path.name + "-wal").exists()
    uri = f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
    return sqlite3.connect(uri, uri=True, timeout=2)


def _quick_check(db: sqlite3.Connection, path: Path) -> str | None:
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "messages" not in tables:
        return "it is no database of modemgw"
    if path.stat().st_size > CHECKED_BYTES:
        return None
    row = db.execute("PRAGMA quick_check(1)").fetchone()
    return None if row[0] == "ok" else str(row[0])


def _corrupt(path: Path, problem: str) -> Finding:
    problem = " ".join(problem.replace("*** in database main ***", "").split())
    return Finding(
        "database.corrupt",
        Area.DATABASE,
        Verdict.PROBLEM,
        f"{path} is damaged or no database of modemgw: {problem}.",
        f"stop modemgw, keep a copy of the file, and bring back a backup: modemgw db restore COPY --database {path}",
    )


def _facts(db: sqlite3.Connection, path: Path, holder: int | None, now_ms: int) -> StoreFacts:
    def one(sql: str, *values: object) -> tuple[object, ...]:
        try:
            return tuple(db.execute(sql, values).fetchone() or ())
        except sqlite3.OperationalError:  # an older schema
            return ()

    def counted(sql: str) -> tuple[tuple[str, int], ...]:
        try:
            return tuple((str(name), int(count)) for name, count in db.execute(sql))
        except sqlite3.OperationalError:  # an older schema
            return ()

    waiting = one("SELECT count(*) FROM messages WHERE queue IN (1, 2) AND (send_at IS NULL OR send_at <= ?)", now_ms)
    oldest = one(
        "SELECT id, coalesce(send_at, created_at), line, error FROM messages"
        " WHERE queue IN (1, 2) AND (send_at IS NULL OR send_at <= ?) ORDER BY id LIMIT 1",
        now_ms,
    )
    queue = Queue(_int(waiting) or 0)
    if oldest:
        error = None if oldest[3] is None else str(oldest[3])
        queue = Queue(_int(waiting) or 0, int(str(oldest[0])), int(str(oldest[1])), str(oldest[2]), error)
    failed = one("SELECT count(*) FROM callbacks WHERE state = 'failed' AND ended_at > ?", now_ms - 86_400_000)
    tried = one("SELECT count(*) FROM callbacks WHERE state = 'waiting' AND tries > 1")
    last = one(
        "SELECT coalesce(error, 'HTTP ' || status), url FROM callbacks WHERE state IN ('waiting', 'failed')"
        " AND tries > 1 ORDER BY id DESC LIMIT 1"
    )
    happened = db.execute(
        "SELECT e.kind, coalesce(json_extract(e.data, '$.modem'), l.name), count(*),"
        " coalesce(json_extract(e.data, '$.reason'), json_extract(e.data, '$.text'), ''), max(e.id)"
        " FROM events e LEFT JOIN lines l ON l.id = e.line_id"
        " WHERE e.at > ? AND (e.kind IN ('line.power', 'line.deaf')"
        " OR (e.kind = 'line.recovering' AND e.data LIKE '%AT+CNMI%')) GROUP BY 1, 2",
        (now_ms - 86_400_000,),
    ).fetchall()
    return StoreFacts(
        path,
        holder,
        queue,
        _int(one("SELECT max(at) FROM (SELECT at FROM events ORDER BY id DESC LIMIT 100)")),
        _int(failed) or 0,
        _int(tried) or 0,
        str(last[0]) if last else None,
        str(last[1]) if last else None,
        tuple(Happened(str(row[0]), row[1], int(row[2]), str(row[3])) for row in happened),
        _int(one("SELECT count(*) FROM messages WHERE held = 'restored'")) or 0,
        counted(
            "SELECT a.login, count(*) FROM messages m JOIN accounts a ON a.id = m.account_id WHERE m.held = 'account' "
            "GROUP BY a.id"
        ),
        counted("SELECT line, count(*) FROM messages WHERE queue > 0 AND line <> '' GROUP BY line"),
    )


def _int(row: tuple[object, ...]) -> int | None:
    return int(str(row[0])) if row and row[0] is not None else None


def span(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
