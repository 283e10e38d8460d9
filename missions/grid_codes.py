"""Codes of cells: how they are read, and what is wrong with them among their like.

Administrative cells carry 12 digits or more: six of the county, then town, village and cell. Where most cells
of a file have such codes, the others are held against them; codes like ``B01`` are left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

ADMINISTRATIVE_DIGITS = 12
COUNTY_DIGITS = 6
MOST = 0.8
FEWEST_ALIKE = 3
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
WHOLE_DECIMAL = re.compile(r"\d+\.0+")

MISSING, TWICE, SPACES, DECIMAL = "code_missing", "code_twice", "code_spaces", "code_decimal"
FORM, LENGTH, COUNTY = "code_form", "code_length", "code_county"


def tidy_code(value: Any) -> tuple[str, str]:
    """A code as it should be, and what had to be done: "" , ``code_spaces`` or ``code_decimal``.

    >>> tidy_code(" 361102001001\\u3000"), tidy_code(361102001001.0), tidy_code(None)
    (('361102001001', 'code_spaces'), ('361102001001', 'code_decimal'), ('', ''))
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value)), DECIMAL
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "", ""
    text = str(value)
    code = text.strip().strip(INVISIBLE).strip()
    if WHOLE_DECIMAL.fullmatch(code):
        return code.split(".")[0], DECIMAL
    return code, SPACES if code != text else ""


def odd_codes(codes: list[str]) -> list[tuple[int, str, str]]:
    """Codes that differ from most of the others.

    Args:
        codes: tidy ones, "" where a cell has none.

    Returns:
        index, kind (``code_form``, ``code_length``, ``code_county``), and what most of the others have.

    >>> odd_codes(["361102001001", "361102001002", "361102001003", "361102001004", "36110200105"])
    [(4, 'code_length', '12')]
    """
    known = [code for code in codes if code]
    administrative = [code for code in known if _digits(code) and len(code) >= ADMINISTRATIVE_DIGITS]
    if len(administrative) < max(FEWEST_ALIKE, MOST * len(known)):
        return []
    length, of_length = _commonest(len(code) for code in administrative)
    county, of_county = _commonest(code[:COUNTY_DIGITS] for code in administrative)
    found: list[tuple[int, str, str]] = []
    for index, code in enumerate(codes):
        if not code:
            continue
        if not _digits(code):
            found.append((index, FORM, ""))
        elif len(code) != length and of_length >= MOST * len(administrative):
            found.append((index, LENGTH, str(length)))
        elif not code.startswith(county) and of_county >= MOST * len(administrative):
            found.append((index, COUNTY, county))
    return found


def repeated_codes(codes: list[str]) -> dict[str, list[int]]:
    """Codes of several cells, with the indices of those cells."""
    places: dict[str, list[int]] = {}
    for index, code in enumerate(codes):
        if code:
            places.setdefault(code, []).append(index)
    return {code: where for code, where in places.items() if len(where) > 1}


def _digits(code: str) -> bool:
    return code.isascii() and code.isdigit()


def _commonest(values: Any) -> tuple[Any, int]:
    return Counter(values).most_common(1)[0]
