"""What `modemgw demo` prints once it runs: lines to paste, each of which works as it stands."""

from __future__ import annotations

from urllib.parse import urlencode


def demo_text(
    base_url: str, login: str, password: str, api_key: str, number_a: str, number_b: str, program: str = "modemgw"
) -> str:
    """The announcement. `number_a` and `number_b` are the numbers of the two simulated SIMs; `program` is how the
    command is called in another terminal."""
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
modemgw runs on two simulated modems, {number_a} and {number_b}. Ctrl-C stops it.
Nothing leaves this machine: a text to one of these numbers arrives in the inbox.

Send a text to the second SIM:

  curl -s {auth} -H 'Content-Type: application/json' -d '{{"to": "{number_b}", "text": "Привет from modemgw 👋"}}' {base_url}/v1/messages

Read its status (sent, then delivered):

  curl -s {auth} {base_url}/v1/messages/1

Read the inbox:

  curl -s {auth} {base_url}/v1/inbox

Send as a program written for SMSC.ru does:

  curl -s '{base_url}/sys/send.php?{smsc}'

Or use the command line in another terminal:

  export MODEMGW_URL={base_url} MODEMGW_API_KEY={api_key}
  {program} send {number_b} 'Hello' --wait
  {program} inbox

Login {login}, password {password}. The API is described at {base_url}/docs
"""  # noqa: E501
