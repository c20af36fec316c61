"""docs/conversation.md shows messages that are understood as they stand, and names every verb and every place in a shape."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Any

import pytest

import replica.rows
from replica.changes import Entry, Offer, Page
from replica.engine.peer import Greeting, Withdrawn, Withheld
from replica.revision import Revision
from replica.server.native import ENDPOINTS
from replica.store.sessions import Position, Session
from replica.tally import Failure, Tally
from replica.wire import verbs
from replica.wire.messages import MEDIA_TYPE, PROTOCOL, read, written
from tests.house.source import ROOT

PAGE = (ROOT / "docs" / "conversation.md").read_text(encoding="utf-8")
SHOWN = re.findall(r'^```text\n(\{"protocol".*?\n)```$', PAGE, re.MULTILINE | re.DOTALL)
OBJECTS = [
    verbs.Greet,
    verbs.Changes,
    verbs.UpTo,
    verbs.Since,
    verbs.Changed,
    verbs.Leaves,
    verbs.Accept,
    verbs.Snapshot,
    Tally,
    Failure,
    Greeting,
    Session,
]
LISTS = [Withdrawn, Withheld, Position, Page, Entry, Offer, Revision]


def whole(shown: str) -> bytes:
    """The message, with the hash for which the page has a word."""
    data = shown.encode().partition(b'{"end":')[0]
    return data + b'{"end":"%b"}\n' % hashlib.sha256(data).hexdigest().encode()


def test_messages_are_shown() -> None:
    assert 8 <= len(SHOWN)
    assert f"protocol {PROTOCOL}" in PAGE
    assert MEDIA_TYPE in PAGE


@pytest.mark.parametrize("shown", SHOWN)
def test_a_message_that_is_shown_is_understood_and_would_be_written_so(shown: str) -> None:
    verb = re.findall(r'"verb":"([a-z-]+)"', shown)[0]
    message = read(verb, whole(shown))
    understood = [said for meaning in (verbs.QUESTIONS[verb], verbs.ANSWERS[verb]) for said in meant(message, meaning)]
    assert whole(shown) in [written(verb, message.name, say, rows) for say, rows in understood]


def meant(message: Any, meaning: Any) -> list[Any]:
    if meaning is None:
        return []
    try:
        return [message.batch(meaning) if message.bodies else (message.understood(meaning), None)]
    except replica.errors.Garbled:
        return []


def test_every_verb_is_in_the_table_and_served() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \| .*? \| .*? \|$", PAGE.partition("## Verbs")[2].partition("##")[0], re.M)
    assert sorted(listed) == sorted(verbs.QUESTIONS) == sorted(verbs.ANSWERS)
    assert {*listed, "{verb:path}"} == {endpoint.path.rpartition("/")[2] for endpoint in ENDPOINTS}


@pytest.mark.parametrize("shape", [*OBJECTS, *LISTS])
def test_every_shape_is_described_place_by_place(shape: Any) -> None:
    names = [field.name for field in dataclasses.fields(shape)] if dataclasses.is_dataclass(shape) else None
    names = names or list(getattr(shape, "_fields", ())) or list(shape.__struct_fields__)
    (kind, text), *others = re.findall(rf"^\| `{shape.__name__}` \| (object|list) \| (.*) \|$", PAGE, re.MULTILINE)
    assert not others
    assert kind == ("list" if shape in LISTS else "object")
    places = [text.replace("`", " ").find(f" {name} ".replace("`", " ")) if name in text else -1 for name in names]
    assert -1 not in places, names
    assert shape in OBJECTS or places == sorted(places)
