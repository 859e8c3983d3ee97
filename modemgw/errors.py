"""The one base of every error modemgw raises on purpose; each room adds its own kinds in its own module."""

from __future__ import annotations


class ModemgwError(Exception):
    """Base of all errors of modemgw; `str()` of any of them is a sentence a person can act on."""
