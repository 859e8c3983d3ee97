"""The schema, as migrations of sqlite-utils. Owns tables and indexes; queries live beside their use.

Times are Unix milliseconds. `messages.queue`: 0 not waiting, 1 ready to be claimed, 2 waits until `due_at`, 3 held.
The partial indexes on it are what keeps a claim as fast with a million rows queued as with none.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from modemgw.store.errors import StoreCorrupt, StoreError

migrations = Migrations("modemgw")

_FIRST = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    login TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE lines (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,          -- imsi:…, iccid:…, imei:… or name:…, the first that is known
    name TEXT NOT NULL,                -- of the modem it was last seen in
    imsi TEXT, iccid TEXT, imei TEXT, number TEXT,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts(id),
    recipient TEXT NOT NULL,           -- as it goes into TP-DA
    text TEXT, data BLOB, udh BLOB,
    encoding TEXT NOT NULL,            -- gsm7, ucs2, data8
    locking INTEGER NOT NULL, single INTEGER NOT NULL,
    flash INTEGER NOT NULL, pid INTEGER NOT NULL, dcs INTEGER,
    priority INTEGER NOT NULL,
    line TEXT NOT NULL,                -- the line that must send it; empty: any
    report INTEGER NOT NULL,
    on_doubt TEXT NOT NULL,
    client_ref TEXT, ref TEXT,
    dialect TEXT NOT NULL, extra TEXT,
    parts INTEGER NOT NULL,
    state TEXT NOT NULL,
    queue INTEGER NOT NULL,
    due_at INTEGER, expires_at INTEGER, doubt_at INTEGER, send_at INTEGER,
    validity_s INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    error TEXT, error_code INTEGER, st INTEGER
) STRICT;
CREATE INDEX messages_ready ON messages (line, priority DESC, id) WHERE queue = 1;
CREATE INDEX messages_later ON messages (due_at) WHERE queue = 2;
CREATE INDEX messages_expiry ON messages (expires_at) WHERE queue > 0;
CREATE INDEX messages_doubt ON messages (doubt_at) WHERE doubt_at IS NOT NULL;
CREATE INDEX messages_sending ON messages (id) WHERE state = 'sending';
CREATE UNIQUE INDEX messages_client_ref ON messages (account_id, client_ref) WHERE client_ref IS NOT NULL;
CREATE INDEX messages_ref ON messages (account_id, ref) WHERE ref IS NOT NULL;
CREATE INDEX messages_state ON messages (account_id, state);

CREATE TABLE parts (
    message_id INTEGER NOT NULL REFERENCES messages(id),
    seq INTEGER NOT NULL,              -- from 1
    state TEXT NOT NULL,
    line_id INTEGER REFERENCES lines(id),
    tail TEXT,                         -- what reports are matched by, see service/matching.py
    mr INTEGER,
    sent_at INTEGER, done_at INTEGER,
    error TEXT, error_code INTEGER, st INTEGER,
    PRIMARY KEY (message_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX parts_match ON parts (line_id, tail, mr) WHERE line_id IS NOT NULL;

CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL, seq INTEGER NOT NULL,
    n INTEGER NOT NULL,                -- from 1, for the part
    line_id INTEGER NOT NULL REFERENCES lines(id),
    started_at INTEGER NOT NULL, ended_at INTEGER,
    outcome TEXT NOT NULL,             -- started, sent, rejected, not_sent, unknown
    mr INTEGER, error TEXT, error_code INTEGER,
    rd INTEGER NOT NULL DEFAULT 0      -- TP-RD was set: a resend
) STRICT;
CREATE INDEX attempts_part ON attempts (message_id, seq);
CREATE INDEX attempts_open ON attempts (line_id) WHERE outcome = 'started';
CREATE INDEX attempts_doubt ON attempts (line_id) WHERE outcome = 'unknown';

CREATE TABLE pdus (
    id INTEGER PRIMARY KEY,
    line_id INTEGER NOT NULL REFERENCES lines(id),
    memory TEXT, idx INTEGER,          -- where it lay; none when it came direct
    hex TEXT NOT NULL,                 -- as read, with the SMSC prefix
    digest BLOB NOT NULL,
    kind TEXT NOT NULL,                -- deliver, report, undecodable
    received_at INTEGER NOT NULL,
    group_id INTEGER, seq INTEGER,
    inbox_id INTEGER,
    note TEXT
) STRICT;
CREATE INDEX pdus_digest ON pdus (line_id, digest);
CREATE INDEX pdus_group ON pdus (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX pdus_inbox ON pdus (inbox_id) WHERE inbox_id IS NOT NULL;

CREATE TABLE groups (                  -- concatenated messages coming in
    id INTEGER PRIMARY KEY,
    line_id INTEGER NOT NULL, sender TEXT NOT NULL,
    reference INTEGER NOT NULL, total INTEGER NOT NULL, wide INTEGER NOT NULL,
    first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
    scts INTEGER,
    inbox_id INTEGER,
    complete INTEGER NOT NULL
) STRICT;
CREATE INDEX groups_key ON groups (line_id, sender, reference, total, wide) WHERE complete = 0;
CREATE INDEX groups_waiting ON groups (first_at) WHERE complete = 0 AND inbox_id IS NULL;

CREATE TABLE inbox (
    id INTEGER PRIMARY KEY,
    line_id INTEGER NOT NULL REFERENCES lines(id),
    sender TEXT NOT NULL, recipient TEXT,
    text TEXT, kind TEXT NOT NULL, data BLOB,
    received_at INTEGER NOT NULL,
    scts INTEGER, scts_offset_s INTEGER,
    parts INTEGER NOT NULL, missing TEXT NOT NULL, complete INTEGER NOT NULL,
    port_to INTEGER, port_from INTEGER
) STRICT;

CREATE TABLE receipts (
    id INTEGER PRIMARY KEY,
    line_id INTEGER NOT NULL, pdu_id INTEGER NOT NULL,
    mr INTEGER NOT NULL, recipient TEXT NOT NULL, tail TEXT NOT NULL,
    st INTEGER NOT NULL, scts INTEGER, done_at INTEGER,
    received_at INTEGER NOT NULL,
    matched INTEGER NOT NULL           -- 0 nobody's, 1 one part's, 2 ambiguous
) STRICT;
CREATE INDEX receipts_unmatched ON receipts (line_id, tail) WHERE matched = 0;

CREATE TABLE receipt_parts (
    message_id INTEGER NOT NULL, seq INTEGER NOT NULL, receipt_id INTEGER NOT NULL,
    ambiguous INTEGER NOT NULL,
    PRIMARY KEY (message_id, seq, receipt_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    account_id INTEGER, message_id INTEGER, part INTEGER,
    line_id INTEGER, inbox_id INTEGER,
    data TEXT
) STRICT;
CREATE INDEX events_message ON events (message_id) WHERE message_id IS NOT NULL;

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


@migrations()
def m001_first(db: Database) -> None:
    """The schema of the first release."""
    _run(db, _FIRST)


_SECOND = """
ALTER TABLE messages ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;    -- of all parts, in 1/10000, as at acceptance
ALTER TABLE messages ADD COLUMN charged INTEGER NOT NULL DEFAULT 0; -- what of it is in accounts.spent
ALTER TABLE messages ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;  -- 1: its dialect was told to delete it
CREATE INDEX messages_time ON messages (account_id, created_at);
CREATE INDEX messages_tail ON messages (account_id, substr(recipient, -8));

