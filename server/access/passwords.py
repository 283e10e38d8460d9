"""Passwords (argon2id) and tokens (opaque; only their SHA-256 is stored)."""

from __future__ import annotations

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

SESSION_PREFIX = "skb_s_"
AGENT_PREFIX = "skb_a_"


class Passwords:
    """Hashes and checks passwords.

    Args:
        memory_kib: memory cost of argon2id.
        rounds: time cost.
    """

    def __init__(self, memory_kib: int, rounds: int) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def matches(self, stored: str | None, password: str) -> bool:
        """Whether the password is right. Without a stored hash it takes as long, and is wrong."""
        try:
            right = self._hasher.verify(stored or self._nobody, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
        return right and stored is not None


def new_token(prefix: str) -> str:
    """A token of 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token; it is random enough that no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
