"""The SMPP server: listeners, connections, the queue of deliveries. What SMPP says is in modemgw/smpp."""

from modemgw.servers.smpp.server import SmppServer

__all__ = ["SmppServer"]
