"""Whatever leads there are, an export imported into another system gives them again."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cli_runner import done, with_commands
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_rows import lead

from gateway.testing import Gateway

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
LEADS = st.fixed_dictionaries(
    {"last_name": TEXT},
    optional={
        "first_name": TEXT,
        "company": TEXT,
        "phone": st.text("+-() 0123456789@='", max_size=40),
        "address": TEXT,
        "admin_notes": st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
        "tags": st.lists(st.text("aBß,'= é", max_size=8), max_size=4).map(",".join),
        "lat": st.decimals(-90, 90, places=6).map(str),
        "notes": st.lists(
            st.fixed_dictionaries({"Status": TEXT, "Notes": TEXT.filter(str.strip)}), max_size=3
        ).map(json.dumps),
    },
)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_round_trip(make_gateway: Callable[..., Gateway], tmp_path: Path, kind: str) -> None:
    first, second = with_commands(make_gateway()), with_commands(make_gateway())
    path = tmp_path / f"leads.{kind}"

    @settings(max_examples=10)
    @given(st.lists(LEADS, min_size=1, max_size=4))
    def law(posts: list[dict[str, str]]) -> None:
        ids = []
        for post in posts:
            body = urlencode({"command": "lead_set", "mode": "insert", **post}).encode()
            answer = first.post(body)
            if answer.status == 0:
                ids.append(answer.lead_id)
        if not ids:
            return
        done(first, "lead", "export", str(path), "--ids", f"{ids[0]}-{ids[-1]}")
        done(second, "lead", "import", str(path), "--keep-ids", "--again")
        for lead_id in ids:
            one, other = lead(first, lead_id), lead(second, lead_id)
            one.pop("match"), other.pop("match")
            assert one == other

    law()
