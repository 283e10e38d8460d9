"""Errors of libraries and of the system, as one sentence that says what to do."""

from __future__ import annotations

import errno
import os

import httpx


def plain_sentence(error: Exception) -> str:
    """What a person at the command line is told.

    >>> plain_sentence(OSError(13, "Permission denied", "/data/x"))
    '/data/x cannot be used (Permission denied); choose another place, or change its rights'
    """
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return "this is no address of a server; write it like http://127.0.0.1:8000"
    if isinstance(error, httpx.TransportError):
        return f"the server{_address(error)} does not answer ({error}); check the address, and that it runs"
    if isinstance(error, OSError) and error.filename is not None:
        reason = error.strerror or type(error).__name__
        place = os.fsdecode(error.filename)
        if error.errno == errno.ENOSPC:
            return f"{place} cannot be written ({reason}); make room on the disk"
        return f"{place} cannot be used ({reason}); choose another place, or change its rights"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full ({error.strerror}); make room and start again"
    return str(error)


def _address(error: httpx.TransportError) -> str:
    try:
        url = error.request.url
    except RuntimeError:  # raised before a request was made
        return ""
    return f" {url.scheme}://{url.netloc.decode('ascii')}"
