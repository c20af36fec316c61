"""What somebody may do in a database, by its access list. Values, no I/O: who is asking is found out elsewhere."""

from replica.rights.access_list import AccessList, check_access_list, read_access_list
from replica.rights.entry import ANONYMOUS, DEFAULT, GROUP, ROLE, Entry, checked_entry, read_entry
from replica.rights.in_force import InForce, in_force, said_by
from replica.rights.in_sight import InSight, hides, is_unlimited
from replica.rights.level import ALL_RIGHTS, NO_RIGHTS, PRIVILEGES, Level, Rights
from replica.rights.readers import READ_BY_ALL, Sight, said_in, sight_of
from replica.rights.ruling import Rule, refusal, rule_of
from replica.rights.security import CLOSED, Security, changed_to, read_security, security_of
from replica.rights.who import Who

__all__ = [
    "ALL_RIGHTS",
    "ANONYMOUS",
    "CLOSED",
    "DEFAULT",
    "GROUP",
    "NO_RIGHTS",
    "PRIVILEGES",
    "READ_BY_ALL",
    "ROLE",
    "AccessList",
    "Entry",
    "InForce",
    "InSight",
    "Level",
    "Rights",
    "Rule",
    "Security",
    "Sight",
    "Who",
    "changed_to",
    "check_access_list",
    "checked_entry",
    "hides",
    "in_force",
    "is_unlimited",
    "read_access_list",
    "read_entry",
    "read_security",
    "refusal",
    "rule_of",
    "said_by",
    "said_in",
    "security_of",
    "sight_of",
]
