from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL

from data.redaction import redact

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("address", "redacted"),
    [
        ("http://user:secret@127.0.0.1:9", "http://user:***@127.0.0.1:9"),
        ("https://:secret@host", "https://:***@host"),
        ("postgresql://me@corp:secret@db/x", "postgresql://me@corp:***@db/x"),
        ("postgresql://me:se@cret@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me:se/cr:et@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me:se cret\n@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me:://secret@db/x", "postgresql://me:***@db/x"),
        ("postgresql://db/x?password=secret", "postgresql://db/x?password=***"),
        ("postgresql://db/x?user=me&sslpassword=se'cret&a=b", "postgresql://db/x?user=me&sslpassword=***&a=b"),
        ("postgresql://db/x?Password=secret&password_2=secret", "postgresql://db/x?Password=***&password_2=***"),
        ("postgresql://me:secret@db/x?password=sec@ret", "postgresql://me:***@db/x?password=***"),
    ],
)
def test_a_password_is_hidden_and_the_rest_of_an_address_shown(address: str, redacted: str) -> None:
    assert redact(address) == redacted
    assert redact(redacted) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ops",
        "sqlite:////srv/state/a@b:c/nodeward.db",
        "http://127.0.0.1:4200/api",
        "postgresql://me@db:5432/x?user=me",
        "/srv/me:you@here",
    ],
)
def test_a_text_without_a_password_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@given(WORDS, WORDS, WORDS)
def test_no_password_of_a_database_passes(user: str, password: str, parameter: str) -> None:
    url = URL.create("postgresql", user, password, "db", 5432, "fleet", {"sslpassword": parameter, "user": user})
    hidden = url.update_query_dict({"sslpassword": "***"}).render_as_string(hide_password=True)
    assert redact(url.render_as_string(hide_password=False)) == hidden.replace("%2A%2A%2A", "***")
