"""WeChat's XML, read without trusting it: no document types, no entities, bounded in size and depth."""

import re
from html import escape
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import DefusedXMLParser  # type: ignore[import-untyped]

MOST_CHARACTERS = 64 * 1024
MOST_DEPTH = 32

_DECLARED = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")  # in CDN addresses
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_DIGITS = re.compile(r"\s*(\d{1,18})(?:\.\d*)?\s*\Z")


class _TooDeep(ValueError):
    pass


class _Builder(TreeBuilder):
    """Refuses at the depth where it would begin to hurt, not after the whole tree was built."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise _TooDeep
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse(text: str) -> Element | None:
    """The root element of the XML in `text`; None where it has none that can be read."""
    begin = text.find("<")
    if begin < 0 or len(text) > MOST_CHARACTERS or _DECLARED.search(text):
        return None
    root = _parse(text[begin:])
    if root is None:
        root = _parse(_BARE_AMPERSAND.sub("&amp;", _NOT_XML.sub("", text[begin:])))
    return root


def _parse(text: str) -> Element | None:
    parser = DefusedXMLParser(target=_Builder(), forbid_dtd=True)
    try:
        parser.feed(text)
        root = parser.close()
    except (ParseError, DefusedXmlException, ValueError):  # ValueError: too deep, or characters that are no text
        return None
    return root if isinstance(root, Element) else None


def said(node: Element, path: str) -> str:
    """The text at `path` below `node`, stripped; empty where there is none."""
    return (node.findtext(path) or "").strip()


def escaped(text: str) -> str:
    """`text` as the content of an element; what XML cannot hold is replaced."""
    return escape(_UNWRITABLE.sub("\ufffd", text), quote=False)


def number(text: str | None) -> int:
    """The whole number in `text`; 0 where there is none."""
    found = _DIGITS.match(text or "")
    return int(found[1]) if found else 0