ALTER TABLE accounts ADD COLUMN spent INTEGER NOT NULL DEFAULT 0;   -- counted down from the balance, in 1/10000

CREATE INDEX inbox_received ON inbox (received_at);
CREATE INDEX inbox_tail ON inbox (substr(sender, -8));

CREATE TABLE records (                 -- what dialects keep
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- may be shown: never given twice
    account_id INTEGER NOT NULL REFERENCES accounts(id),
    space TEXT NOT NULL,               -- smsc.template, devino.session, …
    key TEXT NOT NULL,
    data TEXT NOT NULL,                -- JSON object
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, expires_at INTEGER,
    UNIQUE (account_id, space, key)
) STRICT;
CREATE INDEX records_list ON records (account_id, space, id);
CREATE INDEX records_key ON records (space, key);
CREATE INDEX records_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE record_counts (
    account_id INTEGER NOT NULL, space TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (account_id, space)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER records_made AFTER INSERT ON records BEGIN
    INSERT INTO record_counts VALUES (new.account_id, new.space, 1)
    ON CONFLICT DO UPDATE SET count = count + 1; END;
CREATE TRIGGER records_gone AFTER DELETE ON records BEGIN
    UPDATE record_counts SET count = count - 1 WHERE account_id = old.account_id AND space = old.space; END;
"""


@migrations()
def m002_dialects(db: Database) -> None:
    """Costs, what was spent, records of the dialects, and indexes for their lists."""
    _run(db, _SECOND)


_THIRD = """
CREATE TABLE callbacks (               -- requests to clients' URLs, see store/callbacks.py
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- receivers know them by it: never given twice
    account_id INTEGER NOT NULL REFERENCES accounts(id),
    dialect TEXT NOT NULL,             -- that worded it
    stream TEXT NOT NULL,              -- those of one go out in order
    host TEXT NOT NULL,                -- host:port
    follows INTEGER NOT NULL,          -- 1: the URL is the account's callback_url
    event_id INTEGER NOT NULL, message_id INTEGER, inbox_id INTEGER,
    method TEXT NOT NULL, url TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL,
    context TEXT NOT NULL,             -- JSON, goes back to the dialect with the reply
    state TEXT NOT NULL,               -- waiting, done, failed, dropped
    created_at INTEGER NOT NULL,
    since INTEGER NOT NULL,            -- when its time to be given up began: made, or replayed
    due_at INTEGER,                    -- while it waits and is the first of its stream
    ended_at INTEGER,
    tries INTEGER NOT NULL,
    status INTEGER, error TEXT         -- of the last try; no status: no answer
) STRICT;
CREATE INDEX callbacks_due ON callbacks (host, due_at, id) WHERE state = 'waiting' AND due_at IS NOT NULL;
CREATE INDEX callbacks_stream ON callbacks (stream, id) WHERE state = 'waiting';
CREATE INDEX callbacks_ended ON callbacks (state, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX callbacks_list ON callbacks (account_id, state);
"""


@migrations()
def m003_callbacks(db: Database) -> None:
    """The queue of callbacks."""
    _run(db, _THIRD)


_SMPP = """
CREATE TABLE smpp_pieces (             -- parts of a long message as an SMPP client hands them in
    id INTEGER PRIMARY KEY,            -- message_id of its submit_sm_resp, of the same sequence as messages.id
    account_id INTEGER NOT NULL REFERENCES accounts(id),
    key TEXT NOT NULL, grp INTEGER NOT NULL, seq INTEGER NOT NULL,
    data TEXT NOT NULL,                -- JSON, see smpp/submission.py
    created_at INTEGER NOT NULL,
    message_id INTEGER,                -- what it became a part of
    lost_at INTEGER                    -- its fellows never came
) STRICT;
CREATE INDEX smpp_pieces_waiting ON smpp_pieces (account_id, key) WHERE message_id IS NULL;
CREATE INDEX smpp_pieces_old ON smpp_pieces (created_at) WHERE message_id IS NULL AND lost_at IS NULL;
CREATE INDEX smpp_pieces_group ON smpp_pieces (grp);

CREATE TABLE smpp_deliveries (         -- deliver_sm that wait for their deliver_sm_resp
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts(id),
    priority INTEGER NOT NULL,
    kind TEXT NOT NULL,                -- receipt, inbox
    inbox_id INTEGER, data TEXT,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX smpp_deliveries_head ON smpp_deliveries (account_id, priority DESC, id);
CREATE INDEX smpp_deliveries_age ON smpp_deliveries (created_at);

CREATE TABLE smpp_receivers (account_id INTEGER PRIMARY KEY, since INTEGER NOT NULL) STRICT;
"""


@migrations()
def m004_smpp(db: Database) -> None:
    """Pieces of long messages and the queue of deliveries of SMPP clients."""
    _run(db, _SMPP)


_LIVES = """
ALTER TABLE messages ADD COLUMN held TEXT; -- why it waits for a person (domain.message.Hold); queue is 3 then, or 0
CREATE INDEX messages_held ON messages (held, account_id) WHERE held IS NOT NULL;
CREATE TRIGGER messages_stay_held AFTER UPDATE OF queue, held ON messages
WHEN new.held IS NOT NULL AND new.queue IN (1, 2) BEGIN
    UPDATE messages SET queue = 3 WHERE id = new.id; END;

CREATE TABLE id_floors (               -- ids up to these were given, perhaps in a life of the database that is gone
    name TEXT PRIMARY KEY, id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO id_floors VALUES ('messages', 0), ('inbox', 0), ('receipts', 0);
CREATE TRIGGER messages_ids AFTER DELETE ON messages BEGIN
    UPDATE id_floors SET id = max(id, old.id) WHERE name = 'messages'; END;
CREATE TRIGGER smpp_pieces_ids AFTER DELETE ON smpp_pieces BEGIN
    UPDATE id_floors SET id = max(id, old.id) WHERE name = 'messages'; END;
CREATE TRIGGER inbox_ids AFTER DELETE ON inbox BEGIN
    UPDATE id_floors SET id = max(id, old.id) WHERE name = 'inbox'; END;
CREATE TRIGGER receipts_ids AFTER DELETE ON receipts BEGIN
    UPDATE id_floors SET id = max(id, old.id) WHERE name = 'receipts'; END;
CREATE TRIGGER events_ids BEFORE DELETE ON events WHEN old.id = (SELECT max(id) FROM events) BEGIN
    SELECT raise(IGNORE); END;         -- the newest stays: ids go on from it
"""


@migrations()
def m_lives(db: Database) -> None:
    """Messages that wait for a person, and ids that are never given twice, whatever is deleted or brought back."""
    _run(db, _LIVES)


def _run(db: Database, script: str) -> None:
    """Its statements one by one, inside the transaction of the migration (`executescript` would end that)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


_INCOMING = """
ALTER TABLE pdus ADD COLUMN scts INTEGER;       -- of a part: by it parts are joined
ALTER TABLE pdus ADD COLUMN copies INTEGER NOT NULL DEFAULT 1; -- how often it came
ALTER TABLE groups ADD COLUMN settle_at INTEGER; -- it has all parts, and is whole then if no other part fits better
CREATE INDEX groups_settling ON groups (settle_at) WHERE settle_at IS NOT NULL;
DROP INDEX groups_key;
CREATE INDEX groups_key ON groups (line_id, sender, reference, total, wide, last_at) WHERE complete = 0;
CREATE INDEX groups_whole ON groups (line_id, sender, reference, total, wide, last_at) WHERE complete = 1;
"""


@migrations()
def m_incoming(db: Database) -> None:
    """What tells parts and copies of incoming messages apart."""
    _run(db, "\n".join(line.partition("--")[0] for line in _INCOMING.splitlines()))


_COPIES = """
ALTER TABLE attempts ADD COLUMN number_suffix TEXT;    -- of the recipient: what reports are matched by
ALTER TABLE attempts ADD COLUMN unreferenced INTEGER NOT NULL DEFAULT 0; -- 1: its payload went out, mr is not known
ALTER TABLE attempts ADD COLUMN st INTEGER;            -- of the last report about this copy
UPDATE attempts SET number_suffix = (SELECT tail FROM parts p WHERE p.message_id = attempts.message_id
    AND p.seq = attempts.seq), unreferenced = (mr IS NULL AND outcome = 'unknown'),
    st = (SELECT st FROM parts p WHERE p.message_id = attempts.message_id AND p.seq = attempts.seq
    AND p.mr = attempts.mr);
CREATE INDEX attempts_mr ON attempts (line_id, number_suffix, mr) WHERE mr IS NOT NULL;
CREATE INDEX attempts_unreferenced ON attempts (line_id, number_suffix) WHERE unreferenced = 1;
DROP INDEX parts_match;
DROP INDEX attempts_doubt;
CREATE INDEX attempts_line ON attempts (line_id, id);
ALTER TABLE messages ADD COLUMN refunded INTEGER NOT NULL DEFAULT 0;     -- what of charged was given back
CREATE INDEX receipts_ambiguous ON receipts (line_id) WHERE matched = 2;
CREATE TABLE centre_clocks (           -- how service centres' clocks differ from ours, see rules/centre_clock.py
    line_id INTEGER NOT NULL, centre TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (line_id, centre)
) STRICT, WITHOUT ROWID;
"""


@migrations()
def m_copies(db: Database) -> None:
    """Every attempt whose payload went out is a copy of its own, with its own report."""
    _run(db, _COPIES)


_CENTRES = """
ALTER TABLE receipts ADD COLUMN centre TEXT;    -- address of the service centre, hex as in the PDU
"""


@migrations()
def m_centres(db: Database) -> None:
    """Which service centre a report came from: each has a clock of its own."""
    _run(db, _CENTRES)


_DECIDED = """
CREATE TRIGGER messages_let_go AFTER UPDATE OF state ON messages
WHEN new.held IS NOT NULL AND new.state NOT IN ('queued', 'sending', 'unknown') BEGIN
    UPDATE messages SET held = NULL WHERE id = new.id; END;
UPDATE messages SET held = NULL WHERE held IS NOT NULL AND (state NOT IN ('queued', 'sending', 'unknown')
    OR held = 'account' AND state = 'unknown' AND queue = 0 AND doubt_at IS NULL);
"""


@migrations()
def m_decided(db: Database) -> None:
    """A message about which nothing is left to decide is not held."""
    _run(db, _DECIDED)


_WAYS = """
CREATE TABLE upstream_tries (          -- messages as they were handed to online gateways, see store/upstream.py
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL,
    line_id INTEGER NOT NULL REFERENCES lines(id),
    ref TEXT NOT NULL,                 -- ours, as the gateway was told it
    started_at INTEGER NOT NULL,
    state TEXT NOT NULL,               -- started, doubt, taken, ended
    asks INTEGER NOT NULL DEFAULT 0,   -- how often the gateway was asked about it
    ask_at INTEGER,                    -- when it is asked next
    cost INTEGER NOT NULL DEFAULT 0    -- in 1/10000 of the gateway's currency
) STRICT;
CREATE INDEX upstream_tries_ask ON upstream_tries (line_id, state, ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX upstream_tries_ref ON upstream_tries (line_id, ref);
CREATE INDEX upstream_tries_message ON upstream_tries (message_id);
CREATE INDEX upstream_tries_open ON upstream_tries (id) WHERE state = 'started';
CREATE INDEX upstream_tries_cost ON upstream_tries (line_id, started_at, cost) WHERE cost > 0;
CREATE TABLE upstream_ids (            -- what gateways call a message, or a segment of one
    line_id INTEGER NOT NULL, id TEXT NOT NULL,
    try_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,              -- the part; 0: the text as a whole
    state TEXT,                        -- what was told of it last
    PRIMARY KEY (line_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX upstream_ids_try ON upstream_ids (try_id);
CREATE TABLE upstream_early (          -- what was told of an id before the answer that gives it
    id INTEGER PRIMARY KEY,
    line_id INTEGER NOT NULL, name TEXT NOT NULL, fate TEXT NOT NULL, received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX upstream_early_name ON upstream_early (line_id, name);
CREATE TABLE upstream_inbox (          -- incoming texts of gateways that were taken in
    line_id INTEGER NOT NULL, id TEXT NOT NULL, inbox_id INTEGER NOT NULL,
    PRIMARY KEY (line_id, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE upstream_links (          -- what is kept of a gateway, by the name of its line
    name TEXT PRIMARY KEY, token TEXT NOT NULL, cursor TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
"""


@migrations()
def m_ways(db: Database) -> None:
    """Online gateways: what they were given, what they call it, what they told."""
    _run(db, _WAYS)


_ALERTS = """
CREATE TABLE alerts (                  -- troubles that were told and are not over
    rule TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL,
    since INTEGER NOT NULL, told_at INTEGER NOT NULL,
    PRIMARY KEY (rule, key)
) STRICT, WITHOUT ROWID;
"""


@migrations()
def m_alerts(db: Database) -> None:
    """What was told by alerts: once, also over a restart."""
    _run(db, _ALERTS)


def check(db: Database) -> None:
    """Raises StoreError for a database of a later modemgw, StoreCorrupt for one of another program."""
    applied = {migration.name for migration in migrations.applied(db)}
    if not applied and any(name != migrations.migrations_table for name in db.table_names()):
        raise StoreCorrupt("It is an SQLite database, but not one of modemgw. [store] path must name another file.")
    unknown = applied - {migration.name for migration in migrations._migrations}
    if unknown:
        raise StoreError(
            f"It was written by a newer modemgw (it has {', '.join(sorted(unknown))}). "
            "Install that version again, or give this one its own [store] path."
        )


def apply(db: Database) -> list[str]:
    """Bring the database up to date; the names of the migrations that were run."""
    pending = [migration.name for migration in migrations.pending(db)]
    migrations.apply(db)
    return pending
