-- The tables of Gammu SMSD, version 17, as far as its queries name them.
CREATE TABLE gammu (Version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO gammu VALUES (17);
CREATE TABLE phones (
  ID TEXT, UpdatedInDB NUMERIC, InsertIntoDB NUMERIC, TimeOut NUMERIC, Send TEXT, Receive TEXT, IMEI TEXT PRIMARY KEY,
  IMSI TEXT, NetCode TEXT, NetName TEXT, Client TEXT, Battery INTEGER, Signal INTEGER, Sent INTEGER, Received INTEGER
);
CREATE TABLE inbox (
  UpdatedInDB NUMERIC DEFAULT (datetime('now')), ReceivingDateTime NUMERIC, Text TEXT, SenderNumber TEXT, Coding TEXT,
  UDH TEXT, SMSCNumber TEXT, Class INTEGER, TextDecoded TEXT, ID INTEGER PRIMARY KEY AUTOINCREMENT, RecipientID TEXT,
  Processed TEXT DEFAULT 'false', Status INTEGER DEFAULT -1
);
CREATE TABLE outbox (
  UpdatedInDB NUMERIC DEFAULT (datetime('now')), InsertIntoDB NUMERIC DEFAULT (datetime('now')),
  SendingDateTime NUMERIC DEFAULT (datetime('now')), SendBefore TIME DEFAULT '23:59:59',
  SendAfter TIME DEFAULT '00:00:00', Text TEXT, DestinationNumber TEXT, Coding TEXT, UDH TEXT, Class INTEGER,
  TextDecoded TEXT, ID INTEGER PRIMARY KEY AUTOINCREMENT, MultiPart TEXT, RelativeValidity INTEGER, SenderID TEXT,
  SendingTimeOut NUMERIC DEFAULT (datetime('now')), DeliveryReport TEXT DEFAULT 'default', CreatorID TEXT,
  Retries INTEGER DEFAULT 0, Priority INTEGER DEFAULT 0, Status TEXT DEFAULT 'Reserved', StatusCode INTEGER DEFAULT -1
);
CREATE TABLE outbox_multipart (
  Text TEXT, Coding TEXT, UDH TEXT, Class INTEGER, TextDecoded TEXT, ID INTEGER, SequencePosition INTEGER,
  Status TEXT DEFAULT 'Reserved', StatusCode INTEGER DEFAULT -1, PRIMARY KEY (ID, SequencePosition)
);
CREATE TABLE sentitems (
  UpdatedInDB NUMERIC DEFAULT (datetime('now')), InsertIntoDB NUMERIC, SendingDateTime NUMERIC,
  DeliveryDateTime NUMERIC, Text TEXT, DestinationNumber TEXT, Coding TEXT, UDH TEXT, SMSCNumber TEXT, Class INTEGER,
  TextDecoded TEXT, ID INTEGER, SenderID TEXT, SequencePosition INTEGER, Status TEXT, StatusError INTEGER DEFAULT -1,
  TPMR INTEGER, RelativeValidity INTEGER, CreatorID TEXT, StatusCode INTEGER DEFAULT -1,
  PRIMARY KEY (ID, SequencePosition)
);
