"""Everything that the server can refuse, in one tree, and the one table that gives each its HTTP status.

The docstring of a class is its default sentence; ``code`` is stable, and clients may rely on it. An error
says what to do. The most specific class in ``STATUS`` decides the status.

    ServerError
    ├── Invalid            422  what was sent makes no sense
    │   └── CellsInvalid
    ├── NotSignedIn        401
    │   └── WrongCredentials
    ├── TooManyAttempts    429
    ├── NotAllowed         403
    │   └── AgentMismatch, OriginRefused, OriginalNeedsReason, LinkExpired
    ├── NotFound           404
    ├── Conflict           409  makes sense, but not now
    │   └── ActionNotAllowed, AgentBusy, AgentOffline, PlanNotFlyable, PlanRefused, NothingToRefly, ...
    ├── TooLarge           413
    ├── EvidenceMismatch   422
    ├── Busy               503
    └── StartRefused       the server cannot start (command line only)
        └── DatabaseNewer, DatabaseUnusable, SettingsInvalid, SiteInvalid, AddressInUse
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar


class ServerError(Exception):
    """Something went wrong in the server."""

    code: ClassVar[str] = "server_error"

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        self.detail = detail or inspect.cleandoc(self.__doc__ or "").splitlines()[0]
        self.extra = extra
        super().__init__(self.detail)


class Invalid(ServerError):
    """What was sent is not valid; see the detail."""

    code = "invalid_request"


class CellsInvalid(Invalid):
    """The cells have errors; correct what the findings name, or have them repaired."""

    code = "cells_invalid"


class NotSignedIn(ServerError):
    """Sign in first: send the session cookie or an 'Authorization: Bearer' header."""

    code = "not_signed_in"


class WrongCredentials(NotSignedIn):
    """User name or password is wrong."""

    code = "wrong_credentials"


class TooManyAttempts(ServerError):
    """Too many attempts to sign in; wait a few minutes and try again."""

    code = "too_many_attempts"


class NotAllowed(ServerError):
    """Your role does not allow this; ask an administrator."""

    code = "not_allowed"


class AgentMismatch(NotAllowed):
    """This token belongs to another agent; use the token that was made for the agent's name."""

    code = "agent_mismatch"


class OriginRefused(NotAllowed):
    """The request comes from another web site; open the console itself and try again."""

    code = "origin_refused"


class OriginalNeedsReason(NotAllowed):
    """This picture is not redacted; ask for it with a reason (POST .../originals)."""

    code = "original_needs_reason"


class LinkExpired(NotAllowed):
    """The link to the original has expired or is not yours; ask for it again."""

    code = "link_expired"


class NotFound(ServerError):
    """There is no such thing here; it may have been given another name."""

    code = "not_found"


class Conflict(ServerError):
    """This cannot be done in the present state; reload and look again."""

    code = "conflict"


class ActionNotAllowed(Conflict):
    """The ticket's state does not allow this action; reload it and choose one of its actions."""

    code = "action_not_allowed"


class AgentBusy(Conflict):
    """The aircraft already flies; wait until it has landed or choose another one."""

    code = "agent_busy"


class AgentOffline(Conflict):
    """The aircraft's agent has not been heard for a minute; check that it runs and has a connection."""

    code = "agent_offline"


class FlightNotReady(Conflict):
    """The flight's phase does not allow this request; reload it."""

    code = "flight_not_ready"


class TakeOffMissed(FlightNotReady):
    """The take-off time of this aircraft has passed; let the plan's others land, then launch all together."""

    code = "take_off_missed"


class RequestAnswered(Conflict):
    """This request was answered before, differently; the first answer stands."""

    code = "request_answered"


class PlanNotFlyable(Conflict):
    """The plan has findings that forbid flying it; mend them and plan again."""

    code = "plan_not_flyable"


class PlanRefused(Conflict):
    """No plan is possible for this; see the findings."""

    code = "plan_impossible"


class NothingToRefly(Conflict):
    """No gap is left that is worth a flight: the service level is met there; ask for more, or other cells."""

    code = "nothing_to_refly"


class BookingClosed(Conflict):
    """This booking is over; make a new one."""

    code = "booking_closed"


class MergeChanged(Conflict):
    """Bookings, time or ground seen have changed how flights are merged; merge again and choose anew."""

    code = "merge_changed"


class NameTaken(Conflict):
    """This name is already in use; choose another one."""

    code = "name_taken"


class TooLarge(ServerError):
    """The body is larger than this place accepts; send a smaller file."""

    code = "too_large"


class EvidenceMismatch(ServerError):
    """The bytes do not have the SHA-256 of the address; send the file again."""

    code = "evidence_mismatch"


class Busy(ServerError):
    """The server is busy; try again in a moment."""

    code = "busy"


class StartRefused(ServerError):
    """The server cannot start."""

    code = "start_refused"


class DatabaseNewer(StartRefused):
    """The database was written by a newer Skybeat; install that version, or restore an older backup."""

    code = "database_newer"


class DatabaseUnusable(StartRefused):
    """The database cannot be opened; check SKYBEAT_DATABASE_URL and the rights on the data directory."""

    code = "database_unusable"


class SettingsInvalid(StartRefused):
    """A setting cannot be used; see: skybeat config check."""

    code = "settings_invalid"


class SiteInvalid(StartRefused):
    """The site folder cannot be read; check SKYBEAT_SITE."""

    code = "site_invalid"


class AddressInUse(StartRefused):
    """Another program listens on this port; stop it or choose another one with --port."""

    code = "address_in_use"


STATUS: dict[type[ServerError], int] = {
    ServerError: 500,
    Invalid: 422,
    EvidenceMismatch: 422,
    NotSignedIn: 401,
    TooManyAttempts: 429,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    Busy: 503,
}


def status_of(error: ServerError) -> int:
    """HTTP status of an error: that of its nearest class in ``STATUS``.

    >>> status_of(ActionNotAllowed()), status_of(WrongCredentials())
    (409, 401)
    """
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
