"""The one base of every error modemgw raises on purpose. Owns the base and nothing else: each room adds its own kinds."""

from __future__ import annotations


class ModemgwError(Exception):
    """Base of all errors of modemgw; `str()` of any of them is a sentence a person can act on."""
