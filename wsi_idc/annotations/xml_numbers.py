"""Numbers in the attributes of XML elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsi_idc.errors import AnnotationError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def number_of(element: Element, attribute: str, where: str) -> float:
    """Read an attribute as a number.

    Raises
    ------
    AnnotationError
        If it is none. A decimal comma is refused too: it may as well stand between thousands.
    """
    text = element.get(attribute, "")
    try:
        return float(text)
    except ValueError as error:
        raise AnnotationError(
            f"{where} has a point whose {attribute} is {text[:60]!r}, which is no number; "
            "export the file again"
        ) from error
