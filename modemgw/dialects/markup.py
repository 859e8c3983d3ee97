"""XML of clients, parsed so that it can do no harm: no entities, no external references, no bombs."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.sax.saxutils import escape as _escape
from xml.sax.saxutils import quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

#: Elements within each other, and in all: many more than any provider's documents have. Whoever is asked for no
#: credentials yet can keep us busy with no more.
MAX_DEPTH, MAX_ELEMENTS = 64, 50_000


class _Bounded(TreeBuilder):
    """Builds the tree of a document of a sensible size. Raises ParseError for others."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._elements = 0

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise ParseError("more elements than a client has reason to send")
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse_xml(document: bytes) -> Element | None:
    """The root of a document; None for what is none, declares entities, or has more elements than anybody needs."""
    try:
        parser = DefusedXMLParser(target=_Bounded())
        parser.feed(document)
        root: Element = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return None
    return root


def printable(text: str) -> str:
    """Without what XML 1.0 cannot carry."""
    return "".join(
        char for char in text if char in "\t\n\r" or (char >= " " and char not in "\ufffe\uffff" and not _half(char))
    )


def _half(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


def escape(text: str) -> str:
    """As the content of an element."""
    return _escape(printable(text))


def attribute(text: str) -> str:
    """As the value of an attribute, in quotes."""
    return quoteattr(printable(text))
