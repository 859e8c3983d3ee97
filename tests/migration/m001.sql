BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'modemgw','m001_first','2026-01-01 00:00:00.000000+00:00');
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    login TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "accounts" VALUES(1,'shop');
INSERT INTO "accounts" VALUES(2,'other');
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
INSERT INTO "attempts" VALUES(1,1,1,1,1,1700000000000,1700000000000,'sent',5,NULL,NULL,0);
INSERT INTO "attempts" VALUES(2,2,1,1,1,1700000000000,1700000000000,'sent',6,NULL,NULL,0);
INSERT INTO "attempts" VALUES(3,3,1,1,1,1700000000000,NULL,'started',NULL,NULL,NULL,0);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    account_id INTEGER, message_id INTEGER, part INTEGER,
    line_id INTEGER, inbox_id INTEGER,
    data TEXT
) STRICT;
INSERT INTO "events" VALUES(1,1700000000000,'message.queued',1,1,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(2,1700000000000,'part.sending',1,1,1,1,NULL,NULL);
INSERT INTO "events" VALUES(3,1700000000000,'part.sent',1,1,1,1,NULL,'{"mr":5}');
INSERT INTO "events" VALUES(4,1700000000000,'message.sent',1,1,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(5,1700000000000,'receipt.matched',1,1,1,1,NULL,'{"mr":5,"st":0,"meaning":"delivered"}');
INSERT INTO "events" VALUES(6,1700000000000,'message.delivered',1,1,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(7,1700000000000,'message.queued',1,2,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(8,1700000000000,'part.sending',1,2,1,1,NULL,NULL);
INSERT INTO "events" VALUES(9,1700000000000,'part.sent',1,2,1,1,NULL,'{"mr":6}');
INSERT INTO "events" VALUES(10,1700000000000,'message.queued',1,3,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(11,1700000000000,'part.sending',1,3,1,1,NULL,NULL);
INSERT INTO "events" VALUES(12,1700000000000,'inbox.received',NULL,NULL,NULL,1,1,NULL);
INSERT INTO "events" VALUES(13,1700000000000,'inbox.partial',NULL,NULL,NULL,1,2,NULL);
CREATE TABLE groups (                  -- concatenated messages coming in
    id INTEGER PRIMARY KEY,
    line_id INTEGER NOT NULL, sender TEXT NOT NULL,
    reference INTEGER NOT NULL, total INTEGER NOT NULL, wide INTEGER NOT NULL,
    first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
    scts INTEGER,
    inbox_id INTEGER,
    complete INTEGER NOT NULL
) STRICT;
INSERT INTO "groups" VALUES(1,1,'+79161112233',7,2,0,1700000000000,1700000000000,1700000000000,2,0);
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
INSERT INTO "inbox" VALUES(1,1,'+79161112233','+79990000000','hi','text',NULL,1700000000000,1700000000000,0,1,'[]',1,NULL,NULL);
INSERT INTO "inbox" VALUES(2,1,'+79161112233','+79990000000','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa[…]','text',NULL,1700000000000,1700000000000,0,2,'[2]',0,NULL,NULL);
CREATE TABLE lines (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,          -- imsi:…, iccid:…, imei:… or name:…, the first that is known
    name TEXT NOT NULL,                -- of the modem it was last seen in
    imsi TEXT, iccid TEXT, imei TEXT, number TEXT,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;
INSERT INTO "lines" VALUES(1,'imsi:25001a','a','25001a',NULL,NULL,'+79990000000',1700000000000,1700000000000);
INSERT INTO "lines" VALUES(2,'imsi:25001b','b','25001b',NULL,NULL,'+79990000001',1700000000000,1700000000000);
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
INSERT INTO "messages" VALUES(1,1,'+79160000001','Привет',NULL,NULL,'ucs2',0,0,0,0,NULL,0,'',1,'hold','order-1','r1','native','{"ref": "r1"}',1,'delivered',0,NULL,1700259200000,NULL,NULL,259200,0,1700000000000,1700000000000,NULL,NULL,0);
INSERT INTO "messages" VALUES(2,1,'+79160000001','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',NULL,NULL,'gsm7',0,0,0,0,NULL,0,'a',1,'hold',NULL,NULL,'native',NULL,2,'sending',0,NULL,1700259200000,NULL,NULL,259200,0,1700000000000,1700000000000,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(3,1,'+79160000001','hello',NULL,NULL,'gsm7',0,0,0,0,NULL,0,'',1,'hold',NULL,NULL,'native',NULL,1,'sending',0,NULL,1700259200000,NULL,NULL,259200,0,1700000000000,1700000000000,NULL,NULL,NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('made by','0.1.0');
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
INSERT INTO "parts" VALUES(1,1,'delivered',1,'60000001',5,1700000000000,1700000000000,NULL,NULL,0);
INSERT INTO "parts" VALUES(2,1,'sent',1,'60000001',6,1700000000000,NULL,NULL,NULL,NULL);
INSERT INTO "parts" VALUES(2,2,'queued',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "parts" VALUES(3,1,'sending',1,'60000001',NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "pdus" VALUES(1,1,NULL,NULL,'0006050B919761000000F1321141223152003211412231620000',X'EBC53601E467893CFC835BB7ACCEE6BF','report',1700000000000,NULL,NULL,NULL,NULL);
INSERT INTO "pdus" VALUES(2,1,NULL,NULL,'00040B919761112132F300003211412231020002E834',X'0A1D70F437CB4F13815477140FA84533','deliver',1700000000000,NULL,NULL,1,NULL);
INSERT INTO "pdus" VALUES(3,1,NULL,NULL,'00440B919761112132F3000032114122310200A0050003070201C2E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3E170381C0E87C3',X'EF86C794353CAB97D01DAF11D9A3D35C','deliver',1700000000000,1,1,2,NULL);
INSERT INTO "pdus" VALUES(4,1,NULL,NULL,'zz',X'9C3B7F524C6429511D0C2D536506AFE2','undecodable',1700000000000,NULL,NULL,NULL,'pdu at octet 0: not an even number of hexadecimal digits');
CREATE TABLE receipt_parts (
    message_id INTEGER NOT NULL, seq INTEGER NOT NULL, receipt_id INTEGER NOT NULL,
    ambiguous INTEGER NOT NULL,
    PRIMARY KEY (message_id, seq, receipt_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "receipt_parts" VALUES(1,1,1,0);
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY,
    line_id INTEGER NOT NULL, pdu_id INTEGER NOT NULL,
    mr INTEGER NOT NULL, recipient TEXT NOT NULL, tail TEXT NOT NULL,
    st INTEGER NOT NULL, scts INTEGER, done_at INTEGER,
    received_at INTEGER NOT NULL,
    matched INTEGER NOT NULL           -- 0 nobody's, 1 one part's, 2 ambiguous
) STRICT;
INSERT INTO "receipts" VALUES(1,1,1,5,'+79160000001','60000001',0,1700000005000,1700000006000,1700000000000,1);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX messages_ready ON messages (line, priority DESC, id) WHERE queue = 1;
CREATE INDEX messages_later ON messages (due_at) WHERE queue = 2;
CREATE INDEX messages_expiry ON messages (expires_at) WHERE queue > 0;
CREATE INDEX messages_doubt ON messages (doubt_at) WHERE doubt_at IS NOT NULL;
CREATE INDEX messages_sending ON messages (id) WHERE state = 'sending';
CREATE UNIQUE INDEX messages_client_ref ON messages (account_id, client_ref) WHERE client_ref IS NOT NULL;
CREATE INDEX messages_ref ON messages (account_id, ref) WHERE ref IS NOT NULL;
CREATE INDEX messages_state ON messages (account_id, state);
CREATE INDEX parts_match ON parts (line_id, tail, mr) WHERE line_id IS NOT NULL;
CREATE INDEX attempts_part ON attempts (message_id, seq);
CREATE INDEX attempts_open ON attempts (line_id) WHERE outcome = 'started';
CREATE INDEX attempts_doubt ON attempts (line_id) WHERE outcome = 'unknown';
CREATE INDEX pdus_digest ON pdus (line_id, digest);
CREATE INDEX pdus_group ON pdus (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX pdus_inbox ON pdus (inbox_id) WHERE inbox_id IS NOT NULL;
CREATE INDEX groups_key ON groups (line_id, sender, reference, total, wide) WHERE complete = 0;
CREATE INDEX groups_waiting ON groups (first_at) WHERE complete = 0 AND inbox_id IS NULL;
CREATE INDEX receipts_unmatched ON receipts (line_id, tail) WHERE matched = 0;
CREATE INDEX events_message ON events (message_id) WHERE message_id IS NOT NULL;
COMMIT;
