"""Any bytes whatsoever are a call, and what was cut out of one is found no more."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import SECRETS
from gateway.errors import CODES
from gateway.transport import redact
from tests.made_calls import FORM, MULTIPART, code, make

CONTENT_TYPES = st.sampled_from(
    [FORM, MULTIPART, "application/json", "", "text/plain", "multipart/form-data", "\xff;;=\x00"]
) | st.text(st.characters(max_codepoint=255))
BODIES = st.binary() | st.lists(
    st.sampled_from(
        [b"--b", b"--", b"\r\n", b"\n", b"Content-Disposition: form-data; name=", b'"', b"a", b"=",
         b"&", b"%", b"[", b"]", b"{", b"}", b":", b",", b"\xe9", b"\\", b"command", b"ai_token",
         b"_charset_", b"iso-2022-jp", b"\x1b(B", b"\0", b"upload_file_contents", b"; filename="]
    ), max_size=30,
).map(b"".join)  # fmt: skip


@given(BODIES, CONTENT_TYPES, st.binary())
def test_any_bytes_are_a_call(body: bytes, content_type: str, query: bytes) -> None:
    call = make(body, content_type, query=query)
    assert code(call) in {None, *CODES} - {"internal"}
    assert not call.form.keys() & {*SECRETS, "command", "ai_command", "_charset_"}


@given(BODIES, st.sampled_from([FORM, MULTIPART, "application/json", ""]), BODIES)
def test_what_was_cut_out_is_found_no_more(body: bytes, content_type: str, query: bytes) -> None:
    """Reading again what is kept finds the same fields and no secret."""
    call = make(body, content_type, query=query)
    if call.body is None:
        return
    again = make(call.body, content_type, query=call.query)
    said = again.credentials
    assert (said.password, said.token, said.site_token, said.form_key) == ("", "", "", "")
    assert (again.body, again.query) == (call.body, call.query)
    assert {each.content for each in again.uploads} <= {
        b"" if redact.mentions(each.content) else each.content for each in call.uploads
    }
