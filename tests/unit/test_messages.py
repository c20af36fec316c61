"""The messages of the conversation: what was written is read, and whatever is changed or missing is noticed."""

from __future__ import annotations

import json

import pytest

from replica.errors import Garbled, OtherProtocol
from replica.leaf import next_revision
from replica.rows import Rows
from replica.store.sessions import START, Position
from replica.wire.messages import PROTOCOL, read, written
from replica.wire.verbs import Changes, Leaves

PLAIN = written("changes", "me", Changes(START, 7))
ROWS = Rows.of([next_revision(unid, [], body, 1, 10) for unid, body in (("a", b'{"n":1}'), ("\u00e9", b"{}"))])
BATCH = written("fetch", "me", Leaves(ROWS.rows, [(b"x" * 16, "abc")]), ROWS)


def heard(verb: str, data: bytes) -> object:
    message = read(verb, data)
    return message.batch(Leaves) if verb == "fetch" else message.understood(Changes)


def test_what_was_written_is_read() -> None:
    assert Changes(Position(0), 7) == heard("changes", PLAIN)
    head, rows = read("fetch", BATCH).batch(Leaves)
    assert [(b"x" * 16, "abc")] == head.texts
    assert list(ROWS) == list(rows)


@pytest.mark.parametrize(("verb", "data"), [("changes", PLAIN), ("fetch", BATCH)])
def test_every_flipped_bit_is_noticed(verb: str, data: bytes) -> None:
    for at in range(8 * len(data)):
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(Garbled):
            heard(verb, bytes(changed))


@pytest.mark.parametrize(("verb", "data"), [("changes", PLAIN), ("fetch", BATCH)])
def test_every_cut_is_noticed(verb: str, data: bytes) -> None:
    for at in range(len(data)):
        for part in (data[:at], data[at + 1 :], data[:at] + data[at + 1 :]):
            with pytest.raises(Garbled):
                heard(verb, part)


def test_the_answer_to_something_else_is_noticed() -> None:
    with pytest.raises(Garbled):
        read("missing", PLAIN)


def test_bodies_belong_to_rows_and_all_of_them() -> None:
    with pytest.raises(Garbled):
        read("fetch", written("fetch", "me", Leaves(ROWS.rows, []))).batch(Leaves)
    with pytest.raises(Garbled):
        read("changes", written("changes", "me", Changes(START, 7), ROWS)).understood(Changes)
    short = [(*row[:-1], -1) for row in ROWS.rows]
    with pytest.raises(Garbled):
        read("fetch", written("fetch", "me", Leaves(short, []), ROWS)).batch(Leaves)


def test_another_protocol_is_refused_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replica.wire.messages.PROTOCOL", PROTOCOL + 1)
    newer = written("greet", "", None)
    monkeypatch.undo()
    with pytest.raises(OtherProtocol):
        read("greet", newer)


@pytest.mark.parametrize("say", ["7", "null", "[]", '{"since":[0,""],"limit":"x"}', '{"since":[0,""]}', "[" * 100_000])
def test_what_is_sound_and_makes_no_sense_is_refused(say: str) -> None:
    value = json.loads(say) if not say.startswith("[[") else say
    with pytest.raises(Garbled):
        read("changes", written("changes", "me", value)).understood(Changes)
