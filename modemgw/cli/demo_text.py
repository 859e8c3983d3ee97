"""What `modemgw demo` prints once it runs: lines to paste, each of which works as it stands."""

from __future__ import annotations

from urllib.parse import urlencode


def demo_text(
    base_url: str, login: str, password: str, api_key: str, number_a: str, number_b: str, program: str = "modemgw"
) -> str:
    """The announcement. `number_a` and `number_b` are the numbers of the SIMs in the simulated modems `a` and `b`;
    `program` is how the command is called in another terminal."""
    auth = f"-H 'Authorization: Bearer {api_key}'"
    smsc = urlencode(
        {
            "login": login,
            "psw": password,
            "phones": number_a.removeprefix("+"),
            "mes": "Hello from SMSC.ru",
            "charset": "utf-8",
        }
    )
    return f"""\
modemgw runs on two simulated modems, a ({number_a}) and b ({number_b}). Ctrl-C stops it.
Nothing leaves this machine: a text to one of these numbers arrives in the inbox.

Paste in another terminal, first of all:

  export MODEMGW_URL={base_url} MODEMGW_API_KEY={api_key}

Send a text from the first SIM to the second, and see what became of it and what came in:

  {program} send {number_b} 'Привет from modemgw 👋' --modem a --wait
  {program} outbox
  {program} inbox

The same over HTTP (with curl, if it is installed):

  curl -sw '\\n' {auth} -H 'Content-Type: application/json' -d '{{"to": "{number_b}", "text": "Hello", "modem": "a"}}' {base_url}/v1/messages
  curl -sw '\\n' {auth} '{base_url}/v1/messages?limit=5'
  curl -sw '\\n' {auth} {base_url}/v1/inbox

As a program written for SMSC.ru does:

  curl -sw '\\n' '{base_url}/sys/send.php?{smsc}'

Login {login}, password {password}. The API is described at {base_url}/docs
"""  # noqa: E501
