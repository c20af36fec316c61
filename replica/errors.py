"""Every error that reaches a program or a person, branched by what can be done next.

::

    ReplicaError             code (stable, scripts and peers read it) · hint (the next step) · may_retry
    ├── Refused              understood, and the answer is no
    │   ├── NotFound             no such document, revision, item of a list, or file
    │   ├── StaleRevision        someone saved in between
    │   ├── Exists               that name is taken
    │   ├── NotAllowed           this may not be done here
    │   │   ├── ReadOnly             the file or its folder cannot be written
    │   │   └── Paused               replication of this replica is switched off
    │   ├── BadDocument          not a document: JSON, UNID, revision or item names
    │   │   ├── IllegalUnid          CouchDB's clients are told so by a word of its own
    │   │   ├── BadMember            a member that begins with `_` and means nothing
    │   │   └── BadAccessList        an access list that cannot be understood
    │   ├── BadSelector          not a selector
    │   ├── TooLarge             beyond a stated limit
    │   └── NotSupported         not offered, here or yet
    │       └── AttachmentsNotSupported  the document has attachments
    ├── Unsafe               could be done, would probably hurt; the person decides
    │   ├── NotAReplica          different databases
    │   ├── WithItself           both ends are the same file
    │   ├── SuddenlyEmpty        the peer lost everything since last time
    │   ├── HardLinked           the file has a second name
    │   └── Replaced             the file under this name is no longer the one that was opened
    ├── Stale                deletion stubs were forgotten in between: re-base needed
    ├── StoreError           the file itself
    │   ├── NotADatabase         not a file of ours
    │   ├── TooNew · TooOld      another version's schema
    │   ├── Corrupt              damaged
    │   ├── DiskError            the disk is full, or reading or writing failed
    │   └── Busy                 in use; may_retry
    │       └── Locked               held by another process for longer than the time-out; may_retry
    ├── TransportError       the way to the peer; may_retry
    │   ├── Unreachable · TimedOut
    │   ├── Garbled              what arrived is not what was sent
    │   ├── OtherProtocol        the peer speaks another version (not retried)
    │   ├── NotAuthenticated     who are you? (not retried)
    │   ├── TooManyAttempts      too many wrong passwords: not now
    │   └── NotTrusted           who is that? (not retried)
    ├── LimitReached         a limit that was asked for
    └── Mistake              wrong arguments or settings
        ├── BadRequest           a request to a server that cannot be understood
        │   └── UnsupportedMediaType a body of another kind
        ├── IllegalName          no name for a database on a server
        └── BadSettings

A conflict is not an error: it is stored, shown and counted.
Errors in Python code that calls this library wrongly (a number where a path belongs) are ``TypeError``, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator


class ReplicaError(Exception):
    """Root of the family: something this library refuses, or could not do."""

    code = "error"
    hint = "Run the command again with --debug and report what it prints."
    may_retry = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class Refused(ReplicaError):
    """Understood, and the answer is no."""

    code = "refused"
    hint = "Change the request; repeating it will not help."


class NotFound(Refused):
    """No such document, revision or file; `deleted` tells whether a deletion stub is there instead."""

    code = "not_found"
    hint = "Check the name; `replicate list DB` shows what is there."

    def __init__(self, message: str, *, hint: str | None = None, deleted: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.deleted = deleted


class StaleRevision(Refused):
    """The document was saved by someone else since it was read, or exists although it was to be created."""

    code = "stale_revision"
    hint = "Read the document again, apply the change to it and save that."


class Exists(Refused):
    """That name is taken; nothing was overwritten."""

    code = "exists"
    hint = "Choose another name, or remove the file yourself if it is not needed."


class NotAllowed(Refused):
    """This may not be done here."""

    code = "not_allowed"
    hint = "Ask whoever administers the database."


class ReadOnly(NotAllowed):
    """The file cannot be written by this user, who can read it; or its folder, and then it cannot be read either."""

    code = "read_only"
    hint = "Make the file and its folder writable for this user: SQLite keeps its journal beside the file."


class Paused(NotAllowed):
    """Replication of this replica is switched off by its setting `paused`."""

    code = "paused"
    hint = "Switch it on again with `replicate settings DB paused=false`."


class BadDocument(Refused):
    """Not a document: the JSON, the UNID, the revision or an item name is not one."""

    code = "bad_document"
    hint = "A document is one JSON object; UNIDs and item names do not begin with `_`."


class IllegalUnid(BadDocument):
    """Over CouchDB's API: no UNID that a document can have."""

    code = "illegal_unid"
    hint = "UNIDs do not begin with `_` (`_design/…` and `_local/…` excepted), and have at most 4,096 bytes."


