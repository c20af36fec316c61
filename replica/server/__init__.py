"""A folder of replicas, offered to others over HTTP: CouchDB's API, and a faster conversation between two of ours."""
