"""This installation of the program: its command, and how a package is added to it, as lines that can be pasted.

Standard library only, as `places`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

#: Where the program is if nothing tells: that of docs/service.md.
USUAL = "/opt/modemgw/bin/modemgw"

#: Commands that sentences name to be typed.
_NAMED = re.compile(
    r"(?<![\w/.-])modemgw "
    r"(?=(?:callbacks|config|db|doctor|explain|profiles|resume|run|send|stand-in|trace|udev|ussd)\b)"
)


def program() -> str:
    """The command `modemgw` of this installation, by its whole path: `sudo` has a PATH of its own."""
    started = Path(sys.argv[0])
    if started.name == "modemgw" and started.exists():
        return os.path.abspath(started)
    beside = Path(sysconfig.get_path("scripts")) / "modemgw"
    return str(beside) if beside.exists() else os.path.abspath(shutil.which("modemgw") or USUAL)


def command() -> str:
    """What calls this program in this user's shell: the bare name where the PATH leads to it, else the whole path."""
    found, here = shutil.which("modemgw"), program()
    same = found is not None and os.path.exists(here) and os.path.samefile(found, here)
    return "modemgw" if same else here


def to_paste(sentence: str) -> str:
    """The sentence with every `modemgw …` in it as the shell that it is pasted into finds it."""
    sentence = sentence.replace("sudo modemgw ", f"sudo {program()} ")
    return _NAMED.sub(lambda _: f"{command()} ", sentence)


def how_to_add(extra: str) -> str:
    """The command that adds the packages of an extra of ours to this installation."""
    wanted = f"'modemgw[{extra}]'"
    sudo = "" if os.access(sys.prefix, os.W_OK) else "sudo "
    if "/pipx/venvs/" in sys.prefix:
        return f"pipx inject modemgw {wanted}"
    if find_spec("pip") is None:
        return f"{sudo}uv pip install --python {sys.executable} {wanted}"
    return f"{sudo}{sys.executable} -m pip install {wanted}"