class BadMember(BadDocument):
    """Over CouchDB's API: a member of a document begins with `_` and is none that CouchDB knows."""

    code = "bad_member"
    hint = "Names of items do not begin with `_`."


class BadAccessList(BadDocument):
    """An access list that cannot be understood; if it came by replication, it gives nobody but administrators anything."""

    code = "bad_access_list"
    hint = 'It is `{"entries": [{"name": "anna", "level": "editor"}]}`; see docs/access.md, or use `replicate acl`.'


class BadSelector(Refused):
    """Not a selector: unknown operator, or an operand of the wrong type."""

    code = "bad_selector"
    hint = 'Selectors are CouchDB\'s (Mango): {"Total": {"$gt": 5}}; the docs list the operators.'


class TooLarge(Refused):
    """Beyond a stated limit, such as `document-size-max`."""

    code = "too_large"
    hint = "Make it smaller, or raise the limit with `replicate settings DB document-size-max=BYTES`."


class NotSupported(Refused):
    """Not offered: here, or not yet."""

    code = "not_supported"
    hint = "docs/status.md lists what works."


class AttachmentsNotSupported(NotSupported):
    """The document has attachments, which are not offered yet; it is refused by itself."""

    code = "attachments_not_supported"
    hint = "Keep files elsewhere, and their names in documents."


class Unsafe(ReplicaError):
    """Could be done, would probably hurt; the person decides."""

    code = "unsafe"
    hint = "Look at both sides first; `--force` goes on where that makes sense."


class NotAReplica(Unsafe):
    """The two files are replicas of different databases."""

    code = "not_a_replica"
    hint = (
        "Make a replica with `replicate copy SOURCE DB`; use `export` and `import` to move documents between databases."
    )


class WithItself(Unsafe):
    """Both ends of the replication are the same file."""

    code = "with_itself"
    hint = "Name two different replicas; `replicate copy SOURCE DB` makes one."


class SuddenlyEmpty(Unsafe):
    """The peer holds nothing at all, although documents were exchanged with it before."""

    code = "suddenly_empty"
    hint = "Find out what emptied it. If it is to be filled again, repeat with `--force`."


class HardLinked(Unsafe):
    """The file has a second name (a hard link); writing through both would destroy it."""

    code = "hard_linked"
    hint = "Remove the other name, or make a replica with `replicate copy` instead of a link."


class Replaced(Unsafe):
    """The file under this name is no longer the one that was opened; nothing was written."""

    code = "replaced"
    hint = "Close the replica and open it again."


class Stale(ReplicaError):
    """One side has forgotten deletions that the other never heard of: it must be re-based."""

    code = "stale"
    hint = "Make a new replica with `replicate copy` and save the unsent edits in it."


class StoreError(ReplicaError):
    """Something about the file itself."""

    code = "store_error"
    hint = "Check the file with `replicate verify DB`."


class NotADatabase(StoreError):
    """Not a file of ours; it was not touched."""

    code = "not_a_database"
    hint = "Check the path; `replicate create DB` makes a new database."


class TooNew(StoreError):
    """The file was written by a newer version; it was not touched."""

    code = "too_new"
    hint = "Install a newer version of notes-replica."


class TooOld(StoreError):
    """The file was written by an older version; it was not touched."""

    code = "too_old"
    hint = "Bring it up to date with `replicate upgrade DB`."


class Corrupt(StoreError):
    """The file, or a document in it, is damaged."""

    code = "corrupt"
    hint = "Keep the file; make a new replica from a peer with `replicate copy`, or take a backup."


class DiskError(StoreError):
    """The disk is full, or reading or writing failed; what was acknowledged before is safe."""

    code = "disk_error"
    hint = "Free some space or check the disk, then repeat: nothing needs to be undone."
    may_retry = True


class Busy(StoreError):
    """In use at the moment."""

    code = "busy"
    hint = "Try again in a moment."
    may_retry = True


class Locked(Busy):
    """Another process held the file for longer than the busy time-out."""

    code = "locked"
    hint = "Try again when the other program has finished."


class TransportError(ReplicaError):
    """The way to the peer failed."""

    code = "transport_error"
    hint = "Try again later; replication goes on where it stopped."
    may_retry = True


