"""mapping.toml: its keys, their defaults, and a sentence for every slip that names key, value and cure.

What differs from one hospital's database to the next stands here, so that nobody has to write code for it.
"""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sync.central.gateway import LedgerMode

FILE_NAME = "mapping.toml"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


BMP_ONLY = "utf8mb3"
"""MySQL's name for Unicode without what is beyond sixteen bits; Python has no codec for it and needs none."""


def _known_encoding(name: str) -> str:
    if name == BMP_ONLY:
        return name
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError("Python knows no such code page; use for example gbk, gb18030, cp936 or utf8mb3") from None
    return name


def _a_day(day: str) -> str:
    if not _DAY.fullmatch(day):
        raise ValueError("write a day as YYYY-MM-DD")
    return day


def _a_format(pattern: str) -> str:
    if "%" not in pattern or not re.fullmatch(r"(%[YmdHMSfy]|[^%])+", pattern):
        raise ValueError("write a pattern of %Y %m %d %H %M %S %f, such as %Y%m%d%H:%M:%S")
    return pattern


def _a_column(name: str) -> str:
    if not re.fullmatch(r"\w+\.\w+", name):
        raise ValueError("write it as table.column")
    return name.lower()


Encoding = Annotated[str, AfterValidator(_known_encoding)]
Day = Annotated[str, AfterValidator(_a_day)]
Format = Annotated[str, AfterValidator(_a_format)]
TableColumn = Annotated[str, AfterValidator(_a_column)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Guards(_Part):
    """Guards of one dataset where they differ from the instance's; None means the instance's."""

    shrink_percent: int | None = Field(default=None, ge=0, le=100)
    changed_percent: int | None = Field(default=None, ge=0, le=100)
    price_factor: int | None = Field(default=None, ge=2)
    price_rows: int | None = Field(default=None, ge=0)
    may_be_empty: bool = False


class DatasetOptions(_Part):
    """What mapping.toml says about one dataset.

    `watermark` names one more column of its SELECT, which grows with every change: a time (hospital-local), or a
    number as SQL Server's rowversion. The file then has a `-- changed` line: the condition for the changed rows alone.
    `read` = "sweep_hours": a large table without one is left alone by every run but those of the night.
    """

    watermark: str | None = Field(default=None, pattern=r"^[a-z_][a-z0-9_]*$")
    watermark_kind: Literal["time", "number"] = "time"
    read: Literal["every_run", "sweep_hours"] = "every_run"
    horizon_days: int | None = Field(default=None, ge=0)
    guards: Guards = Guards()


class Ledger(_Part):
    """What keeps the return exactly-once. `columns`: with `unique_column`, by kind of document, the column as
    table.column that carries our number and that the centre keeps unique. `write_probe`: looks at the centre may write
    a row into our table and take it back."""

    mode: LedgerMode = LedgerMode.SAME_TRANSACTION
    write_probe: bool = True
    columns: dict[str, TableColumn] = {}


class Tables(_Part):
    """The centre's tables that uploads touch; `fingerprint` is that of the schema this mapping was tested with."""

    touched: tuple[str, ...] = ()
    fingerprint: str | None = None


class Triggers(_Part):
    """Triggers on the touched tables that the hospital and the vendor know and accept."""

    known: tuple[str, ...] = ()


class Read(_Part):
    """How the mirror reads. `snapshot`: one consistent transaction. `replica`: the address is a copy that gives one by
    itself (a readable secondary, a restored backup). `pages`: short statements, each as of its own moment."""

    isolation: Literal["snapshot", "replica", "pages"] = "snapshot"
    read_only_intent: bool = True
    lock_timeout: int = Field(default=5, ge=1, le=600)
    statement_timeout: int = Field(default=300, ge=5, le=7200)
    page_rows: int = Field(default=2000, ge=100, le=100_000)
    scan_limit: int = Field(default=100_000, ge=0)


class Write(_Part):
    """How documents are written; seconds."""

    lock_timeout: int = Field(default=15, ge=1, le=120)
    statement_timeout: int = Field(default=60, ge=5, le=600)


class Text(_Part):
    """What the centre's text columns hold.

    `char_encoding`: how the driver hands on CHAR and VARCHAR, where it does not convert them itself. `code_page`: what
    those columns can store; a character outside it is refused instead of arriving as "?", but in the binds of
    `unicode`, which go to N-columns. `replace`: the hospital's written rule for characters that its columns do not hold
    (𠮷 = "吉"), applied only where the character would be lost. `collation`: what the check expects of the touched
    tables.
    """

    char_encoding: Encoding | None = None
    code_page: Encoding | None = None
    unicode: tuple[str, ...] = ()
    replace: dict[str, str] = {}
    collation: str | None = None


class Times(_Part):
    """Forms in which the SELECTs of `mirror` give days and times as text; tried in order."""

    read: tuple[Format, ...] = ()


class Sentinels(_Part):
    """Values that mean "nothing" in this database. 1900-01-01 and 3000-01-01 always do."""

    days: tuple[Day, ...] = ()
    texts: tuple[str, ...] = ()


class MappingFile(_Part):
    """mapping.toml."""

    name: str = Field(min_length=1)
    dialect: str = Field(min_length=1)
    extends: str | None = None
    ledger: Ledger = Ledger()
    read: Read = Read()
    write: Write = Write()
    text: Text = Text()
    times: Times = Times()
    sentinels: Sentinels = Sentinels()
    time_formats: dict[str, Format] = {}
    datasets: dict[str, DatasetOptions] = {}
    tables: Tables = Tables()
    triggers: Triggers = Triggers()


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` over `base`, table by table; a list or a value replaces."""
    both = {key: value for key, value in base.items() if key != "extends"}
    for key, value in own.items():
        below = both.get(key)
        both[key] = merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return both


def read_options(document: Mapping[str, Any], problems: list[str]) -> MappingFile | None:
    """The options of a mapping.toml; every slip goes to `problems`."""
    try:
        return MappingFile.model_validate(document)
    except ValidationError as error:
        problems += [f"{FILE_NAME}: {sentence(item)}" for item in error.errors()]
        return None


def sentence(item: Mapping[str, Any]) -> str:
    """Key, value and cure of one thing pydantic found."""
    place = ".".join(str(part) for part in item["loc"])
    given = item.get("input")
    match item["type"]:
        case "missing":
            return f"{place} is missing; add it"
        case "extra_forbidden":
            near = difflib.get_close_matches(str(item["loc"][-1]), list(_keys_beside(item["loc"])), n=1)
            return f"{place} = {given!r}: there is no such key{f'; did you mean {near[0]}?' if near else ''}"
        case "literal_error" | "enum":
            return f"{place} = {given!r}: use one of {item['ctx']['expected']}"
        case "value_error":
            return f"{place} = {given!r}: {item['ctx']['error']}"
        case _:
            return f"{place} = {given!r}: {item['msg'][:1].lower()}{item['msg'][1:]}"


def _keys_beside(place: Iterable[Any]) -> Iterator[str]:
    """The keys there are where an unknown one stands."""
    model: Any = MappingFile
    for part in [*place][:-1]:
        if model is MappingFile and part == "datasets":
            model = {"*": DatasetOptions}
        elif isinstance(model, dict):
            model = model["*"]
        else:
            model = getattr(model, "model_fields", {})[part].annotation
    yield from getattr(model, "model_fields", ())
