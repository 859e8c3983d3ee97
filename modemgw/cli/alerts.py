"""`modemgw alert test`: tells everybody whom the configuration's alerts would tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from modemgw.cli.client import Client, connected
from modemgw.cli.exits import Exit, fail
from modemgw.cli.table import print_json, print_table
from modemgw.places import find_config

TEXT = "modemgw: this is a test of an alert; nothing is wrong."


@click.group()
def alert() -> None:
    """Try the alerts of the configuration."""


@alert.command("test")
@click.argument("name", required=False)
@connected
def alert_test(*, client: Client, as_json: bool, name: str | None) -> None:
    """Tell everybody whom the alert NAME would tell, or all alerts. An SMS goes through the running service."""
    import asyncio  # only here: commands start fast

    from modemgw import config as configuration
    from modemgw.alerting import rule_of
    from modemgw.service.alerts import Sink
    from modemgw.upstream.client import OnceClient

    path = find_config(Path(given) if (given := click.get_current_context().params.get("config")) else None)
    if path is None:
        fail(Exit.USAGE, "there is no configuration, and so no alert")
    try:
        alerts = configuration.load(path).alerts
    except configuration.ConfigError as error:
        fail(Exit.USAGE, str(error))
    chosen = [one for one in alerts if name in (None, one.name)]
    if not chosen:
        names = ", ".join(one.name for one in alerts) or "none"
        fail(Exit.USAGE, f"there is no such alert; there are: {names}")

    def sms(to: str, line: str | None) -> Sink:
        async def sink(text: str, _details: Mapping[str, object]) -> None:
            body: dict[str, Any] = {"to": to, "text": text, "priority": 100}
            client.call("POST", "/v1/messages", body if line is None else {**body, "modem": line})

        return sink

    async def tell() -> list[tuple[str, str, str]]:
        http, told = OnceClient(), []
        try:
            for one in chosen:
                for sink_name, sink in rule_of(one, http, sms).sinks:
                    try:
                        await sink(TEXT, {"rule": one.name, "kind": "test", "text": TEXT})
                    except Exception as error:  # whatever a way stumbles over is its answer
                        told.append((one.name, sink_name, str(error) or type(error).__name__))
                    else:
                        told.append((one.name, sink_name, "told"))
        finally:
            await http.close()
        return told

    results = asyncio.run(tell())
    if as_json:
        print_json([{"alert": rule, "by": by, "told": said == "told", "said": said} for rule, by, said in results])
    else:
        print_table(["ALERT", "BY", "RESULT"], results, empty="These alerts tell nobody.")
    if any(said != "told" for _, _, said in results):
        raise SystemExit(int(Exit.FAILED))


COMMANDS: tuple[click.Command, ...] = (alert,)
