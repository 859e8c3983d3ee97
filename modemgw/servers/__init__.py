"""Protocol shells around the use cases: sockets, limits, time. No rule about sending lives here."""
