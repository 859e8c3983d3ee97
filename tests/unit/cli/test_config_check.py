"""`config check` and the start of `run`: all complaints at once, exit status 2."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from modemgw.cli.exits import Exit
from modemgw.cli.main import group


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(group, list(arguments))


def test_a_file_in_order(anywhere: Path) -> None:
    path = anywhere / "my.toml"
    path.write_text('[[modem]]\nname = "a"\nport = "/dev/none"\n[[account]]\nlogin = "x"\npassword = "p"\n')
    path.chmod(0o600)
    result = invoke("config", "check", str(path))
    assert result.exit_code == 0
    assert result.stderr == (
        f"modemgw: {path}: warning: modem[0].port: /dev/none does not exist now; modemgw will wait for it\n"
    )
    assert result.stdout == (
        f"{path} is in order: 1 modem(s), 1 account(s), database {anywhere / 'modemgw.db'}, HTTP 127.0.0.1:8080.\n"
    )


def test_everything_wrong_at_once(anywhere: Path) -> None:
    (anywhere / "modemgw.toml").write_text('[http]\nport = 1\n[[modem]]\nname = 1\nprt = "x"\n')
    for command in (("config", "check"), ("run",)):
        result = invoke(*command)
        assert result.exit_code == Exit.USAGE
        assert result.output.splitlines() == [
            "modemgw: modemgw.toml: line 2: http.port: unknown key; "
            "known here: listen, tls_listen, tls_cert, tls_key, public_url, hosts, max_connections, max_per_address, "
            "max_unfinished_bytes, max_body_bytes, read_timeout_s, keepalive_timeout_s, access_log, trusted_proxies",
            "modemgw: modemgw.toml: line 3: modem[0]: give exactly one of `port` and `imei`",
            "modemgw: modemgw.toml: line 4: modem[0].name: must be a string, in quotes (it is a number)",
            'modemgw: modemgw.toml: line 5: modem[0].prt: unknown key; did you mean "port"?',
        ]


def test_no_file_at_all(anywhere: Path) -> None:
    result = invoke("config", "check")
    assert result.exit_code == 0
    assert result.output.startswith("There is no configuration file;")
    result = invoke("config", "check", "none.toml")
    assert (result.exit_code, result.output) == (
        Exit.USAGE,
        "modemgw: none.toml: cannot be read: No such file or directory\n",
    )


def test_demo_refuses_a_bad_address(anywhere: Path) -> None:
    result = invoke("demo", "--listen", "8080")
    assert result.exit_code == Exit.USAGE
    assert 'must be "address:port"' in result.output
