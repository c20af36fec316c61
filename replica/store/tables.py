"""The tables of a replica's file. docs/file-format.md tells what each is for and what is promised about it.

The heart is `leaf`, ordered by the update sequence: the feed is a range of it, and bulk writes append. A document is the
set of rows with its UNID; the one with `winner` set is what the document shows.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

APPLICATION_ID = 0x4E52504C  # "NRPL", in the file's header
BACKUP_ID = 0x4E52424B  # "NRBK": a backup that has not been opened since it was made
SCHEMA = 3  # the file's user_version; raised by every migration

# Where `$Readers` may stand: the bytes are looked for, which costs a hundredth of the insert. What the item says is read
# of these rows only. Documents whose UNID begins with `_design/` are read by all.
HAS_READERS = """instr({0}body, '$Readers"') > 0 AND substr({0}unid, 1, 8) <> '_design/'"""
SAID = """CASE WHEN json_valid({0}body) THEN json_extract({0}body, '$."$Readers"', '$."$Authors"') END"""

metadata = MetaData()

replica = Table(
    "replica",
    metadata,
    Column("replica_id", Text, nullable=False),  # the database: the same in all replicas
    Column("instance_id", Text, nullable=False),  # this replica
    Column("former_ids", Text, nullable=False),  # instance ids it had before, oldest first: a JSON list
    Column("era", Integer, nullable=False),  # counts the changes of the selection
    Column("created_ms", Integer, nullable=False),
    sqlite_strict=True,
)

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

leaf = Table(
    "leaf",
    metadata,
    Column("seq", Integer, primary_key=True),  # the update sequence; AUTOINCREMENT: no number is used twice
    Column("unid", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),  # with `number`, the revision
    Column("deleted", Integer, nullable=False),
    Column("verified", Integer, nullable=False),
    Column("winner", Integer, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("side", LargeBinary, nullable=False),
    Column("parents", LargeBinary, nullable=False),
    Column("marks", Text),
    Column("hash", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),  # of the body, in bytes
    Column("body", Text, nullable=False),
    Index("leaf_unid", "unid", "number", "packed", unique=True),
    Index("leaf_live", "unid", sqlite_where=text("winner = 1 AND deleted = 0")),
    Index("leaf_losing", "unid", sqlite_where=text("winner = 0")),  # tells the few documents with several leaves
    Index("leaf_stub", "unid", sqlite_where=text("winner = 1 AND deleted = 1")),
    Index("leaf_readers", "unid", "deleted", sqlite_where=text(HAS_READERS.format(""))),
    sqlite_autoincrement=True,
    sqlite_strict=True,
)

conflict_document = Table(  # which there are, and the leaf that each shows
    "conflict_document",
    metadata,
    Column("unid", Text, primary_key=True),
    Column("ref", Text, nullable=False),  # the UNID that the leaf has
    Column("number", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),
    Index("conflict_document_ref", "ref"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

superseded = Table(  # revisions that are no leaves any more, until compaction
    "superseded",
    metadata,
    Column("unid", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),
    Column("deleted", Integer, nullable=False),
    Column("verified", Integer, nullable=False),
    Column("at_ms", Integer, nullable=False),  # when it ceased to be a leaf here
    Column("hash", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
    Index("superseded_unid", "unid", "number", "packed", unique=True),
    Index("superseded_readers", "unid", sqlite_where=text(HAS_READERS.format(""))),
    sqlite_strict=True,
)

foreign_revision = Table(  # what cannot be read back from the packed form
    "foreign_revision",
    metadata,
    Column("packed", LargeBinary, primary_key=True),
    Column("text", Text, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

session = Table(  # the replication history: what this replica and a peer both remember
    "session",
    metadata,
    Column("nr", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("direction", Text, nullable=False),  # "in": the peer was the source; "out": this replica was
    Column("peer", Text, nullable=False),  # instance id
    Column("era", Integer, nullable=False),
    Column("position", Integer, nullable=False),  # the source's update sequence up to which all is there
    Column("at_ms", Integer, nullable=False),
    Column("counts", Text, nullable=False),  # JSON
    Column("witnesses", Text),  # the source's last feed entries, where it could not remember: JSON
    Column("token", Text, nullable=False, server_default=text("''")),  # what CouchDB calls the position
    Index("session_peer", "direction", "peer", "nr"),
    Index("session_id", "id", "direction", unique=True),
    sqlite_autoincrement=True,
    sqlite_strict=True,
)

local_document = Table(  # CouchDB's `_local/…` documents and the like: of this file alone, never replicated
    "local_document",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, nullable=False),  # its revision is 0-number
    Column("body", Text, nullable=False),  # JSON as it came, in the order of its keys
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

withdrawn = Table(  # changes after which others may read a document than before: for those who could, and have it
    "withdrawn",
    metadata,
    Column("seq", Integer, primary_key=True),  # the update sequence of the change
    Column("unid", Text, primary_key=True),
    Column("readers", Text, nullable=False),  # whom the leaves before it let: a JSON list of [$Readers, $Authors]
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

evicted = Table(  # what left this replica, because its user may not read it any more where it came from
    "evicted",
    metadata,
    Column("unid", Text, primary_key=True),
    Column("revisions", Text, nullable=False),  # its leaves then: a JSON list
    Column("peer", Text, nullable=False),  # at whose word: an instance id
    Column("at_ms", Integer, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

refused = Table(  # what was offered and not taken: asked for again by every replication
    "refused",
    metadata,
    Column("unid", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("peer", Text, nullable=False),  # the instance id of the source that offered it
    Column("at_ms", Integer, nullable=False),
    PrimaryKeyConstraint("unid", "revision"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
