"""Who may do what: the roles of people."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person does here. A person can have several roles; without one, nothing is allowed."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    DESK = "desk"
    TESTER = "tester"


EVERYONE = frozenset(Role)
FLIERS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})
CLERKS = frozenset({Role.ADMINISTRATOR, Role.DESK})
