"""Who there is: users, groups and tokens, and what proves that somebody is one of them. What they may do is decided elsewhere."""

from replica.access.directory import Directory
from replica.access.principal import ANONYMOUS, Principal
from replica.access.security_log import SecurityLog

__all__ = ["ANONYMOUS", "Directory", "Principal", "SecurityLog"]
