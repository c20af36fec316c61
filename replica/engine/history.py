"""Where two replicas go on from: the newest session that both remember. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from replica.engine.peer import Greeting
from replica.store.sessions import START, Position, Session, sight_in


def common_position(target: Greeting, source: Greeting) -> Position:
    """How far in the source's feed the target, as both remember, has everything; its start if they agree on nothing.

    Sessions are matched by their random id alone. A file that was copied or restored carries the sessions it had then, so
    that a match is true whatever happened to either side since. Of one session's progress the smaller is certain.
    """
    theirs = {session.id: session for session in source.sessions if session.direction == "out"}
    for session in _counting(target, source):
        match = theirs.get(session.id)
        if match is not None:
            return min(session.reached, match.reached)
    return START._replace(token=sight_in(source.token))


def _counting(target: Greeting, source: Greeting) -> Iterator[Session]:
    """The sessions that the target noted since the documents that it gets are chosen as they are now, newest first.

    Those before one by other eyes do not count again, also when the same see again: what they had seen may have left since,
    and what the others did not see may lie anywhere in the feed.
    """
    for session in target.sessions:
        if session.direction == "in" and session.era == target.era:
            if sight_in(session.token) != sight_in(source.token):
                return
            yield session


def lonely_session(target: Greeting, source: Greeting) -> Session | None:
    """The newest session that only the target holds, because the source could not remember; it has witnesses."""
    for session in _counting(target, source):
        if session.witnesses is not None:
            is_there = session.token != sight_in(session.token) or session.position <= source.update_seq
            return session if session.peer == source.instance_id and is_there else None
    return None


def expected_position(target: Greeting, source: Greeting) -> Position:
    """Where to go on from, as far as two greetings tell: what only the target holds has to be looked into yet."""
    lonely = None if source.remembers else lonely_session(target, source)
    common = common_position(target, source)
    return common if lonely is None else max(common, lonely.reached)


def has_forked(mine: Greeting, other: Greeting) -> bool:
    """Whether `other` remembers more of me, by my present name, than I do: I am a copy, or was restored.

    The receiver remembers first, so in an undisturbed history the source never knows more of a session than I, as its
    target; and nobody can have read my feed further than it goes.
    """
    known = {session.id: session.position for session in mine.sessions if session.direction == "in"}
    for session in other.sessions:
        if session.peer == mine.instance_id:
            most = known.get(session.id, -1) if session.direction == "out" else mine.update_seq
            if session.position > most:
                return True
    return False


def was_filled(mine: Greeting, other: Greeting) -> bool:
    """Whether I remember that `other` held something."""
    met = [session for session in mine.sessions if session.peer in other.ids]
    return any(session.position > 0 for session in met)
