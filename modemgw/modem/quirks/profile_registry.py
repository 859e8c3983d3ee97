"""All profiles that a modem is chosen from: those that come with the program, and the user's folder before them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from modemgw.modem.quirks.profile import Profile
from modemgw.modem.quirks.profile_file import Mistake, ProfileError, ProfileText, check_text

GENERIC = "generic"
OURS = "modemgw"  # the origin of profiles that come with the program


@dataclass(frozen=True, slots=True)
class Match:
    """A profile that fits a modem, and why."""

    profile: Profile
    score: int
    reasons: tuple[str, ...]


class Registry:
    """Profiles by name. Of two that fit equally well the user's wins, then the one that extends the other."""

    def __init__(self, ours: Mapping[str, Profile], users: Mapping[str, tuple[Profile, str]] | None = None) -> None:
        users = users or {}
        self._profiles = {name: profile for name, (profile, _) in users.items()}
        self._origins = {name: origin for name, (_, origin) in users.items()}
        for name, profile in ours.items():
            if name not in self._profiles:
                self._profiles[name] = profile
                self._origins[name] = OURS

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles.values())

    @property
    def names(self) -> list[str]:
        return sorted(self._profiles)

    def get(self, name: str | None) -> Profile | None:
        """The profile of that name."""
        return None if name is None else self._profiles.get(name)

    def origin(self, name: str) -> str:
        """Where a profile comes from: "modemgw", or the user's file."""
        return self._origins[name]

    def choose(self, manufacturer: str = "", model: str = "", firmware: str = "", usb: str | None = None) -> Profile:
        """The most specific profile that fits; the generic one if none does."""
        found = self.matches(manufacturer, model, firmware, usb)
        return found[0].profile if found else Profile()

    def matches(
        self, manufacturer: str = "", model: str = "", firmware: str = "", usb: str | None = None
    ) -> list[Match]:
        """All that fit, the most specific first."""
        found: list[Match] = []
        for profile in self._profiles.values():
            reasons = profile.reasons(manufacturer, model, firmware, usb)
            if reasons:
                found.append(Match(profile, sum(w for w, _ in reasons), tuple(text for _, text in reasons)))
        return sorted(found, key=lambda match: (-match.score, self._is_ours(match), -self._depth(match.profile)))

    def _is_ours(self, match: Match) -> bool:
        return self._origins[match.profile.name] == OURS

    def _depth(self, profile: Profile) -> int:
        """How many profiles it stands on: what extends another is the more specific of the two."""
        depth, seen = 0, {profile.name}
        while profile.extends is not None and depth < 10:
            depth += 1
            if profile.extends in seen or profile.extends not in self._profiles:
                break
            seen.add(profile.extends)
            profile = self._profiles[profile.extends]
        return depth


@cache
def built_in() -> Registry:
    """The profiles that come with the program. Raises ProfileError if one of them is broken."""
    return Registry(_our_profiles())


@cache
def _our_profiles() -> Mapping[str, Profile]:
    folder = resources.files("modemgw.modem.quirks").joinpath("profiles")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    texts = [(f.name.removesuffix(".toml"), f.name, f.read_text(encoding="utf-8")) for f in files]
    profiles, mistakes = _build(texts, {})
    if mistakes:
        raise ProfileError(mistakes)
    return profiles


def with_folder(folder: Path) -> tuple[Registry, list[Mistake]]:
    """Our profiles and those of the user's folder, and what is wrong there. A broken file is left out."""
    texts: list[tuple[str, str, str]] = []
    mistakes: list[Mistake] = []
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except OSError as exc:
        return built_in(), [Mistake(str(folder), "", f"cannot be read: {exc.strerror}")]
    for path in files:
        try:
            texts.append((path.stem, str(path), path.read_text(encoding="utf-8")))
        except OSError as exc:
            mistakes.append(Mistake(str(path), "", f"cannot be read: {exc.strerror}"))
        except UnicodeDecodeError:
            mistakes.append(Mistake(str(path), "", "is not UTF-8, as TOML must be"))
    profiles, more = _build(texts, _our_profiles())
    files_of = {name: file for name, file, _ in texts}
    users = {name: (profile, files_of[name]) for name, profile in profiles.items()}
    return Registry(_our_profiles(), users), mistakes + more


def _build(
    texts: Iterable[tuple[str, str, str]], base: Mapping[str, Profile]
) -> tuple[dict[str, Profile], list[Mistake]]:
    """(name, file, text) put on what they extend: their like first, then `base`, where a file's namesake may be too."""
    mistakes: list[Mistake] = []
    waiting: dict[str, ProfileText] = {}
    for name, file, content in texts:
        found, wrong = check_text(name, file, content)
        mistakes += wrong
        if not wrong:
            waiting[name] = found
    done: dict[str, Profile] = {}
    while waiting:
        ready = {name: text for name, text in waiting.items() if _ready(text, waiting)}
        if not ready:
            mistakes += [Mistake(t.file, "extends", f"{t.extends} extends this one in turn") for t in waiting.values()]
            break
        for name, text in ready.items():
            del waiting[name]
            parent = Profile()
            if text.extends is not None:
                known = None if text.extends == name else done.get(text.extends)
                known = known if known is not None else base.get(text.extends)
                if known is None:
                    mistakes.append(Mistake(text.file, "extends", f"there is no profile {text.extends!r}"))
                    continue
                parent = known
            done[name] = text.on(parent)
    return dict(sorted(done.items())), mistakes


def _ready(text: ProfileText, waiting: Mapping[str, ProfileText]) -> bool:
    return text.extends is None or text.extends == text.name or text.extends not in waiting
