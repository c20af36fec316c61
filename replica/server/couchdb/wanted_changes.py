"""What a request to `_changes` asks for, read from its query, headers and body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool

from replica.canonical import Json
from replica.errors import BadRequest, NotFound, NotSupported
from replica.replica import Replica
from replica.selection import Selector, compile_selector
from replica.server.call import Call

FEEDS = ("normal", "longpoll", "continuous", "eventsource")
WAIT_MAX_S = 60.0  # CouchDB's: how long a request without heartbeats waits, and the rarest heartbeat
BEAT_MIN_S = 0.1
_STYLES = ("main_only", "all_docs")


class Choice(NamedTuple):
    """Which documents: those of these UNIDs or of this prefix, those that match; all if nothing is said."""

    unids: list[str] | None = None
    prefix: str | None = None
    selector: Selector | None = None

    @property
    def is_looked_up(self) -> bool:
        """Whether the documents are found by their UNIDs, without walking the feed."""
        return self.unids is not None or self.prefix is not None


class Wanted(NamedTuple):
    """A request to `_changes`. `since` is still as the client wrote it."""

    feed: str
    since: str
    limit: int | None
    descending: bool
    all_leaves: bool
    include_docs: bool
    conflicts: bool
    seq_interval: int
    heartbeat_s: float | None
    timeout_s: float | None
    choice: Choice

    @property
    def waits(self) -> bool:
        """Whether to wait for changes when there are none; backwards there is nothing to wait for."""
        return self.feed != "normal" and not self.descending

    @property
    def needs_bodies(self) -> bool:
        """Whether documents have to be read, and not only their revisions."""
        return self.include_docs or self.choice.selector is not None


async def wanted(call: Call) -> Wanted:
    """What `call` asks for; `BadRequest`, `BadSelector`, `NotFound`, `NotSupported`."""
    body = await call.json_object({}) if call.request.method == "POST" else {}
    feed = call.text("feed", "normal") or ""
    feed = {"live": "continuous"}.get(feed, feed)
    if feed not in FEEDS:
        raise BadRequest(f"Supported `feed` types: {', '.join(FEEDS)}, live")
    style = call.text("style", "main_only")
    if style not in _STYLES:
        raise BadRequest(f"the parameter `style` is {' or '.join(_STYLES)}")
    heartbeat = _heartbeat(call)
    return Wanted(
        feed=feed,
        since=call.request.headers.get("last-event-id") or call.text("last-event-id") or call.text("since") or "0",
        limit=call.count("limit"),
        descending=call.flag("descending"),
        all_leaves=style == "all_docs",
        include_docs=call.flag("include_docs"),
        conflicts=call.flag("conflicts"),
        seq_interval=max(1, call.count("seq_interval", 1) or 1),
        heartbeat_s=heartbeat,
        timeout_s=None if heartbeat else min((call.count("timeout", 60_000) or 0) / 1000, WAIT_MAX_S),
        choice=await run_in_threadpool(_choice, call, body),
    )


def _heartbeat(call: Call) -> float | None:
    """Seconds between signs of life; with them, the request waits for ever."""
    word = call.text("heartbeat")
    if word is None or word == "false":
        return None
    milliseconds = WAIT_MAX_S * 1000 if word == "true" else call.count("heartbeat") or 0
    if not milliseconds:
        raise BadRequest("The heartbeat value should be a positive integer (in milliseconds).")
    return max(BEAT_MIN_S, min(milliseconds / 1000, WAIT_MAX_S))


def _choice(call: Call, body: dict[str, Json]) -> Choice:
    name = call.text("filter")
    if name is None and call.text("view") is not None:
        name = "_view"
    if not name:
        return Choice()
    return _BUILT_IN.get(name, _of_a_design_document)(call, body)


def _doc_ids(call: Call, body: dict[str, Json]) -> Choice:
    unids = body.get("doc_ids", call.json_parameter("doc_ids"))
    if not isinstance(unids, list) or not all(isinstance(unid, str) for unid in unids):
        raise BadRequest("`doc_ids` filter parameter is not a valid array of document ids")
    return Choice(unids=unids)


def _selector(call: Call, body: dict[str, Json]) -> Choice:
    selector = body.get("selector", call.json_parameter("selector"))
    if selector is None:
        raise BadRequest("Selector must be specified in POST payload")
    return Choice(selector=compile_selector(selector))


def _design(call: Call, body: dict[str, Json]) -> Choice:
    return Choice(prefix="_design/")


def _view(call: Call, body: dict[str, Json]) -> Choice:
    name = call.text("view")
    if not name:
        raise BadRequest("`view` filter parameter is not provided.")
    _refuse(call.replica, "views", name)
    raise AssertionError


def _of_a_design_document(call: Call, body: dict[str, Json]) -> Choice:
    _refuse(call.replica, "filters", call.text("filter") or "")
    raise AssertionError


_BUILT_IN: dict[str, Callable[[Call, dict[str, Json]], Choice]] = {
    "_doc_ids": _doc_ids,
    "_selector": _selector,
    "_design": _design,
    "_view": _view,
}


def _refuse(replica: Replica, kind: str, name: str) -> None:
    """Say what is wrong with a filter that a design document would have to hold; if nothing is: that none is run here."""
    design, _, function = name.partition("/")
    if not design or not function or "/" in function:
        raise BadRequest(f"filter parameter must be of the form `designname/{kind[:-1]}name`")
    document = replica.get(f"_design/{design}", None)
    if document is None:
        raise NotFound("missing")
    functions: Any = document.items.get(kind)
    if not isinstance(functions, dict) or function not in functions:
        raise NotFound(f"missing json key: {function if isinstance(functions, dict) else kind}")
    raise NotSupported("filters in JavaScript are not run here", hint="Use filter=_selector or filter=_doc_ids.")
