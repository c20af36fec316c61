"""CouchDB's API for documents and replication, with its status codes and its words."""

from replica.server.couchdb import databases, root

ENDPOINTS = [*root.ENDPOINTS, *databases.ENDPOINTS]
