"""The life of a SIM line: finder, worker, session, receiver, ladder, calls. Below it are dialogue and ports."""
