// What can be asked of a flying aircraft: asked once, with what will happen and who will have done it.
import * as api from '@/api/endpoints'
import type { Flight, Phase } from '@/api/types'
import { clock, metres } from '@/format/quantities'
import { t } from '@/i18n'
import { problemWords } from '@/i18n/problems'
import { ask, toast, type Question } from '@/stores/dialogs'
import { useLive } from '@/stores/live'
import { useSession } from '@/stores/session'

const BEFORE_TAKEOFF: Phase[] = ['requested', 'preflight', 'uploading', 'waiting', 'arming']
const IN_AIR: Phase[] = ['takeoff', 'flying', 'paused', 'returning', 'landing']

/** Phases in which each command makes sense; the server and the aircraft have the last word. */
const WHEN: Record<api.Command, Phase[]> = {
  launch: ['planned'],
  pause: ['takeoff', 'flying'],
  resume: ['paused'],
  return: [...BEFORE_TAKEOFF, 'takeoff', 'flying', 'paused', 'landing'],
  land: ['takeoff', 'flying', 'paused', 'returning'],
}

export function isInAir(phase: Phase | undefined): boolean {
  return phase !== undefined && IN_AIR.includes(phase)
}

export function isUnderWay(phase: Phase | undefined): boolean {
  return isInAir(phase) || (phase !== undefined && BEFORE_TAKEOFF.includes(phase))
}

export function possible(command: api.Command, phase: Phase | undefined): boolean {
  return phase !== undefined && WHEN[command].includes(phase)
}

function question(command: api.Command, flight: Flight, by: string): Question {
  const aircraft = flight.aircraft || flight.agent
  if (command === 'launch') {
    return {
      title: t('fly.launchTitle'),
      body: t('fly.launchBody', {
        aircraft,
        plan: flight.name,
        length: metres(flight.plan?.length_m),
        time: clock(flight.plan?.seconds),
      }),
      note: t('fly.launchNote'),
      confirm: t('fly.launch'),
      by,
    }
  }
  const texts = {
    pause: ['fly.pauseTitle', 'fly.pauseBody', 'fly.pause'],
    resume: ['fly.resumeTitle', 'fly.resumeBody', 'fly.resume'],
    return: ['fly.returnTitle', 'fly.returnBody', 'fly.returnNow'],
    land: ['fly.landTitle', 'fly.landBody', 'fly.land'],
  } as const
  const [title, body, confirm] = texts[command]
  return {
    title: t(title),
    body: t(body, { aircraft }),
    confirm: t(confirm),
    tone: command === 'land' ? 'danger' : 'primary',
    by,
  }
}

/** Ask once for all aircraft of a plan, then launch one after the other; they take off at the plan's times. */
export async function launchTogether(flights: Flight[], notes: string[]): Promise<boolean> {
  const [first] = flights
  if (!first) return false
  const session = useSession()
  const live = useLive()
  const yes = await ask({
    title: t('fly.launchTitle'),
    body: t('fly.launchAllBody', { n: flights.length, plan: first.name, times: notes.join('; ') }),
    note: t('fly.launchNote'),
    confirm: t('fly.launchAll', { n: flights.length }),
    by: session.name,
  })
  if (!yes) return false
  let launched = 0
  for (const flight of flights) {
    try {
      const answer = await api.command(flight.id, 'launch')
      live.flights.set(answer.id, answer)
      launched += 1
    } catch (error) {
      toast(`${flight.aircraft || flight.agent}: ${problemWords(error)}`, 'error')
    }
  }
  if (launched) toast(t('fly.commandSent'))
  return launched > 0
}

/** Ask, then tell the server. Returns whether the command was sent. */
export async function issue(command: api.Command, flight: Flight): Promise<boolean> {
  const session = useSession()
  const live = useLive()
  if (!(await ask(question(command, flight, session.name)))) return false
  try {
    const answer = await api.command(flight.id, command)
    live.flights.set(answer.id, answer)
    toast(t('fly.commandSent'))
    return true
  } catch (error) {
    toast(problemWords(error), 'error')
    return false
  }
}
