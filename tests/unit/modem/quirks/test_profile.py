"""Profiles: every family has one, the most specific fits, every key is read by somebody, mistakes are told at once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

import modemgw
from modemgw.at.policy import ErrorAction, ErrorScope
from modemgw.modem.quirks.profile import Profile
from modemgw.modem.quirks.profile_file import LAYOUT, ProfileError, read_profile
from modemgw.modem.quirks.profile_registry import Registry, built_in, with_folder

#: The families that speak AT, row by row, as they answer AT+CGMI, AT+CGMM and AT+CGMR, and what they are on USB.
ROWS = [
    # manufacturer             model                  firmware              usb          profile
    ("huawei", "E220", "11.117.09.04.00", "12d1:1003", "huawei-e1550"),
    ("huawei", "E160", "11.608.12.02.00", "12d1:1003", "huawei-e1550"),
    ("huawei", "E169", "11.314.17.00.00", "12d1:1001", "huawei-e169"),
    ("huawei", "E1550", "11.608.14.15.311", "12d1:1001", "huawei-e1550"),
    ("huawei", "E1750", "11.126.07.00.00", "12d1:1406", "huawei-e1550"),
    ("huawei", "E180", "11.104.16.01.00", "12d1:1003", "huawei-e1550"),
    ("huawei", "E1552", "", None, "huawei-e1550"),
    ("huawei", "E171", "21.156.00.00.143", "12d1:1506", "huawei-e173"),
    ("huawei", "E173", "11.126.85.00.209", "12d1:1436", "huawei-e173"),
    ("huawei", "E153", "11.609.18.00.00", "12d1:1506", "huawei-e173"),
    ("huawei", "E303", "22.157.18.00.00", "12d1:1506", "huawei-e173"),
    ("huawei", "E353", "11.124.15.00.00", "12d1:1506", "huawei-e173"),
    ("huawei", "E3131", "21.158.00.00.55", "12d1:1506", "huawei-e3131"),
    ("huawei", "E3276", "21.192.23.00.00", "12d1:1506", "huawei-e3372"),
    ("huawei", "E3372", "21.180.01.00.00", "12d1:1506", "huawei-e3372"),
    ("huawei", "E3372s", "22.286.03.00.00", None, "huawei-e3372"),
    ("huawei", "E3372h-607", "21.180.99.01.00", None, "huawei-e3372"),
    ("Vodafone (Huawei)", "K5150", "", "12d1:1506", "huawei-e3372"),
    ("Brovi", "E3372-325", "3.0.2.61", None, "huawei-e3372-325"),
    ("huawei", "E3372h-325", "", "12d1:1506", "huawei-e3372-325"),
    ("Huawei Technologies Co., Ltd.", "MU609", "12.105.29.00.00", "12d1:1573", "huawei-mu609"),
    ("Huawei Technologies Co., Ltd.", "MU709s-2", "11.652.61.00.00", "12d1:1c25", "huawei-mu609"),
    ("Huawei Technologies Co., Ltd.", "ME909s-120", "11.617.01.00.00", "12d1:15c1", "huawei-mu609"),
    ("Huawei Technologies Co., Ltd.", "MU509", "11.810.09.10.00", "12d1:1001", "huawei-mu509"),
    ("Huawei Technologies Co., Ltd.", "MU736", "", None, "huawei-mu736"),
    ("Vodafone", "K3765", "", "12d1:1465", "huawei"),
    ("huawei", "B970", "", None, "huawei"),
    ("ZTE CORPORATION", "MF180", "BD_MF180V1.0.0B05", "19d2:2003", "zte"),
    ("ZTE INCORPORATED", "MF626", "BD_P673A2", "19d2:0031", "zte"),
    ("Onda Communication", "MSA405HS", "", "19d2:0037", "zte"),
    ("TCT Mobile International Limited", "X060S", "", "1bbb:0000", "alcatel"),
    ("Alcatel", "X200", "", "1bbb:0017", "alcatel"),
    ("TCT", "W100", "", "1bbb:00b7", "alcatel"),
    ("Longcheer", "WM66E", "", "1c9e:9603", "longcheer"),
    ("4G Systems", "XS Stick W14", "", "1c9e:9603", "longcheer"),
    ("QUALCOMM INCORPORATED", "HSPA Modem", "", "1c9e:6061", "longcheer"),
    ("D-Link", "DWM-156", "V1.1", "2001:7d00", "dlink"),
    ("D-Link", "DWM-157", "", "2001:7d01", "dlink"),
    ("D-Link", "DWM-222", "", "2001:7e35", "dlink"),
    ("Quectel", "EC20", "EC20CEHCLGR06A05M1G", "2c7c:0125", "quectel"),
    ("Quectel", "EC25", "EC25EFAR06A06M4G", None, "quectel"),
    ("Quectel", "EG25", "EG25GGBR07A08M2G", "2c7c:0125", "quectel"),
    ("Quectel", "BG96", "BG96MAR02A07M1G", "2c7c:0296", "quectel"),
    ("Quectel", "RM500Q-GL", "RM500QGLAAR03A05M4G", "2c7c:0800", "quectel"),
    ("Quectel", "EG06", "EG06ELAR04A05M4G", "2c7c:0306", "quectel"),
    ("QUALCOMM INCORPORATED", "EC20", "", "05c6:9215", "quectel"),
    ("Quectel", "EP06-A", "EP06ALAR03A07M4G", "2c7c:0306", "quectel-ep06"),
    ("Quectel", "EM06-A", "", None, "quectel-ep06"),
    ("Quectel", "EC200A", "EC200AEUHAR01A02M16", "2c7c:6005", "quectel-ec200"),
    ("Quectel", "EC200U", "EC200UCNAAR03A11M08", "2c7c:0901", "quectel-ec200"),
    ("Quectel", "EG915U", "", None, "quectel-ec200"),
    ("", "", "", "2c7c:6005", "quectel-ec200"),  # it has not said what it is yet
    ("SIMCOM_Ltd", "SIMCOM_SIM800L", "1418B04SIM800L24", None, "simcom-sim800"),
    ("SIMCOM_Ltd", "SIMCOM_SIM900", "1137B01SIM900M64_ST", "1a86:7523", "simcom-sim800"),
    ("NEOWAY", "M590", "2.5.0", None, "neoway-m590"),
    ("SIMCOM INCORPORATED", "SIMCOM_SIM7000E", "1529B06SIM7000", "1e0e:9001", "simcom-sim7600"),
    ("SIMCOM INCORPORATED", "SIMCOM_SIM7100E", "4534B04SIM7100E", None, "simcom-sim7600"),
    ("SIMCOM INCORPORATED", "SIMCOM_SIM7500E", "", None, "simcom-sim7600"),
    ("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "LE20B04SIM7600M22", "1e0e:9001", "simcom-sim7600"),
    ("SIMCOM INCORPORATED", "SIMCOM_SIM8200EA-M2", "", "1e0e:9001", "simcom-sim7600"),
    ("SIMCOM INCORPORATED", "SIMCOM_SIM7070", "1951B12SIM7070", "1e0e:9205", "simcom-sim7070"),
    ("SIMCOM INCORPORATED", "SIMCOM_SIM7080", "", "1e0e:9206", "simcom-sim7070"),
    ("INCORPORATED", "A7670E-FASE", "A011B07A7670M7", "1e0e:9011", "simcom-a7670"),
    ("SIMCOM INCORPORATED", "A7602E-H", "A50C4B12A7600M7", "1e0e:9011", "simcom-a7670"),
    ("SIMCOM INCORPORATED", "SIM7672G", "", None, "simcom-a7670"),
    ("Fibocom", "L610", "16000.1000.00.02.01.04", "1782:4d10", "fibocom"),
    ("Fibocom Wireless Inc.", "NL668-EU", "19006.1000.00.02.74.13", "1508:1001", "fibocom"),
    ("Fibocom", "FM150-AE", "", "2cb7:0104", "fibocom"),
    ("FIBOCOM", "G510", "V05", None, "fibocom"),
    ("Telit", "HE910", "12.00.004", "1bc7:0021", "telit-he910"),
    ("Telit", "UE910-EUR", "12.00.406", None, "telit-he910"),
    ("Telit", "GE910-QUAD", "13.00.004", None, "telit-he910"),
    ("Telit", "LE910C1-EU", "25.20.611", "1bc7:1031", "telit-le910"),
    ("Telit", "ME910C1-WW", "M0B.300014", "1bc7:1101", "telit-le910"),
    ("Telit", "FN980", "38.00.000", "1bc7:1050", "telit-le910"),
    ("Sierra Wireless, Incorporated", "MC7455", "SWI9X30C_02.24.05.06", "1199:9071", "sierra"),
    ("Sierra Wireless, Incorporated", "EM7565", "SWI9X50C_01.14.02.00", "1199:9091", "sierra"),
    ("Sierra Wireless, Incorporated", "AirCard 320U", "SWI9200X_03.05.14", "1199:68aa", "sierra-320u"),
    ("Sierra Wireless, Incorporated", "AC313U", "", "1199:68aa", "sierra-320u"),
    ("WAVECOM MODEM", "MULTIBAND  900E  1800", "641b09gg.Q2403A", None, "wavecom"),
    ("MultiTech", "MTCBA-U", "", None, "wavecom"),
    ("SIEMENS", "TC35", "REVISION 04.00", None, "siemens"),
    ("SIEMENS", "MC35i", "REVISION 02.00", "0403:6001", "siemens"),
    ("SIEMENS", "MC55", "REVISION 04.00", None, "siemens"),
    ("SIEMENS", "TC65", "REVISION 02.000", None, "siemens"),
    ("Cinterion", "MC75i", "REVISION 01.100", None, "cinterion-mc75"),
    ("FALCOM", "SAMBA75", "", None, "cinterion-mc75"),
    ("Cinterion", "EHS6", "REVISION 03.001", None, "cinterion-mc75"),
    ("Cinterion", "PHS8-P", "REVISION 03.001", "1e2d:0053", "cinterion-mc75"),
    ("Cinterion", "PLS8-E", "REVISION 03.017", "1e2d:0061", "cinterion-pls8"),
    ("Cinterion", "PLS62-W", "REVISION 01.000", "1e2d:005b", "cinterion-pls8"),
    ("THALES", "PLS83-W", "", "1e2d:006f", "cinterion-pls8"),
    ("Cinterion", "MV31-W", "", "1e2d:00b3", "cinterion-pls8"),
    ("u-blox", "SARA-U201", "23.60", "1546:1102", "ublox"),
    ("u-blox", "LISA-U200", "", "1546:1102", "ublox"),
    ("u-blox", "SARA-R410M-02B", "L0.0.00.00.05.06", None, "ublox"),
    ("u-blox", "TOBY-L4206", "", "1546:1010", "ublox"),
    ("Ericsson", "F3507g", "R1D06", "0bdb:1900", "ericsson-mbm"),
    ("Dell", "5530 HSPA", "", "413c:8184", "ericsson-mbm"),
    ("Novatel Wireless Incorporated", "USB551L", "", "1410:b001", "novatel"),
    ("Inseego", "USB8", "", None, "novatel"),
    ("Iridium", "9522B", "IS11003", None, "iridium"),
    ("Motorola", "9522B Satellite Modem", "IS10001", "0403:6001", "iridium"),
    ("Teltonika", "TRM240", "", "2c7c:0121", "teltonika-trm240"),
    ("Nokia", "Nokia 6230i", "V 03.88", "0421:0428", "nokia"),
    ("MTK", "MTK2", "MAUI.11AMD", "0e8d:0023", "mediatek"),
    ("MediaTek Inc", "MT6261", "", None, "mediatek"),
    ("FALCOM", "A2D-1", "", None, "falcom"),
    ("Unheard of", "X1", "", "abcd:0001", "generic"),
    ("", "", "", None, "generic"),
]


@pytest.mark.parametrize(("manufacturer", "model", "firmware", "usb", "name"), ROWS)
def test_the_family_of_a_modem(manufacturer: str, model: str, firmware: str, usb: str | None, name: str) -> None:
    assert built_in().choose(manufacturer, model, firmware, usb).name == name


def test_every_profile_has_an_example_here() -> None:
    assert set(built_in().names) == {row[4] for row in ROWS}


def test_what_quirks_ask_for_is_in_the_files() -> None:
    of = {profile.name: profile for profile in built_in()}
    assert of["quectel"].reports == (1, 0)
    assert of["quectel-ep06"].listings[0] == "word"
    assert of["huawei-e3372-325"].cpms == (3,)
    assert of["huawei-mu509"].reports == (1, 0)
    assert of["huawei-mu736"].full_reset == ("AT+CFUN=1,1",)
    assert of["siemens"].early == ("AT^SM20=0,0",)
    assert of["cinterion-mc75"].early == ("AT^SM20=0,0",)
    assert all(values[-1] == 1 for values in of["cinterion-mc75"].indications)
    assert "ME" not in of["cinterion-mc75"].memories
    assert of["falcom"].mr_wrap_reset
    assert of["neoway-m590"].radio_reset == ()
    assert of["simcom-sim7600"].full_reset[0] == "AT+CRESET"
    assert of["wavecom"].errors[512].scope is ErrorScope.NETWORK
    assert of["siemens"].errors[512].action is ErrorAction.COLLISION_RETRY
    assert of["huawei"].ussd[0] == "packed"
    assert of["huawei-e169"].ussd[0] == "plain"


def test_nothing_is_unlocked_or_saved() -> None:
    """No AT&W anywhere, no AT+CSCA, no PIN and no unlocking; ATZ and AT&F are for those who ask for them."""
    for profile in built_in():
        assert profile.soft_reset == ()
        lines = re.findall(r"AT[^'\"\s]*", str(replace(profile, notes=(), title="")))
        assert not [line for line in lines if re.search(r"&W|\+CSCA=|\+CPIN=|\+CLCK=|AT!|\^CARDLOCK|AT\+IPR", line)]


def test_every_key_is_used_by_the_program() -> None:
    """A field that nobody reads would be a promise that nobody keeps."""
    root = Path(modemgw.__file__).parent
    own = {"profile.py", "profile_file.py", "profile_text.py"}
    code = "\n".join(path.read_text() for path in root.rglob("*.py") if path.name not in own)
    matched = {"manufacturer", "model", "firmware", "usb"}  # by `fits`, which has its tests below
    for name in {f.name for f in fields(Profile)} - matched:
        assert re.search(rf"[pP]rofile(\(\))?\.{name}\b", code), f"{name} is read nowhere"
    assert {key.field for section in LAYOUT.values() for key in section.values()} == {
        f.name for f in fields(Profile)
    } - {"name"}


def test_every_key_is_documented_with_its_default() -> None:
    text = (Path(__file__).parents[4] / "docs" / "profiles.md").read_text()
    rows = {line.split("`")[1]: line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| `")}
    anyones = Profile()
    for section, keys in LAYOUT.items():
        for name, key in keys.items():
            documented = rows[f"{section}.{name}" if section else name]
            default = getattr(anyones, key.field)
            if default is None:
                assert documented == ""
            elif key.field in ("indications", "urc_probes"):
                assert documented == f"a list of {len(default)}"
            else:
                shown = json.dumps(dict(default) if isinstance(default, Mapping) else default)
                assert documented.strip("`") == shown


def test_a_firmware_is_the_most_specific() -> None:
    one = Profile(name="one", manufacturer="x", model="y")
    two = Profile(name="two", manufacturer="x", model="y", firmware="^1\\.")
    three = Profile(name="three", manufacturer="x", usb=("1234:5678",))
    registry = Registry({p.name: p for p in (one, two, three)})
    assert registry.choose("x", "y", "1.2").name == "two"
    assert registry.choose("x", "y", "2.2", "1234:5678").name == "one"
    assert registry.choose("x", "z", "", "1234:5678").name == "three"
    assert [match.profile.name for match in registry.matches("x", "y", "1.2", "1234:5678")] == ["two", "one", "three"]


def test_a_profile_of_usb_alone() -> None:
    registry = Registry({"only": Profile(name="only", usb=("1234:5678", "77*"))})
    assert registry.choose("x", usb="1234:5678").name == "only"
    assert registry.choose("x", usb="1234:0000").name == "generic"
    assert registry.choose("x", usb="77aa:0000").name == "only"
    assert registry.choose("x").name == "generic"


def test_every_key_reads() -> None:
    profile = read_profile(
        "all",
        """
        title = "All"
        notes = ["n"]
        extends = "base"
        [match]
        manufacturer = "m"
        model = "m"
        firmware = "f"
        usb = ["12D1:*"]
        [storage]
        memories = ["sm"]
        sweep = ["SM", "SR"]
        cpms = [3]
        listings = ["walk"]
        shifts = [0]
        [delivery]
        service = 0
        direct = true
        reports = [2]
        acknowledge = ["AT+CNMA=0"]
        indications = [[1, 1], [2, 1, 0, 1, 0]]
        [init]
        early = ["AT^CURC=0", ["AT+A", "AT+B"]]
        late = []
        urc_ports = { at = ["AT+CATR=0"] }
        urc_probes = []
        ready_urcs = ["SMS Ready"]
        ready_s = 2.5
        [sim]
        iccid = ["AT^ICCID?"]
        pin_counter = ["AT^CPIN?"]
        [ussd]
        codings = ["packed"]
        [calls]
        hang_up = ["ATH"]
        [send]
        keep_link = false
        ok_is_failure = true
        honest = []
        mr_wrap_reset = true
        [errors.cms]
        512 = { scope = "message", action = "fail", text = "no" }
        513 = { scope = "modem", action = "wait_retry" }
        [reset]
        soft = ["ATZ"]
        radio = []
        full = ["AT+CRESET"]
        """,
        {"base": Profile(name="base", errors={514: read_profile("b", ERRORS).errors[1]})},
    )
    assert (profile.usb, profile.memories, profile.extends) == (("12d1:*",), ("SM",), "base")
    assert profile.indications == ((1, 1), (2, 1, 0, 1, 0))
    assert profile.early == ("AT^CURC=0", ("AT+A", "AT+B"))
    assert (profile.service, profile.direct, profile.keep_link, profile.ok_is_failure) == (0, True, False, True)
    assert (profile.soft_reset, profile.radio_reset, profile.full_reset) == (("ATZ",), (), ("AT+CRESET",))
    assert sorted(profile.errors) == [512, 513, 514]
    assert profile.errors[513].text == "lower layer failure"
    assert profile.urc_ports == {"at": ("AT+CATR=0",)}


ERRORS = '[errors.cms]\n1 = { scope = "sim", action = "stop_line" }'

MISTAKES = [
    ("= 1", "bad.toml: is not TOML"),
    ("speed = 1", "speed: is no section"),
    ("send = 1", "send: must be a table"),
    ("[send]\nspeed = 1", "send.speed: unknown key; known here: keep_link, ok_is_failure, honest, mr_wrap_reset"),
    ("[send]\nkeep_link = 1", "send.keep_link: must be true or false"),
    ("[match]\nmodel = 1", "match.model: must be a string"),
    ('[match]\nmodel = "("', "match.model: is no regular expression"),
    ('[match]\nusb = ["12d1"]', "match.usb: must hold USB ids"),
    ('[storage]\nmemories = "SM"', "storage.memories: must be a list"),
    ("[storage]\nmemories = [1]", "storage.memories: must hold names of memories"),
    ("[storage]\nmemories = []", "storage.memories: must not be empty"),
    ('[storage]\nlistings = ["guess"]', "storage.listings: must hold only number, word, index, walk"),
    ("[storage]\ncpms = [4]", "storage.cpms: must be 1 to 3"),
    ("[delivery]\nindications = [1]", "delivery.indications: must be a list of lists"),
    ("[delivery]\nindications = [[2, 7]]", "delivery.indications: must hold up to five numbers"),
    ('[delivery]\nreports = ["1"]', "delivery.reports: must be a whole number"),
    ('[init]\nearly = ["ATE0&W"]', "init.early: ATE0&W would change"),
    ('[init]\nlate = ["ATZ"]', "init.late: ATZ belongs into reset.soft"),
    ('[init]\nearly = ["reset"]', "init.early: must hold AT commands"),
    ('[init]\nearly = ["AT\\r"]', "init.early: must hold AT commands"),
    ("[init]\nearly = [[]]", "init.early: must not be empty"),
    ('[init]\nurc_ports = { usb = ["AT"] }', "init.urc_ports: must be a table with at, modem, serial"),
    ("[init]\nready_s = 1000", "init.ready_s: must be 0 to 120"),
    ("[errors.cms]\n99999 = {}", "errors.cms: 99999 is no code"),
    ("[errors.cms]\n512 = {}", "errors.cms: 512 must have scope and action"),
    ('[errors.cms]\n512 = { scope = "x", action = "fail" }', "errors.cms: scope of 512 must be one of message"),
    ('[errors.cms]\n512 = { scope = "sim", action = "x" }', "errors.cms: action of 512 must be one of fail"),
    ('extends = "none"', "extends: there is no profile 'none'"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_mistakes_are_told(text: str, words: str) -> None:
    with pytest.raises(ProfileError, match=re.escape(words)):
        read_profile("bad", text)


def test_all_mistakes_of_a_file_at_once() -> None:
    with pytest.raises(ProfileError) as caught:
        read_profile("bad", "speed = 1\n[send]\nkeep_link = 1\n[reset]\nfull = 2\n")
    assert [mistake.key for mistake in caught.value.mistakes] == ["speed", "send.keep_link", "reset.full"]


# ---------------------------------------------------------------- the user's folder


def test_a_users_file_of_the_same_name_replaces_ours(tmp_path: Path) -> None:
    (tmp_path / "siemens.toml").write_text('title = "Mine"\n[match]\nmanufacturer = "siemens"\n')
    registry, mistakes = with_folder(tmp_path)
    assert mistakes == []
    mine = registry.choose("SIEMENS", "MC35i")
    assert (mine.title, mine.early) == ("Mine", ())
    assert registry.origin("siemens") == str(tmp_path / "siemens.toml")
    assert registry.origin("quectel") == "modemgw"
    # what of ours extends the one that is replaced goes on extending ours
    assert registry.choose("Cinterion", "EHS6").early == ("AT^SM20=0,0",)


def test_a_users_file_holds_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "quectel.toml").write_text('extends = "quectel"\n[delivery]\nreports = [2]\n')
    (tmp_path / "mine.toml").write_text(
        'extends = "quectel"\n[match]\nfirmware = "^EC25EFAR"\n[send]\nkeep_link = false\n'
    )
    registry, mistakes = with_folder(tmp_path)
    assert mistakes == []
    ours = built_in().get("quectel")
    mine = registry.choose("Quectel", "EC25", "EC25EFAR06A06M4G")
    assert ours is not None
    assert (mine.name, mine.keep_link, mine.reports, mine.urc_ports) == ("mine", False, (2,), ours.urc_ports)
    replaced = registry.choose("Quectel", "EC25", "EC25AFAR")
    assert (replaced.name, replaced.reports, replaced.title) == ("quectel", (2,), ours.title)


def test_the_users_wins_where_two_fit_equally(tmp_path: Path) -> None:
    (tmp_path / "zzz.toml").write_text('[match]\nmanufacturer = "siemens"\n')
    (tmp_path / "never.toml").write_text('title = "Only by name"\n')
    registry, _ = with_folder(tmp_path)
    assert registry.choose("SIEMENS", "MC35i").name == "zzz"
    assert registry.choose("Unheard of").name == "generic"
    assert registry.get("never") is not None
    assert registry.get(None) is None


def test_broken_files_are_left_out_and_told_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[send]\nkeep_link = 1\nspeed = 2\n")
    (tmp_path / "b.toml").write_bytes(b"\xff")
    (tmp_path / "c.toml").write_text('extends = "d"\n')
    (tmp_path / "d.toml").write_text('extends = "c"\n')
    (tmp_path / "e.toml").write_text('title = "Good"\n')
    (tmp_path / "f.toml").mkdir()
    (tmp_path / "notes.txt").write_text("no profile")
    registry, mistakes = with_folder(tmp_path)
    told = [f"{Path(mistake.file).name} {mistake.key}" for mistake in mistakes]
    assert sorted(told) == [
        "a.toml send.keep_link",
        "a.toml send.speed",
        "b.toml ",
        "c.toml extends",
        "d.toml extends",
        "f.toml ",
    ]
    assert registry.origin("e") == str(tmp_path / "e.toml")
    assert with_folder(tmp_path / "nowhere")[1][0].reason.startswith("cannot be read: No such file")
