"""WebSocket: news and live pictures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from uuid import UUID

import anyio
from fastapi import APIRouter, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from server.access import repository as people
from server.access.guard import Anyone, token_of
from server.access.passwords import token_hash
from server.context import Context, Ctx
from server.errors import NotFound
from server.flights import repository as flights
from server.live import PING_SECONDS, Subscription

router = APIRouter(tags=["live"])
GOING_AWAY, POLICY_VIOLATION, TRY_AGAIN = 1001, 1008, 1013
SEND_SECONDS = 20.0


@router.websocket("/live")
async def live(websocket: WebSocket, _caller: Anyone, context: Ctx) -> None:
    """Everything that happens, as JSON; a ping every 15 s."""
    await websocket.accept()
    token = token_of(websocket)
    with context.hub.subscribe() as subscription:
        await _both(websocket, partial(_tell, websocket, context, subscription, token))


async def _tell(websocket: WebSocket, context: Context, subscription: Subscription, token: str) -> None:
    await websocket.send_text(context.hub.message("ping", {}))
    while True:
        texts: list[str] = []
        with anyio.move_on_after(PING_SECONDS) as waiting:
            texts = await subscription.take()
        if waiting.cancelled_caught:
            if not await run_in_threadpool(_still_signed_in, context, token):
                await websocket.close(POLICY_VIOLATION, "signed out")
                return
            texts = [context.hub.message("ping", {})]
        if subscription.overrun:
            await websocket.close(TRY_AGAIN, "too slow; connect and load again")
            return
        with anyio.fail_after(SEND_SECONDS):
            for text in texts:
                await websocket.send_text(text)
        if subscription.closed:
            await websocket.close(GOING_AWAY)
            return


@router.websocket("/flights/{flight_id}/pictures")
async def pictures(flight_id: UUID, websocket: WebSocket, _caller: Anyone, context: Ctx) -> None:
    """Live pictures of a flight: header length, header, JPEG."""
    if not await run_in_threadpool(_flight_exists, context, flight_id):
        raise NotFound("there is no such flight; reload the list")
    await websocket.accept()
    await _both(websocket, partial(_show, websocket, context, flight_id))


async def _show(websocket: WebSocket, context: Context, flight_id: UUID) -> None:
    async with aclosing(context.pictures.watch(flight_id)) as shown:
        async for picture in shown:
            with anyio.fail_after(SEND_SECONDS):
                await websocket.send_bytes(picture.packed())


async def _both(websocket: WebSocket, telling: Callable[[], Awaitable[None]]) -> None:
    """Tell until the other side hangs up, or the telling ends; what the other side says is ignored."""

    async def listen() -> None:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
        group.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await telling()
            group.cancel_scope.cancel()
    except* (WebSocketDisconnect, TimeoutError):
        pass  # gone, or not taking anything any more: either way nobody is left to tell


def _still_signed_in(context: Context, token: str) -> bool:
    with context.database.read() as session:
        return people.user_of_token(session, token_hash(token), context.now()) is not None


def _flight_exists(context: Context, flight_id: UUID) -> bool:
    with context.database.read() as session:
        return flights.flight(session, flight_id) is not None
