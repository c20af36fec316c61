"""Our own conversation, offered to others: the verbs of a peer under `/{db}/_replica/…`. docs/conversation.md defines it."""

from replica.server.native import conversation, copying

ENDPOINTS = [*conversation.ENDPOINTS, *copying.ENDPOINTS]
