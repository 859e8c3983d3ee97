"""modemgw: an SMS gateway on your own SIM cards, behind the APIs of the online providers."""

__version__ = "0.1.0"
