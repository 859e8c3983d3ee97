"""Request lines as older clients write them: octets above 7F, and blanks in the query, that should have been escaped.

Pure. Touches nothing but the target, so that where a request begins and ends is decided by the HTTP parser alone.
"""

from __future__ import annotations

import re

#: method, target, version; the blanks that divide them are the first and the last of the line.
_LINE = re.compile(rb"([A-Za-z]+) ([^\x00-\x08\x0a-\x20\x7f][^\x00-\x08\x0a-\x1f\x7f]*) (HTTP/[0-9]\.[0-9]\r\n)")

_IN_PATH = re.compile(rb"[\x80-\xff]")
_IN_QUERY = re.compile(rb"[\x80-\xff \t]")


def escaped(line: bytes) -> bytes:
    """The line with percent signs in the target where there must be some; as it is where nothing helps.

    Octets stand for themselves, in whatever charset they are. A blank or a TAB before the `?` is not taken: what
    reads a path up to its first blank must see the same path as we do.
    """
    if line.isascii() and line.count(b" ") == 2 and b"\t" not in line:
        return line
    found = _LINE.fullmatch(line)
    if found is None:
        return line
    method, target, version = found.groups()
    path, mark, query = target.partition(b"?")
    if b" " in path or b"\t" in path:
        return line
    return b"%b %b%b%b %b" % (method, _IN_PATH.sub(_percent, path), mark, _IN_QUERY.sub(_percent, query), version)


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]
