"""A CouchDB, or any server with its interface, as a peer."""
