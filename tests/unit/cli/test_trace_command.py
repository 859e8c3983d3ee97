"""`modemgw trace`: switches, and says where the file is."""

from __future__ import annotations

import json
import re

from modemgw.cli.exits import Exit
from tests.unit.cli.conftest import Invoke


def test_a_modem_is_traced_and_no_longer(invoke: Invoke) -> None:
    assert invoke("trace", "a").output == "a is not traced.\n"
    said = invoke("trace", "a", "on").output
    assert said.startswith("a is traced since ")
    assert re.search(r"into /\S+/traces/a\.trace \(\d+ octets\)\.\n$", said)
    assert json.loads(invoke("trace", "a", "show", "--json").output)["on"] is True
    assert invoke("trace", "a", "off").output == "a is not traced.\n"


def test_a_modem_that_is_not_there(invoke: Invoke) -> None:
    result = invoke("trace", "c", "on")
    assert result.exit_code == Exit.NOT_FOUND
    assert "There is no modem named 'c'." in result.output
