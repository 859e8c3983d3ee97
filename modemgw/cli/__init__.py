"""The command line: `modemgw run` and `demo` serve, all other commands talk to a running service over HTTP."""

from modemgw.cli.main import main

__all__ = ["main"]
