"""The messages of the conversation: what was written is read, and whatever is changed or missing is noticed."""

from __future__ import annotations

import hashlib
import inspect
import json
from typing import Any

import msgspec
import pytest

from replica.changes import Entry, Offer, Page
from replica.engine.peer import Greeting
from replica.errors import Garbled, OtherProtocol
from replica.leaf import next_revision
from replica.revision import Revision
from replica.rows import Rows
from replica.store.sessions import START, Position, Session
from replica.store.settings import ANCESTRY_LIMIT_MAX
from replica.wire import bounds
from replica.wire.bounds import SaidGreeting, SaidSession
from replica.wire.messages import PROTOCOL, read, written
from replica.wire.verbs import ANSWERS, QUESTIONS, Accept, Changed, Changes, Greet, Leaves, Since, Snapshot, UpTo

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


SESSION = Session("s", "in", "peer", 0, 7, 0, {"added": 1})
GREETING = Greeting("id", ("me",), "/here", 0, 7, False, True, False, 1000, [SESSION], [])
OFFER = Offer("unid", Revision(1, "a"), False, True, True, bytes(32), 1, 0)
FAR = 2**63


def accepting(session: Session, ancestry_limit: int = 1000) -> Accept:
    return Accept([], [], SaidSession.of(session), ancestry_limit, [], False)


@pytest.mark.parametrize(
    ("shapes", "verb", "say"),
    [
        (QUESTIONS, "changes", Changes(Position(FAR), 7)),
        (QUESTIONS, "changes", Changes(Position(-1), 7)),
        (QUESTIONS, "changes", Changes(Position(0, "t" * 10_001), 7)),
        (QUESTIONS, "changes-up-to", UpTo(Position(FAR), 7)),
        (QUESTIONS, "changed-leaves", Since(Position(FAR), 7, 7)),
        (QUESTIONS, "greet", Greet(SaidGreeting.of(GREETING._replace(era=-1)), False)),
        (
            QUESTIONS,
            "greet",
            Greet(SaidGreeting.of(GREETING._replace(sessions=[SESSION._replace(position=FAR)])), False),
        ),
        (QUESTIONS, "remember", [SaidSession.of(SESSION._replace(id=""))]),
        (QUESTIONS, "remember", [SaidSession.of(SESSION._replace(peer="p" * 201))]),
        (QUESTIONS, "remember", [SaidSession.of(SESSION._replace(at_ms=FAR))]),
        (QUESTIONS, "remember", [SaidSession.of(SESSION._replace(counts={"added": FAR}))]),
        (QUESTIONS, "remember", [SaidSession.of(SESSION._replace(counts={str(at): 1 for at in range(101)}))]),
        (QUESTIONS, "remember", [SaidSession.of(SESSION._replace(witnesses=[(FAR, "unid", "1-a")]))]),
        (QUESTIONS, "remember", [SaidSession.of(SESSION._replace(witnesses=[(1, "unid", "1-a")] * 1001))]),
        (QUESTIONS, "remember", [SaidSession.of(SESSION._replace(token="t" * 10_001))]),
        (QUESTIONS, "accept", accepting(SESSION._replace(era=FAR))),
        (QUESTIONS, "accept", accepting(SESSION, ANCESTRY_LIMIT_MAX + 1)),
        (QUESTIONS, "greet", Greet(SaidGreeting.of(GREETING._replace(refused=["u" * 20_001])), False)),
        (QUESTIONS, "greet", Greet(SaidGreeting.of(GREETING._replace(ids=("i" * 201,))), False)),
        (QUESTIONS, "missing", [OFFER._replace(size=-1)]),
        (QUESTIONS, "missing", [OFFER._replace(ancestors=FAR)]),
        (QUESTIONS, "missing", [OFFER._replace(revision=Revision(-1, "a"))]),
        (QUESTIONS, "fetch", [("unid", Revision(FAR, "a"))]),
        (ANSWERS, "greet", SaidGreeting.of(GREETING._replace(ids=()))),
        (ANSWERS, "greet", SaidGreeting.of(GREETING._replace(ids=("",)))),
        (ANSWERS, "greet", SaidGreeting.of(GREETING._replace(ids=("me",) * 1001))),
        (ANSWERS, "greet", SaidGreeting.of(GREETING._replace(replica_id="r" * 201))),
        (ANSWERS, "greet", SaidGreeting.of(GREETING._replace(place="p" * 201))),
        (ANSWERS, "greet", SaidGreeting.of(GREETING._replace(token="t" * 10_001))),
        (ANSWERS, "greet", SaidGreeting.of(GREETING._replace(update_seq=FAR))),
        (ANSWERS, "greet", SaidGreeting.of(GREETING._replace(ancestry_limit=-1))),
        (ANSWERS, "greet", SaidGreeting.of(GREETING._replace(sessions=[SESSION._replace(era=-1)]))),
        (ANSWERS, "changes", Page([], Position(FAR), True)),
        (ANSWERS, "changes", Page([Entry(FAR, "unid", [])], START, True)),
        (ANSWERS, "changes", Page([Entry(1, "unid", [OFFER._replace(size=-1)])], START, True)),
        (ANSWERS, "changes", Page([Entry(1, "unid", [], "t" * 10_001)], START, True)),
        (ANSWERS, "missing", [-1]),
        (ANSWERS, "snapshot", Snapshot(2, -1)),
        (ANSWERS, "changes-up-to", [Entry(-1, "unid", [])]),
        (ANSWERS, "changed-leaves", Changed([], [], 0, Position(-1), True)),
        (ANSWERS, "changed-leaves", Changed([], [], FAR, START, True)),
        (ANSWERS, "changes-of", [Entry(FAR, "unid", [])]),
    ],
)
def test_what_is_beyond_a_bound_is_refused(shapes: dict[str, Any], verb: str, say: Any) -> None:
    with pytest.raises(Garbled):
        read(verb, written(verb, "me", say)).understood(shapes[verb])


