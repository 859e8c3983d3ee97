"""Profiles: every file reads, the most specific fits, mistakes are told."""

from __future__ import annotations

import pytest
from modemgw.modem.profile import Profile, ProfileError, choose_profile, known_profiles, read_profile

CHOICES = [
    # manufacturer            model              firmware       usb          profile
    ("huawei", "E173", "", None, "huawei"),
    ("Huawei Technologies", "MU509", "", "12d1:1001", "huawei-mu509"),
    ("Vodafone", "K3765", "", "12d1:1465", "huawei"),
    ("Quectel", "EC25", "EC25EFAR06A", None, "quectel"),
    ("SIMCOM_Ltd", "SIMCOM_SIM800L", "", None, "simcom-sim800"),
    ("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "", "1e0e:9001", "simcom-sim7600"),
    ("SIEMENS", "MC35i", "", None, "siemens"),
    ("Cinterion", "EHS6", "", None, "siemens"),
    ("ZTE CORPORATION", "MF180", "", None, "zte"),
    ("NEOWAY", "M590", "", None, "neoway-m590"),
    ("Unheard of", "X1", "", "abcd:0001", "generic"),
    ("", "", "", None, "generic"),
]


@pytest.mark.parametrize(("manufacturer", "model", "firmware", "usb", "name"), CHOICES)
def test_choice(manufacturer: str, model: str, firmware: str, usb: str | None, name: str) -> None:
    assert choose_profile(manufacturer, model, firmware, usb).name == name


def test_all_files_read() -> None:
    assert {"generic", "huawei", "quectel", "siemens", "zte"} <= {p.name for p in known_profiles()}
    assert all(p.title for p in known_profiles())


def test_a_firmware_is_the_most_specific() -> None:
    one = Profile(name="one", manufacturer="x", model="y")
    two = Profile(name="two", manufacturer="x", model="y", firmware="^1\\.")
    assert choose_profile("x", "y", "1.2", profiles=[one, two]).name == "two"
    assert choose_profile("x", "y", "2.2", profiles=[one, two]).name == "one"


def test_a_profile_of_usb_alone() -> None:
    only = Profile(name="only", usb=("1234:5678",))
    assert choose_profile("x", usb="1234:5678", profiles=[only]).name == "only"
    assert choose_profile("x", usb="1234:0000", profiles=[only]).name == "generic"
    assert choose_profile("x", profiles=[only]).name == "generic"


def test_every_key_reads() -> None:
    profile = read_profile(
        "all",
        """
        title = "All"
        notes = ["n"]
        [match]
        manufacturer = "m"
        usb = ["12D1:*"]
        [storage]
        memories = ["SM"]
        sweep = ["SM", "SR"]
        [delivery]
        service = 0
        direct = true
        reports = [2]
        indications = [[1, 1], [2, 1, 0, 1, 0]]
        [init]
        early = ["AT^CURC=0"]
        [send]
        keep_link = false
        [reset]
        soft = ["ATZ"]
        radio = []
        full = ["AT+CRESET"]
        """,
    )
    assert profile.usb == ("12d1:*",)
    assert profile.indications == ((1, 1), (2, 1, 0, 1, 0))
    assert (profile.service, profile.direct, profile.keep_link) == (0, True, False)
    assert (profile.soft_reset, profile.radio_reset, profile.full_reset) == (("ATZ",), (), ("AT+CRESET",))


MISTAKES = [
    ("= 1", "Profile bad"),
    ("speed = 1", "no section"),
    ("[send]\nspeed = 1", "no key 'speed'"),
    ("[send]\nkeep_link = 1", "must be bool"),
    ("[match]\nmodel = 1", "must be str"),
    ('[match]\nmodel = "("', "no regular expression"),
    ('[storage]\nmemories = "SM"', "must be a list"),
    ("[storage]\nmemories = [1]", "must be a list of str"),
    ("[delivery]\nindications = [1]", "list of lists"),
    ('[delivery]\nreports = ["1"]', "must be a list of int"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_mistakes_are_told(text: str, words: str) -> None:
    with pytest.raises(ProfileError, match=words):
        read_profile("bad", text)
