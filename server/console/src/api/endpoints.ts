// What the server can be asked, one function each.
import type { FeatureCollection } from 'geojson'
import { call, query, type CallOptions } from './client'
import type * as T from './types'

const get = <R>(path: string, options?: CallOptions) => call<R>('GET', path, undefined, options)

/** Lists come bare or as {items}; both read the same here. */
async function list<R>(path: string, options?: CallOptions): Promise<R[]> {
  const answer = await get<R[] | { items: R[] }>(path, options)
  return Array.isArray(answer) ? answer : answer.items
}

export const settings = () => get<T.Settings>('/settings', { quiet: true })
export const me = () =>
  get<T.User | { user: T.User }>('/me', { quiet: true }).then((answer) => ('user' in answer ? answer.user : answer))
export const signIn = (username: string, password: string) =>
  call<{ user: T.User }>('POST', '/session', { username, password }, { quiet: true })
export const signOut = () => call<void>('DELETE', '/session', undefined, { quiet: true })

export const basemap = () => get<FeatureCollection>('/basemap')
export const cells = () => get<T.Cells>('/cells')
export const zones = () => get<FeatureCollection>('/zones')
export const noFly = () => get<FeatureCollection>('/no_fly')

export const cameras = () => list<T.Camera>('/cameras')
export const aircraft = () => list<T.Aircraft>('/aircraft')

export const createPlan = (request: T.PlanRequest, signal?: AbortSignal) =>
  call<T.StoredPlan>('POST', '/plans', request, { signal })
export const plan = (id: string) => get<T.StoredPlan>(`/plans/${id}`)
/** Newest first, without the routes; a list of whole plans reads the same. */
export const plans = async (): Promise<T.PlanSummary[]> => {
  const found = await list<T.PlanSummary | T.StoredPlan>('/plans')
  return found.map((one) => ('plan' in one ? { ...one, name: one.plan.name, figures: one.plan } : one))
}

export const createFlight = (planId: string, agent: string, planAircraft = 0) =>
  call<T.Flight>('POST', '/flights', { plan_id: planId, agent, plan_aircraft: planAircraft })
export const flights = (active = false) => list<T.Flight>(`/flights${query({ active: active || null })}`)
export const flight = (id: string) => get<T.Flight>(`/flights/${id}`)
export const track = (id: string) => get<T.Track>(`/flights/${id}/track`)
export const flightLog = (id: string) => list<T.LogEntry>(`/flights/${id}/log`)
export const flown = (id: string) => get<T.Flown>(`/flights/${id}/flown`)
export const keptPictures = (id: string) => list<T.KeptPicture>(`/flights/${id}/pictures`)
export const keptPictureUrl = (id: string, name: number) => `/api/v1/flights/${id}/pictures/${name}.jpg`
export const compareFlight = (id: string, expected: T.Expectation) =>
  call<T.Compared>('POST', `/flights/${id}/comparison`, expected)
export type Command = 'launch' | 'pause' | 'resume' | 'return' | 'land'
export const command = (id: string, name: Command) => call<T.Flight>('POST', `/flights/${id}/${name}`)
/** Leave the lane and look at a sighting again; the aircraft answers in the flight's log. */
export const secondLook = (id: string, sightingId: string) =>
  call<T.Flight>('POST', `/flights/${id}/second_look`, { sighting_id: sightingId })

export const sightings = (filter: { flight_id?: string | null; ticket_id?: string | null; limit?: number }) =>
  list<T.Sighting>(`/sightings${query(filter)}`)

export interface TicketFilter {
  state?: string | null
  kind?: string | null
  cell?: string | null
  flight_id?: string | null
  queue?: string | null
  q?: string | null
  order?: string | null
  limit?: number
  cursor?: string | null
}
export const tickets = (filter: TicketFilter, signal?: AbortSignal) =>
  get<T.TicketPage>(`/tickets${query({ ...filter })}`, { signal })
/** All open tickets, as little of each as the map needs. */
export const ticketPlaces = async (): Promise<T.TicketPlace[]> => {
  const columns = await get<{ [K in keyof T.TicketPlace]: T.TicketPlace[K][] }>('/tickets/places')
  return columns.id.map((id, at) => ({
    id,
    kind: columns.kind[at]!,
    state: columns.state[at]!,
    cell: columns.cell[at]!,
    lat: columns.lat[at]!,
    lon: columns.lon[at]!,
    acknowledged: columns.acknowledged[at]!,
  }))
}
export const ticket = (id: string, signal?: AbortSignal) => get<T.TicketDetail>(`/tickets/${id}`, { signal })
export interface TicketAction {
  action: T.ActionName
  note?: string
  to?: string
  cell?: string
  into?: string
  verdict?: T.Verdict
  found?: string
  marks?: T.Mark[]
}
export const act = (id: string, action: TicketAction) => call<T.TicketDetail>('POST', `/tickets/${id}/actions`, action)

export const evidenceUrl = (sha256: string) => `/api/v1/evidence/${sha256}`
export const original = (sha256: string, reason: string) =>
  call<{ url: string }>('POST', `/evidence/${sha256}/originals`, { reason })

export const seenCells = (asked: T.SeenAsked, signal?: AbortSignal) =>
  get<T.SeenCells>(`/seen/cells${query({ ...asked })}`, signal ? { signal } : {})
export const seenGaps = (code: string, asked: T.SeenAsked) =>
  get<T.SeenGaps>(`/seen/cells/${code}/gaps${query({ ...asked })}`)
export const seenPatrols = (asked: T.SeenAsked) =>
  get<{ patrols: T.SeenPatrol[] }>(`/seen/patrols${query({ ...asked })}`).then((answer) => answer.patrols)
export const seenPicture = (show: T.SeenShow, asked: T.SeenAsked, fresh: number) =>
  `/api/v1/seen/picture.png${query({ show, ...asked, fresh })}`
export const seenReport = (asked: T.SeenAsked, what: { cell?: string; flight_id?: string }, language: string) =>
  `/api/v1/seen/report.pdf${query({ ...what, ...asked, language })}`
export const refly = (request: T.ReflyRequest, signal?: AbortSignal) =>
  call<T.StoredPlan>('POST', '/seen/refly', request, signal ? { signal } : {})

export const figures = () => get<T.Figures>('/figures')
export const users = () => list<T.User>('/users')
export interface NewUser {
  username: string
  display_name: string
  password: string
  roles: string[]
  language?: string
  department?: string | null
}
export const addUser = (user: NewUser) => call<T.User>('POST', '/users', user)
/** Only what is given changes. */
export type UserChange = Partial<Omit<NewUser, 'username'>> & { disabled?: boolean }
export const changeUser = (id: string | number, change: UserChange) => call<T.User>('PATCH', `/users/${id}`, change)
/** The token of a new edge agent is told this once. */
export const addAgent = (name: string) => call<{ name: string; token: string }>('POST', '/agents', { name })
export const audit = (cursor: number | string | null = null, limit = 100) =>
  get<{ items: T.AuditEntry[]; next_cursor: string | null }>(`/audit${query({ limit, cursor })}`)
export const verifyAudit = () => get<T.AuditVerdict>('/audit/verify')