@pytest.mark.parametrize(
    ("shapes", "verb", "say"),
    [
        (QUESTIONS, "remember", [SaidSession.of(SESSION._replace(witnesses=[(FAR - 1, "unid", "1-a")], at_ms=-FAR))]),
        (ANSWERS, "greet", SaidGreeting.of(GREETING)),
        (ANSWERS, "changes", Page([Entry(FAR - 1, "unid", [])], Position(FAR - 1, "t" * 10_000), True)),
    ],
)
def test_what_is_within_its_bounds_is_the_value_that_was_said(shapes: dict[str, Any], verb: str, say: Any) -> None:
    assert say == read(verb, written(verb, "me", say)).understood(shapes[verb])


HEARD = [each for name, each in vars(bounds).items() if name.startswith("Heard") and hasattr(each, "_fields")]
SAID = [(SaidGreeting, Greeting), (SaidSession, Session)]


@pytest.mark.parametrize("shape", HEARD)
def test_a_bound_is_on_something_that_the_value_has(shape: Any) -> None:
    assert set() == set(inspect.get_annotations(shape)) - set(shape._fields)


@pytest.mark.parametrize(("said", "value"), SAID)
def test_what_is_said_has_the_members_of_the_value(said: Any, value: Any) -> None:
    assert value._fields == said.__struct_fields__


@pytest.mark.parametrize("value", [GREETING, GREETING._replace(sessions=[])])
def test_what_is_said_is_what_was_meant(value: Greeting) -> None:
    assert value == SaidGreeting.of(value).meant()


def test_what_a_later_version_adds_to_an_object_is_ignored() -> None:
    say = msgspec.to_builtins(SaidGreeting.of(GREETING)) | {"eyes": "blue"}
    say["sessions"][0]["colour"] = [1]
    assert GREETING == read("greet", written("greet", "me", say)).understood(ANSWERS["greet"]).meant()


def test_another_protocol_is_told_from_a_head_of_another_shape() -> None:
    head = {"protocol": PROTOCOL + 1, "verb": ["greet", "well"], "name": {"of": 7}}
    with pytest.raises(OtherProtocol):
        read("greet", sealed(json.dumps(head).encode() + b"\n"))


def sealed(data: bytes) -> bytes:
    return data + b'{"end":"%b"}\n' % hashlib.sha256(data).hexdigest().encode()
