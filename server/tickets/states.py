"""The life of a ticket: one table of transitions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from server.access.roles import Role

SYSTEM = "system"
"""Who acts where no person does."""


class TicketState(StrEnum):
    """Where a ticket stands. A merged one has given its sightings to another, until that is undone."""

    REPORTED = "reported"
    FILED = "filed"
    DISPATCHED = "dispatched"
    CLOSED = "closed"
    REJECTED = "rejected"
    MERGED = "merged"


OPEN_STATES = frozenset({TicketState.REPORTED, TicketState.FILED, TicketState.DISPATCHED})


class Action(StrEnum):
    """What can be done to a ticket."""

    FILE = "file"
    DISPATCH = "dispatch"
    CLOSE = "close"
    REJECT = "reject"
    REOPEN = "reopen"
    COMMENT = "comment"
    ACKNOWLEDGE = "acknowledge"
    MOVE = "move"
    ADOPT_PLACE = "adopt_place"
    MARK = "mark"
    MERGE = "merge"
    UNMERGE = "unmerge"


class Verdict(StrEnum):
    """What a person found a ticket to be; recognition learns from it.

    ORDINARY: it is there, and nothing is to be done. WRONG_KIND: something else is there.
    """

    CONFIRMED = "confirmed"
    FALSE_ALARM = "false_alarm"
    WRONG_KIND = "wrong_kind"
    DUPLICATE = "duplicate"
    ORDINARY = "ordinary"
    MISPLACED = "misplaced"


VERDICTS: dict[Action, frozenset[Verdict]] = {
    Action.FILE: frozenset({Verdict.CONFIRMED}),
    Action.DISPATCH: frozenset({Verdict.CONFIRMED}),
    Action.CLOSE: frozenset({Verdict.CONFIRMED, Verdict.FALSE_ALARM, Verdict.WRONG_KIND}),
    Action.REJECT: frozenset(set(Verdict) - {Verdict.CONFIRMED}),
}
"""The verdicts that an action can carry."""


@dataclass(frozen=True, slots=True)
class Transition:
    """An action that is allowed in ``source`` to people with one of ``roles``; leads to ``target``."""

    action: Action
    source: TicketState
    target: TicketState
    roles: frozenset[Role]


_DESK = frozenset({Role.DESK, Role.ADMINISTRATOR})
_DESK_AND_OPERATOR = _DESK | {Role.OPERATOR}
_S = TicketState

TRANSITIONS: tuple[Transition, ...] = (
    Transition(Action.FILE, _S.REPORTED, _S.FILED, _DESK),
    Transition(Action.DISPATCH, _S.FILED, _S.DISPATCHED, _DESK),
    Transition(Action.CLOSE, _S.DISPATCHED, _S.CLOSED, _DESK),
    Transition(Action.REJECT, _S.REPORTED, _S.REJECTED, _DESK_AND_OPERATOR),
    Transition(Action.REJECT, _S.FILED, _S.REJECTED, _DESK),
    Transition(Action.REOPEN, _S.CLOSED, _S.REPORTED, _DESK),
    Transition(Action.REOPEN, _S.REJECTED, _S.REPORTED, _DESK),
    *(Transition(Action.COMMENT, state, state, _DESK_AND_OPERATOR) for state in _S),
    *(
        Transition(Action.ACKNOWLEDGE, state, state, _DESK_AND_OPERATOR)
        for state in sorted(OPEN_STATES)
    ),
    *(Transition(Action.MOVE, state, state, _DESK) for state in sorted(OPEN_STATES)),
    *(Transition(Action.ADOPT_PLACE, state, state, _DESK) for state in sorted(OPEN_STATES)),
    *(Transition(Action.MARK, state, state, _DESK) for state in _S),
    *(Transition(Action.MERGE, state, _S.MERGED, _DESK) for state in sorted(OPEN_STATES)),
    Transition(Action.UNMERGE, _S.MERGED, _S.REPORTED, _DESK),
)  # fmt: skip
_TABLE = {(row.action, row.source): row for row in TRANSITIONS}

NEEDS_NOTE = frozenset({Action.DISPATCH, Action.CLOSE, Action.REJECT, Action.COMMENT})


def transition(action: Action, state: TicketState, roles: frozenset[Role]) -> Transition | None:
    """The transition that this action is now, for somebody with these roles; None where it is not allowed.

    >>> transition(Action.FILE, TicketState.REPORTED, frozenset({Role.DESK})).target.value
    'filed'
    >>> transition(Action.FILE, TicketState.REPORTED, frozenset({Role.OPERATOR})) is None
    True
    """
    row = _TABLE.get((action, state))
    return row if row is not None and not row.roles.isdisjoint(roles) else None


def allowed_actions(
    state: TicketState, roles: frozenset[Role], *, acknowledged: bool, place_proposed: bool = False
) -> list[Action]:
    """What somebody with these roles may do now, in the order of the table."""
    pointless = {Action.ACKNOWLEDGE} if acknowledged else set()
    if not place_proposed:
        pointless.add(Action.ADOPT_PLACE)
    return [action for action in Action if action not in pointless and transition(action, state, roles)]
