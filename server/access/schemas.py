"""What travels over HTTP about people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from server.access.roles import Role

Language = Literal["zh-CN", "en"]


class Input(BaseModel):
    """What a client sends: unknown fields are refused, numbers are finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SignInRequest(Input):
    username: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)


class UserOut(BaseModel):
    id: UUID
    username: str
    display_name: str
    roles: list[Role]
    language: str
    disabled: bool = False
    department: str | None = None


class SessionOut(BaseModel):
    token: str
    user: UserOut


class UserRequest(Input):
    username: str = Field(min_length=2, max_length=64, pattern=r"^[\w.@-]+$")
    display_name: str = Field(default="", max_length=128)
    password: str = Field(min_length=10, max_length=256)
    roles: list[Role] = Field(min_length=1)
    language: Language = "zh-CN"
    department: str | None = Field(default=None, min_length=1, max_length=64)


class UserChange(Input):
    """Only what is given changes."""

    display_name: str | None = Field(default=None, min_length=1, max_length=128)
    password: str | None = Field(default=None, min_length=10, max_length=256)
    roles: list[Role] | None = Field(default=None, min_length=1)
    language: Language | None = None
    disabled: bool | None = None
    department: str | None = Field(default=None, min_length=1, max_length=64)


class UsersOut(BaseModel):
    items: list[UserOut]


class AuditOut(BaseModel):
    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    data: dict[str, Any]
    hash: str


class AuditPage(BaseModel):
    items: list[AuditOut]
    next_cursor: str | None


class AuditCheckOut(BaseModel):
    ok: bool
    entries: int
    head: str
    problem: str = ""
    sequence: int | None = None
