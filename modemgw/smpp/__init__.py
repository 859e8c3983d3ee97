"""SMPP 3.4, the SMSC's side, without I/O: PDUs, the session, texts, receipts. The server is servers/smpp."""