class Unreachable(TransportError):
    """No connection to the peer."""

    code = "unreachable"


class TimedOut(TransportError):
    """The peer did not answer in time."""

    code = "timed_out"


class Garbled(TransportError):
    """What arrived is not what was sent: cut off, changed on the way, or no words of ours at all."""

    code = "garbled"
    hint = "Try again; if it stays, something between the two ends changes what passes through it."


class OtherProtocol(TransportError):
    """The peer speaks another version of the conversation; nothing was exchanged."""

    code = "other_protocol"
    hint = "Install the same version of notes-replica at both ends: a newer one where the lower number is spoken."
    may_retry = False


class NotAuthenticated(TransportError):
    """The peer wants to know who is asking."""

    code = "not_authenticated"
    hint = "Check the user name and the password or token."
    may_retry = False


class TooManyAttempts(TransportError):
    """There were too many wrong passwords, for this name or from this address; `retry_after_s` says when one may be tried."""

    code = "too_many_attempts"
    hint = "Wait a moment, and check the password before it is sent again."

    def __init__(self, message: str, *, hint: str | None = None, retry_after_s: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class NotTrusted(TransportError):
    """The peer's certificate is not one that is trusted; nothing was sent."""

    code = "not_trusted"
    hint = "If the peer has a certificate of your own authority, name that: --ca-file FILE."
    may_retry = False


class LimitReached(ReplicaError):
    """A limit that was asked for, such as `--max-duration`; what was done until then is kept."""

    code = "limit_reached"
    hint = "Run it again: it goes on where it stopped."
    may_retry = True


class Mistake(ReplicaError):
    """Wrong arguments."""

    code = "bad_arguments"
    hint = "See --help."


class BadRequest(Mistake):
    """A request to a server that it cannot understand."""

    code = "bad_request"
    hint = "docs/server.md lists what can be asked, and how."


class UnsupportedMediaType(BadRequest):
    """The body of a request is of a kind that is not understood."""

    code = "unsupported_media_type"
    hint = "Send JSON with the header Content-Type: application/json."


class IllegalName(Mistake):
    """Not a name that a database on a server can have."""

    code = "illegal_database_name"
    hint = "Names begin with a-z and hold only a-z, 0-9 and _$()+-/."


class BadSettings(Mistake):
    """An unknown setting, or a value that it cannot take."""

    code = "bad_settings"
    hint = "`replicate settings DB` lists the settings and their values."


HTTP: dict[type[ReplicaError], tuple[int, str]] = {
    Refused: (403, "forbidden"),
    NotFound: (404, "not_found"),
    StaleRevision: (409, "conflict"),
    Exists: (412, "file_exists"),
    BadDocument: (400, "bad_request"),
    IllegalUnid: (400, "illegal_docid"),
    BadMember: (400, "doc_validation"),
    BadSelector: (400, "invalid_selector"),
    TooLarge: (413, "too_large"),
    NotSupported: (501, "not_implemented"),
    AttachmentsNotSupported: (403, "forbidden"),  # the one word after which PouchDB and CouchDB go on with the rest
    Unsafe: (409, "unsafe"),
    Stale: (410, "stale"),
    StoreError: (500, "store_error"),
    DiskError: (507, "insufficient_storage"),
    Busy: (503, "busy"),
    TransportError: (502, "bad_gateway"),
    TimedOut: (504, "gateway_timeout"),
    Garbled: (400, "bad_request"),
    OtherProtocol: (400, "bad_request"),
    NotAuthenticated: (401, "unauthorized"),
    TooManyAttempts: (429, "too_many_attempts"),
    LimitReached: (429, "limit_reached"),
    Mistake: (400, "bad_request"),
    UnsupportedMediaType: (415, "bad_content_type"),
    IllegalName: (400, "illegal_database_name"),
    ReplicaError: (500, "internal_server_error"),
}
"""What an error is over HTTP: the status, and CouchDB's word for it. An error that is not here is as the kind above it."""


def http_form(error: ReplicaError) -> tuple[int, str]:
    """The status and the word of an error: those of the nearest kind in the table."""
    return next(HTTP[kind] for kind in type(error).__mro__ if kind in HTTP)


def kinds_of(kind: type[ReplicaError]) -> Iterator[type[ReplicaError]]:
    """A kind of error, and all that are kinds of it."""
    yield kind
    for child in kind.__subclasses__():
        yield from kinds_of(child)


BY_CODE = {kind.code: kind for kind in kinds_of(ReplicaError)}
