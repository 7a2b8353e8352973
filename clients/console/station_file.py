"""The workstation table in a file of the hospital's own: CSV as any spreadsheet writes it, or a workbook."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from clients.console.context import Misuse
from fallback_server.domain.errors import YjError
from fallback_server.domain.stations import Entry, as_csv, as_rows, csv_text, rows_of_csv


def rows_of(file: Path) -> list[list[Any]]:
    """The cells of the file. Raises Misuse for one that cannot be read, excel_unavailable without the library."""
    _known(file)
    try:
        if file.suffix == ".xlsx":
            return _rows_of_workbook(file)
        return list(rows_of_csv(csv_text(file.read_bytes())))
    except OSError as error:
        raise Misuse(f"{file}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error, BadZipFile, KeyError) as error:
        raise Misuse(f"{file}: is no {file.suffix[1:]} file ({error})") from error


def write(file: Path, entries: Iterable[Entry]) -> None:
    """Write the table. Raises Misuse for another ending, OSError, excel_unavailable."""
    _known(file)
    if file.suffix == ".csv":
        file.write_text(as_csv(entries), encoding="utf-8", newline="")
        return
    book = _excel().Workbook()
    for row in as_rows(entries):
        book.active.append(row)
    book.save(file)


def _rows_of_workbook(file: Path) -> list[list[Any]]:
    book = _excel().load_workbook(file, read_only=True, data_only=True)
    try:
        return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    finally:
        book.close()


def _excel() -> Any:
    try:
        return importlib.import_module("openpyxl")
    except ImportError:
        raise YjError("excel_unavailable") from None


def _known(file: Path) -> None:
    if file.suffix not in (".csv", ".xlsx"):
        raise Misuse(f"{file}: ends in .csv or .xlsx")
