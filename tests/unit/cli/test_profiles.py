"""`modemgw profiles`: lists, shows, matches, and what was learned; reads files only."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modemgw.cli.exits import Exit
from modemgw.cli.main import group
from modemgw.config import ConfigError, load, parse
from modemgw.modem.quirks.learned import LearnedStore
from modemgw.modem.quirks.profile_file import read_profile
from modemgw.modem.quirks.profile_registry import built_in

IMEI = "356938030000013"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["profiles", *arguments])


def own(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_list(anywhere: Path) -> None:
    (anywhere / "modemgw.toml").write_text("")
    path = own(anywhere / "profiles.d", "mine", 'title = "My own"\n')
    result = invoke()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["NAME", "FROM", "TITLE"]
    assert any(line.startswith("quectel-ec200") and "modemgw" in line for line in lines)
    assert any(line.split() == ["mine", str(path), "My", "own"] for line in lines)
    names = [entry["name"] for entry in json.loads(invoke("--json").stdout)]
    assert names == sorted([*built_in().names, "mine"])


@pytest.mark.parametrize("name", built_in().names)
def test_show_prints_a_file_that_reads_as_the_same(name: str) -> None:
    result = invoke("show", name)
    assert result.exit_code == 0
    shown = read_profile(name, result.stdout, {p.name: p for p in built_in()})
    assert shown == built_in().get(name)


def test_show_for_programs() -> None:
    document = json.loads(invoke("show", "siemens", "--json").stdout)
    assert document["init"]["early"] == ["AT^SM20=0,0"]
    assert document["errors"]["cms"]["512"]["action"] == "collision_retry"
    assert document["from"] == "modemgw"


def test_show_of_nothing() -> None:
    result = invoke("show", "none")
    assert (result.exit_code, result.stderr) == (
        Exit.NOT_FOUND,
        "modemgw: There is no profile none. `modemgw profiles` lists them.\n",
    )


def test_match_refuses_what_is_no_usb_id() -> None:
    result = invoke("match", "--usb", "zz")
    assert result.exit_code == 2
    assert "it is no USB id; lsusb shows it" in result.stderr


def test_match_tells_why() -> None:
    result = invoke("match", "--manufacturer", "Quectel", "--model", "EC200U", "--usb", "2C7C:0901")
    assert result.stdout.startswith("quectel-ec200 (Quectel EC200, EG912, EG915, EG916), from modemgw\n")
    assert "  the USB id 2C7C:0901 is named\n" in result.stdout
    assert "  the model 'EC200U' matches '^(EC200|EG91[256])'\n" in result.stdout
    assert "\nnot quectel (Quectel), from modemgw\n" in result.stdout
    (only,) = json.loads(invoke("match", "--manufacturer", "Acme", "--json").stdout)
    assert (only["name"], only["reasons"]) == ("generic", ["fits every modem"])


def test_learned_and_forgotten(anywhere: Path) -> None:
    assert invoke("learned").stdout == "Nothing was learned of any modem yet.\n"
    store = LearnedStore(anywhere / "modemgw.db.learned.json", look_every_s=0)
    known = store.of(IMEI, "1.0", "M1")
    known.put("cnmi", [2, 1, 0, 1, 0])
    known.put("cmgl", {"SM": "number"})
    result = invoke("learned")
    assert result.stdout.startswith(f"{IMEI}  M1, firmware 1.0, ")
    assert [line.split() for line in result.stdout.splitlines()[1:]] == [
        ["cmgl", "SM:", "number"],
        ["cnmi", "2,1,0,1,0"],
    ]
    (device,) = json.loads(invoke("learned", "--json").stdout)
    assert (device["imei"], device["values"]["cnmi"]) == (IMEI, [2, 1, 0, 1, 0])
    assert invoke("learned", "forget", IMEI).exit_code == 0
    assert invoke("learned", "forget", IMEI).exit_code == Exit.NOT_FOUND
    assert known.get("cnmi") is None


def test_broken_files_are_told_and_the_rest_is_listed(anywhere: Path) -> None:
    (anywhere / "modemgw.toml").write_text('[profiles]\nfolder = "mine"\n')
    path = own(anywhere / "mine", "bad", "[send]\nkeep_link = 1\n")
    result = invoke()
    assert result.stderr == f"modemgw: {path}: send.keep_link: must be true or false\n"
    assert "quectel" in result.stdout
    (anywhere / "modemgw.toml").write_text("[")
    assert invoke().exit_code == Exit.USAGE


# ---------------------------------------------------------------- the configuration


def test_a_modem_may_have_a_profile_of_the_users(tmp_path: Path) -> None:
    own(tmp_path / "profiles.d", "mine", 'extends = "quectel"\n[send]\nkeep_link = false\n')
    path = tmp_path / "modemgw.toml"
    path.write_text('[[modem]]\nname = "a"\nport = "/dev/x"\nprofile = "mine"\n')
    config = load(path)
    mine = config.profile_source.registry.get("mine")
    assert mine is not None
    assert (mine.keep_link, mine.reports) == (False, (1, 0))
    with pytest.raises(ConfigError, match=r"modem\[0\].profile: there is no such profile; the closest: "):
        parse('[[modem]]\nname = "a"\nport = "/dev/x"\nprofile = "huawai"\n')
    with pytest.raises(ConfigError, match="`modemgw profiles` lists them"):
        parse('[[modem]]\nname = "a"\nport = "/dev/x"\nprofile = "qqqq"\n')


def test_everything_wrong_with_the_folder_is_a_complaint(tmp_path: Path) -> None:
    path = tmp_path / "modemgw.toml"
    path.write_text('[http]\nlisten = "x"\n[profiles]\nfolder = "mine"\n')
    with pytest.raises(ConfigError) as missing:
        load(path)
    assert [complaint.place for complaint in missing.value.complaints] == ["http.listen", "profiles.folder"]
    assert f"{tmp_path / 'mine'}: cannot be read: No such file" in str(missing.value)
    one, two = (own(tmp_path / "mine", name, f"{name} = 1\n") for name in ("one", "two"))
    path.write_text('[profiles]\nfolder = "mine"\n')
    with pytest.raises(ConfigError) as broken:
        load(path)
    lines = [str(complaint) for complaint in broken.value.complaints]
    assert [line.partition(": is no")[0] for line in lines] == [
        f"line 2: profiles.folder: {one}: one",
        f"line 2: profiles.folder: {two}: two",
    ]


def test_without_a_folder_there_are_ours(tmp_path: Path) -> None:
    path = tmp_path / "modemgw.toml"
    path.write_text("")
    assert load(path).profile_source.registry is built_in()
    assert tomllib.loads(path.read_text()) == {}
