"""The small language of an `http` upstream: macros that are put into a request, rules that judge an answer.

A macro's value is encoded by the rules of the place where it stands; nothing is glued together as text. A rule is words
that must all hold: `status:2xx json:/code=0`. Pure; what is wrong is said when the configuration is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from modemgw.dialects.upstream import json_of
from modemgw.domain.upstream import WireAnswer

MACROS = frozenset({"to", "to_plus", "to_digits", "text", "ref", "from", "callback", "validity_s"})

_MACRO = re.compile(r"\{([a-z_]+)\}")

#: A regular expression looks at no more of a body than this.
REGEX_LIMIT = 65_536


class RuleError(ValueError):
    """A rule or a macro that cannot be; `str()` is the end of a sentence."""


# -- macros -----------------------------------------------------------------------------------------------------------

Encode = Callable[[str], str]


def fill(template: str, values: Mapping[str, str], encode: Encode) -> str:
    """The text with each macro's value in it, encoded. A value is put in as it is: a macro inside one stays text."""
    return _MACRO.sub(lambda match: encode(values[match[1]]) if match[1] in values else match[0], template)


def fill_json(template: Any, values: Mapping[str, str]) -> Any:
    """The same of every text in a document; the structure is the template's."""
    if isinstance(template, str):
        return fill(template, values, lambda value: value)
    if isinstance(template, dict):
        return {key: fill_json(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill_json(value, values) for value in template]
    return template


def encoder_of(content_type: str) -> Encode:
    """How a value is written into a raw body of this type."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith(("/json", "+json")):
        return lambda value: json.dumps(value, ensure_ascii=False)[1:-1]
    if kind.endswith(("/xml", "+xml")):
        return lambda value: escape(_clean(value), {'"': "&quot;"})
    if kind == "application/x-www-form-urlencoded":
        return lambda value: quote(value, safe="")
    return lambda value: value


def url_value(value: str) -> str:
    """For a URL, wherever in it."""
    return quote(value, safe="")


def header_value(value: str) -> str:
    """For a header: no ends of lines, and nothing that is not printable ASCII."""
    return "".join(char if " " <= char <= "~" else "?" for char in value)


def _clean(value: str) -> str:
    return "".join(char for char in value if char >= " " or char in "\t\n\r")


def macros_in(template: Any) -> Iterator[str]:
    """The names of all macros, known or not."""
    if isinstance(template, str):
        yield from (match[1] for match in _MACRO.finditer(template))
    elif isinstance(template, dict):
        for value in template.values():
            yield from macros_in(value)
    elif isinstance(template, list):
        for value in template:
            yield from macros_in(value)


# -- rules ------------------------------------------------------------------------------------------------------------

_STATUS = re.compile(r"[1-5](?:\d\d|xx)")


@dataclass(frozen=True, slots=True)
class Pick:
    """Where in an answer a value stands: `json:/a/0/b` (RFC 6901), `regex:(…)`, `header:Name`."""

    kind: str
    path: str
    pattern: re.Pattern[str] | None = None

    def of(self, answer: WireAnswer) -> str | None:
        """The value as text; None where there is none."""
        if self.kind == "header":
            return answer.headers.get(self.path.lower())
        if self.kind == "regex":
            assert self.pattern is not None
            found = self.pattern.search(answer.body[:REGEX_LIMIT].decode("utf-8", "replace"))
            return None if found is None else found[1] if self.pattern.groups else found[0]
        return text_of(pointed(json_of(answer), self.path))


@dataclass(frozen=True, slots=True)
class Condition:
    """One word of a rule."""

    pick: Pick | None
    wanted: str | None  # None: it is enough that there is a value
    status: str = ""

    def holds(self, answer: WireAnswer) -> bool:
        """True if the answer is so."""
        if self.pick is None:
            code = str(answer.status)
            return code == self.status or (self.status[1:] == "xx" and code[:1] == self.status[:1])
        value = self.pick.of(answer)
        return value is not None and (self.wanted is None or value == self.wanted)


Rule = tuple[Condition, ...]


def rule_of(text: str) -> Rule:
    """Read a rule. Raises RuleError."""
    conditions: list[Condition] = []
    rest = text.strip()
    while rest:
        if rest.startswith("regex:"):  # may have blanks in it: the last of a rule
            conditions.append(Condition(pick_of(rest), None))
            break
        word, _, rest = rest.partition(" ")
        rest = rest.strip()
        kind, _, value = word.partition(":")
        if kind == "status":
            if _STATUS.fullmatch(value) is None:
                raise RuleError(f'"{word}" is no status: write status:200 or status:2xx')
            conditions.append(Condition(None, None, value))
        else:
            path, equals, wanted = word.partition("=")
            conditions.append(Condition(pick_of(path), wanted if equals else None))
    if not conditions:
        raise RuleError("an empty rule would fit everything")
    return tuple(conditions)


def pick_of(text: str) -> Pick:
    """Read where a value stands. Raises RuleError."""
    kind, _, path = text.partition(":")
    if kind == "json" and (path == "" or path.startswith("/")):
        return Pick(kind, path)
    if kind == "header" and re.fullmatch(r"[A-Za-z0-9-]+", path):
        return Pick(kind, path)
    if kind == "regex":
        try:
            return Pick(kind, path, re.compile(path))
        except re.error as error:
            raise RuleError(f'"{path}" is no regular expression: {error}') from error
    raise RuleError(f'"{text}" is none of status:…, json:/…, header:… and regex:…')


def fits(rule: Rule, answer: WireAnswer) -> bool:
    """True if all of it holds."""
    return all(condition.holds(answer) for condition in rule)


def pointed(document: Any, path: str) -> Any:
    """RFC 6901; None where nothing is."""
    for step in path.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isascii() and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def text_of(value: Any) -> str | None:
    """A value as text: numbers and switches as JSON writes them; None for nothing, lists and objects."""
    if value is None or isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else json.dumps(value)
