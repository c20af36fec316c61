"""CouchDB's API for documents and replication, with its status codes and its words."""

from replica.server.couchdb import (
    bulk,
    changes,
    databases,
    documents,
    finding,
    indexes,
    lists,
    refusals,
    root,
    security,
    session,
    upkeep,
)

ENDPOINTS = [
    *root.ENDPOINTS,
    *session.ENDPOINTS,
    *refusals.FIRST,
    *changes.ENDPOINTS,
    *databases.ENDPOINTS,
    *bulk.ENDPOINTS,
    *lists.ENDPOINTS,
    *finding.ENDPOINTS,
    *indexes.ENDPOINTS,
    *upkeep.ENDPOINTS,
    *security.ENDPOINTS,
    *refusals.EARLY,
    *documents.ENDPOINTS,
    *refusals.LATE,
]
"""What is more special comes first."""
