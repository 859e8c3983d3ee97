"""Every command, setting, route, exit status, field and code is documented, and docs/ has the tables of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from modemgw.cli.exits import Exit
from modemgw.cli.main import group
from modemgw.config import (
    AccessSettings,
    AccountSettings,
    CallbackSettings,
    HttpSettings,
    ModemSettings,
    ReceivingSettings,
    SendingSettings,
    SmppSettings,
    SmtpSettings,
    StoreSettings,
    parse,
)
from modemgw.config.alerts import AlertSettings
from modemgw.config.dialects import tables_of
from modemgw.config.profiles import ProfilesSettings
from modemgw.config.routing import RouteSettings, RoutingSettings
from modemgw.config.trace import TraceSettings
from modemgw.config.upstream import UpstreamSettings
from modemgw.dialects import ALL
from modemgw.dialects.settings import setting_of
from modemgw.dialects.smsc import tables
from modemgw.domain.callback import CallbackState
from modemgw.domain.events import OF_OUTCOME, OF_STATE, EventKind
from modemgw.servers.http import make_app
from modemgw.servers.http.app import OPERATIONS
from modemgw.servers.http.models import NewMessage
from modemgw.servers.smpp.reports import STATES
from modemgw.smpp.errors import STATUSES
from modemgw.smpp.names import STAT
from tests.dialect_rig import gateway_rig

DOCS = Path(__file__).parents[3] / "docs"


def doc(name: str) -> str:
    assert (DOCS / name).is_file(), f"docs/{name} is missing"
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """Table rows by their first cell."""
    found = {}
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("|--"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[cells[0].strip("`")] = cells[1:]
    return found


def section(text: str, title: str) -> str:
    match = re.search(rf"^## .*{re.escape(title)}.*?$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match is not None, title
    return match[1]


def commands(parent: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in parent.commands.items():
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{path} {name}", command
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def test_every_command_is_documented() -> None:
    documented = rows(doc("cli.md"))
    for name, command in commands(group, "modemgw"):
        assert name in documented
        assert command.help
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, f"{name} {parameter.name} has no help"


def test_every_option_of_send_is_documented() -> None:
    text = doc("cli.md")
    for parameter in group.commands["send"].params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[-1] in text


def test_every_kind_of_event_is_documented_and_made() -> None:
    documented = [kind for row in rows(doc("events.md")) for kind in re.findall(r"[a-z]+\.[a-z_]+", row)]
    assert sorted(documented) == sorted(EventKind)
    code = "".join(path.read_text(encoding="utf-8") for path in (DOCS.parent / "modemgw").rglob("*.py"))
    composed = [*OF_STATE.values(), *OF_OUTCOME.values(), *(f"callback.{state}" for state in CallbackState)]
    assert [kind for kind in EventKind if f"EventKind.{kind.name}" not in code and kind not in composed] == []


def test_every_exit_status_is_documented() -> None:
    documented = rows(section(doc("cli.md"), "Exit statuses"))
    for status in Exit:
        assert documented[str(int(status))][0] == status.name


@pytest.mark.parametrize(
    ("title", "model"),
    [
        ("`[http]`", HttpSettings),
        ("`[store]`", StoreSettings),
        ("`[[modem]]`", ModemSettings),
        ("`[[account]]`", AccountSettings),
        ("`[[upstream]]`", UpstreamSettings),
        ("`[[route]]`", RouteSettings),
        ("`[routing]`", RoutingSettings),
        ("`[[alert]]`", AlertSettings),
        ("`[profiles]`", ProfilesSettings),
        ("`[sending]`", SendingSettings),
        ("`[receiving]`", ReceivingSettings),
        ("`[callbacks]`", CallbackSettings),
        ("`[access]`", AccessSettings),
        ("`[smpp]`", SmppSettings),
        ("`[smtp]`", SmtpSettings),
        ("`[trace]`", TraceSettings),
    ],
)
def test_every_setting_is_documented_with_its_default(title: str, model: type[BaseModel]) -> None:
    documented = rows(section(doc("config.md"), title))
    assert set(documented) - {"key"} == set(model.model_fields)
    for name, field in model.model_fields.items():
        if not field.is_required() and field.default is not None:
            default = field.default
            shown = f'"{default}"' if isinstance(default, str) else str(default).lower()
            shown = "{}" if isinstance(default, BaseModel) else shown
            assert documented[name][0].strip("`") == shown


def test_the_example_configuration_is_valid() -> None:
    for example in re.findall(r"```toml\n(.*?)```", doc("config.md"), re.DOTALL):
        parse(example)


async def test_every_route_is_documented(tmp_path: Path) -> None:
    documented = rows(doc("api.md"))
    async with gateway_rig(tmp_path) as rig:
        operations = make_app(rig.core)[OPERATIONS]
    for operation in operations:
        assert f"{operation.method} {operation.path}" in documented
    described = {name for name in documented if re.match(r"[A-Z]+ /", name)}
    assert described == {f"{operation.method} {operation.path}" for operation in operations}


def test_every_field_of_a_message_is_documented() -> None:
    assert set(rows(section(doc("api.md"), "Sending"))) - {"field"} == set(NewMessage.model_fields)


def test_every_route_of_a_dialect_is_documented() -> None:
    for dialect in ALL:
        text = doc(f"dialects/{dialect.name}.md")
        for route in dialect.routes:
            said = f"`{route.path}`" in text or f"`{route.path}/`" in text
            assert said, f"docs/dialects/{dialect.name}.md does not say what `{route.path}` does"


def test_the_tables_of_smpp_are_those_of_the_code() -> None:
    text = doc("smpp.md")
    refusals = rows(section(text, "Refusals"))
    for kind, status in STATUSES.items():
        assert refusals[kind.value][0] == f"`{status.name}`"
    states = rows(section(text, "Receipts"))
    for state, told in STATES.items():
        assert states[state.value][0].strip("`") == STAT[told]


def test_every_setting_of_a_dialect_is_documented() -> None:
    for name, tables_of_it in tables_of(ALL).items():
        text = doc(f"dialects/{name}.md")
        for table in tables_of_it:
            for key, value in table.items():
                assert f"`{key}`" in text, f"{key} of {name}"
                assert setting_of(value).about


def test_the_tables_of_smsc_are_those_of_the_code() -> None:
    text = doc("dialects/smsc.md")
    statuses = rows(section(text, "Status codes"))
    for state, code in tables.STATUSES.items():
        assert statuses[state.value][0].split(" ")[0].rstrip(",") == str(code)
    for cms, (status, error) in tables.REJECTIONS.items():
        assert statuses[str(cms)] == [str(status), str(error)]
    for st, error in tables.REPORTS.items():
        assert statuses[f"0x{st:02X}"] == [str(error)]
    errors = rows(section(text, "Error codes"))
    for kind, code in tables.ERRORS.items():
        assert errors[kind.value][0] == str(code)
