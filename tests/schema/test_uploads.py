"""Uploads and the names under which they are stored."""

from collections.abc import Sequence

import pytest

from gateway.contract import FormValue, Parsed, Upload
from gateway.schema import parse
from tests.schema.forms import SCHEMA, codes, sent


def uploaded(*uploads: Upload, name: FormValue | None = None) -> Parsed:
    form: dict[str, FormValue] = {"mode": "insert"}
    if name is not None:
        form["upload_file_name"] = name
    return parse(form, SCHEMA, uploads=uploads)


def contents(content: bytes = b"\x00\xff", name: str = "") -> Upload:
    return Upload("upload_file_contents", name, content, "application/pdf")


@pytest.mark.parametrize(
    ("uploads", "name", "stored"),
    [
        ([contents()], "a.pdf", "a.pdf"),
        ([contents()], r"C:\x\a.pdf", "a.pdf"),
        ([contents(name="b.pdf")], None, "b.pdf"),
        ([contents(name="C:\\x/b.pdf")], "", "b.pdf"),
        ([contents(name="b.pdf")], "a.pdf", "a.pdf"),
        ([contents(b"first"), contents()], "a.pdf", "a.pdf"),
        ([contents(name=f"{'x' * 300}.pdf")], None, f"{'x' * 251}.pdf"),
        ([contents(), contents(b"")], "a.pdf", "a.pdf"),
    ],
)
def test_upload_and_its_name(uploads: Sequence[Upload], name: str | None, stored: str) -> None:
    parsed = uploaded(*uploads, name=name)
    assert parsed.rejected == ()
    assert parsed.changes == {}
    assert parsed.uploads == (contents(name=stored),)


def test_file_without_bytes_is_a_file_where_it_has_a_name() -> None:
    assert uploaded(contents(b"", "empty.txt")).uploads == (contents(b"", "empty.txt"),)
    assert uploaded(contents(b"")) == uploaded()


@pytest.mark.parametrize(
    ("uploads", "name", "missing"),
    [
        ([], "a.pdf", "upload_file_contents"),
        ([contents(b"")], "a.pdf", "upload_file_contents"),
        ([Upload("photo", "p.png", b"x")], "a.pdf", "upload_file_contents"),
        ([contents()], None, "upload_file_name"),
        ([contents()], "", "upload_file_name"),
        ([contents(name="..")], None, "upload_file_name"),
    ],
)
def test_half_an_upload_is_refused(
    uploads: Sequence[Upload], name: str | None, missing: str
) -> None:
    parsed = uploaded(*uploads, name=name)
    assert codes(parsed) == [(missing, "incomplete_upload")]
    assert not parsed.rejected[0].keepable
    assert all(upload.field != "upload_file_contents" for upload in parsed.uploads)


@pytest.mark.parametrize("name", ["..", "a/", "n" * 256, "\ud83d"])
def test_bad_file_name_is_refused_once(name: str) -> None:
    for uploads in ([], [contents()], [contents(name="b.pdf")]):
        parsed = uploaded(*uploads, name=name)
        assert [each.problem.field for each in parsed.rejected] == ["upload_file_name"]
        assert parsed.uploads == ()


@pytest.mark.parametrize(
    ("field", "name", "stored"),
    [
        ("photo", "p.png", "p.png"),
        ("photo", "/tmp/p.png", "p.png"),
        ("photo", "", "photo"),
        ("photo", "..", "photo"),
        ("..", ".", "file"),
        ("", "", "file"),
        ("photo", f"{'x' * 300}.png", f"{'x' * 251}.png"),
        ("photo", "a\ud83d\x00.png", "a\\ud83d.png"),
        ("company", "p.png", "p.png"),
    ],
)
def test_other_file_is_stored_under_its_own_name(field: str, name: str, stored: str) -> None:
    parsed = uploaded(Upload(field, name, b"x"))
    assert [upload.name for upload in parsed.uploads] == [stored]
    assert (parsed.rejected, parsed.unknown) == ((), ())


def test_all_files_of_a_post_are_stored() -> None:
    photo = Upload("photo", "p.png", b"x")
    parsed = uploaded(photo, contents(), photo, Upload("photo", "", b""), name="a.pdf")
    assert parsed.uploads == (contents(name="a.pdf"), photo, photo)


def test_contents_are_no_value_of_the_form() -> None:
    parsed = sent(upload_file_contents={"0": "a"})
    assert codes(parsed) == [("upload_file_contents", "invalid")]
    assert not parsed.rejected[0].keepable
