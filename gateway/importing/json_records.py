"""A JSONL file as records: one JSON object a line, read as the JSON body of a post is."""

from collections.abc import Iterator

from gateway.contract import FormValue
from gateway.errors import BrokenBody, Refused, problem
from gateway.importing.columns import Columns
from gateway.importing.lines import Line
from gateway.importing.records import Record
from gateway.transport import fields, json_body


class JsonRecords:
    """The objects of a JSONL file."""

    def __init__(
        self,
        lines: Iterator[Line],
        columns: Columns,
        *,
        declared: str | None,
        fallback: str,
        longest: int,
    ) -> None:
        self._lines, self.columns = lines, columns
        self._declared, self._fallback, self._longest = declared, fallback, longest

    def __iter__(self) -> Iterator[Record]:
        for line in self._lines:
            place = (line.number, line.number, line.raw)
            if line.is_cut:
                why = problem("", "broken_line", f"longer than {self._longest} bytes")
                yield Record(*place, problem=why)
            elif line.raw.strip():
                try:
                    yield Record(*place, self._form(line.raw.strip()))
                except BrokenBody:
                    why = problem("", "broken_line", "not one JSON object that can be read")
                    yield Record(*place, problem=why)
                except Refused as refusal:
                    why = problem("", "broken_line", refusal.problems[0].message)
                    yield Record(*place, problem=why)

    def _form(self, raw: bytes) -> dict[str, FormValue]:
        values, _ = json_body.parse(raw, declared=self._declared, fallback=self._fallback)
        named = [(self.columns.name(key), value) for key, value in values]
        return fields.from_json([(name, value) for name, value in named if name]).form
