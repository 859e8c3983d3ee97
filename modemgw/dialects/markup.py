"""XML of clients, parsed so that it can do no harm: no entities, no external references, no bombs."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape as _escape
from xml.sax.saxutils import quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring


def parse_xml(document: bytes) -> Element | None:
    """The root of a document; None for what is none, or declares entities."""
    try:
        root: Element = fromstring(document)
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
