"""Cells of a CSV file that a spreadsheet would take for a formula."""

import re

# OWASP, "CSV Injection": what one of these begins is run by the program that opens the file.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r\n]")


def defused(text: str) -> str:
    """Return ``text`` with an apostrophe before what would be a formula; ``plain_cell`` undoes it.

    A text that looks defused already gets one more, so that nothing is lost on the way back.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def plain_cell(cell: str) -> str:
    """Return ``cell`` without the apostrophe that defuses it."""
    return cell[1:] if _DEFUSED.match(cell) else cell
