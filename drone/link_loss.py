"""What an aircraft is told to do by itself when the link is lost; loads nothing, for the command line."""

from __future__ import annotations

from enum import StrEnum


class LinkLoss(StrEnum):
    """What the autopilot does when it hears no ground station any more: its own setting, or one of ours."""

    KEEP = "keep"
    CONTINUE = "continue"
    RETURN = "return"
