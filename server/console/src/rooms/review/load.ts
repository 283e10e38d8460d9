// Everything about one flight, read together.
import * as api from '@/api/endpoints'
import type { PatrolPlan, Sighting, Ticket, TicketDetail } from '@/api/types'
import { recordingOf, type Recording } from './recording'

const OTHERS_AT_MOST = 60

function summaryOf({ sightings, ...rest }: TicketDetail): Ticket {
  return { ...rest, sightings: sightings.length } as Ticket
}

/** Tickets that the flight opened, and those that it only saw again. */
async function ticketsOf(flight: string, sightings: Sighting[]): Promise<Ticket[]> {
  const opened = (await api.tickets({ flight_id: flight, order: 'newest', limit: 500 })).items
  const known = new Set(opened.map((one) => one.id))
  const others = [...new Set(sightings.map((one) => one.ticket_id).filter((id) => id !== null && !known.has(id)))]
  const seen = await Promise.all(others.slice(0, OTHERS_AT_MOST).map((id) => api.ticket(id!).then(summaryOf).catch(() => null)))
  return [...opened, ...seen.filter((one) => one !== null)]
}

export async function loadRecording(id: string): Promise<{ recording: Recording; plan: PatrolPlan | null }> {
  const [flight, flown, pictures, sightings, log] = await Promise.all([
    api.flight(id),
    api.flown(id),
    api.keptPictures(id),
    api.sightings({ flight_id: id, limit: 1000 }),
    api.flightLog(id),
  ])
  const [tickets, stored] = await Promise.all([
    ticketsOf(id, sightings),
    flight.plan_id ? api.plan(flight.plan_id).catch(() => null) : null,
  ])
  return { recording: recordingOf(flight, flown, pictures, sightings, tickets, log), plan: stored?.plan ?? null }
}
