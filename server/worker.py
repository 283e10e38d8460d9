"""The sweep: what is due because time has passed. Nothing is due by a timer, so a restart loses nothing."""

from __future__ import annotations

import asyncio
import logging

from starlette.concurrency import run_in_threadpool

from server.access import repository as people
from server.bookings.fulfilment import judge_due
from server.context import Context
from server.fleet import repository as agents
from server.fleet.service import aircraft_out
from server.flights import pictures
from server.seen.retention import prune_due
from server.sightings.readjustment import adjust_due

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 2.0
CLEAN_EVERY = 300
JUDGE_EVERY = 5


def sweep_agents(context: Context) -> int:
    """Tell the consoles of agents that have fallen silent; returns how many."""
    silent = context.board.newly_offline(context.now())
    if silent:
        with context.database.read() as session:
            for agent_id in silent:
                agent = agents.agent(session, agent_id)
                if agent is not None:
                    logger.warning("agent %s has not been heard for a minute", agent.name)
                    context.hub.publish("agent", aircraft_out(context, session, agent))
    return len(silent)


def sweep_sessions(context: Context) -> None:
    """Forget sessions that have ended."""
    with context.database.write() as session:
        people.end_expired(session, context.now())


async def run(context: Context) -> None:
    """Sweep until cancelled. A failure is logged and counted, and the next sweep tries again."""
    turn = 0
    while True:
        try:
            await run_in_threadpool(sweep_agents, context)
            await run_in_threadpool(adjust_due, context)
            if turn % JUDGE_EVERY == 0:
                await run_in_threadpool(judge_due, context)
            if turn % CLEAN_EVERY == 0:
                await run_in_threadpool(sweep_sessions, context)
                await run_in_threadpool(prune_due, context)
                await run_in_threadpool(pictures.prune_due, context)
        except Exception:
            context.metrics.sweep_errors.inc()
            logger.exception("a sweep failed")
        turn += 1
        await asyncio.sleep(SWEEP_SECONDS)
