"""The commands of the simulated modems. Importing this package puts all of them into `modemsim.registry`."""

from modemsim.commands import basic, card, messages, radio, sending, serial, voice

__all__ = ["basic", "card", "messages", "radio", "sending", "serial", "voice"]
