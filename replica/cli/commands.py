"""The commands, in the order in which they are listed: where each is, and what it does in a few words.

Some have a name of two words: what it is about, and what is done.
"""

from __future__ import annotations

from typing import NamedTuple


class Listed(NamedTuple):
    """A command's module in `replica.cli` (with a `_` where Python has that name already), and its line in the list."""

    module: str
    summary: str


GROUPS: dict[str, dict[str, Listed]] = {
    "databases": {
        "create": Listed("create", "make a new database"),
        "copy": Listed("copy", "make a new replica of a database"),
        "info": Listed("info", "what a replica is and how much it holds"),
    },
    "documents": {
        "put": Listed("put", "save a document"),
        "get": Listed("get", "show a document"),
        "delete": Listed("delete", "delete a document"),
        "list": Listed("list_", "show all documents"),
        "find": Listed("find", "show the documents that match a selector"),
        "revisions": Listed("revisions", "show the revisions of a document that are kept"),
        "index": Listed("index", "make an index that find uses"),
        "import": Listed("import_", "save many documents from a file"),
        "export": Listed("export", "write all documents to a file"),
    },
    "replication": {
        "sync": Listed("sync", "pull what is new there, then push what is new here"),
        "pull": Listed("pull", "fetch what is new at another replica"),
        "push": Listed("push", "send what is new here to another replica"),
        "conflicts": Listed("conflicts", "show the documents that were changed in two places"),
        "resolve": Listed("resolve", "end a conflict, or all of them"),
        "history": Listed("history", "show what is remembered of exchanges with other replicas"),
        "refused": Listed("refused", "show what other replicas offered and was not taken"),
        "evicted": Listed("evicted", "show what left because it may not be read any more"),
        "changes": Listed("changes", "show what changed, in order"),
    },
    "connections": {
        "connection list": Listed("connection.list_", "show the connections of the configuration"),
        "connection show": Listed("connection.show", "show what counts for a connection"),
        "connection test": Listed("connection.test", "reach the peer of a connection, and write nothing"),
        "connection enable": Listed("connection.enable", "switch a connection on again"),
        "connection disable": Listed("connection.disable", "switch a connection off"),
        "run": Listed("run", "run the connections that are due, or those that are named"),
        "schedule show": Listed("schedule.show", "show what runs when"),
        "schedule export": Listed("schedule.export", "print what lets cron or systemd run it"),
        "log": Listed("log", "show what was run, and what came of it"),
        "status": Listed("status", "show how each connection is doing"),
        "check": Listed("check", "tell whether something does not replicate as it should"),
        "config show": Listed("config.show", "show the configuration that counts"),
        "config check": Listed("config.check", "tell all that is wrong with the configuration"),
    },
    "network": {
        "serve": Listed("serve", "serve the databases of a folder over HTTP"),
        "acl": Listed("acl", "show or change who may do what in a database"),
        "user add": Listed("user.add", "make a user of a server"),
        "user list": Listed("user.list_", "show the users of a server"),
        "user passwd": Listed("user.passwd", "change the password of a user"),
        "user remove": Listed("user.remove", "remove a user"),
        "token create": Listed("token.create", "make a token, which stands for a user's password"),
        "token list": Listed("token.list_", "show the tokens of a server"),
        "token revoke": Listed("token.revoke", "make a token worthless"),
    },
    "care": {
        "settings": Listed("settings", "show or change the settings of a replica"),
        "verify": Listed("verify", "check a replica, or compare two"),
        "compact": Listed("compact", "give back the space of superseded revisions"),
        "upgrade": Listed("upgrade", "bring the file of an older version up to date"),
        "backup": Listed("backup", "write a backup"),
        "completion": Listed("completion", "print what lets a shell complete these commands"),
    },
}

COMMANDS: dict[str, Listed] = {name: listed for group in GROUPS.values() for name, listed in group.items()}

FAMILIES: dict[str, list[str]] = {}
"""The first words of the names of two, each with the second ones."""
for _name in COMMANDS:
    _first, _, _second = _name.partition(" ")
    if _second:
        FAMILIES.setdefault(_first, []).append(_second)

FIRST_WORDS: list[str] = [*dict.fromkeys(name.partition(" ")[0] for name in COMMANDS)]
