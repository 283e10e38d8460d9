// What is happening now: pushed by the server, refreshed in full after every reconnection.
import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef, watch } from 'vue'
import { onReach } from '@/api/client'
import * as api from '@/api/endpoints'
import { ReturningSocket } from '@/api/sockets'
import type { Aircraft, Alert, Flight, LiveMessage, LogEntry, Phase, Sighting, Telemetry, Ticket, TicketDetail, TicketPlace } from '@/api/types'
import { ageOf, noteServerTime } from './clock'

export const FINAL: ReadonlySet<Phase> = new Set<Phase>(['finished', 'aborted', 'failed'])
/** Older than this, live things are shown as stale. */
export const STALE_S = 3
const ALERTS_KEPT = 200
const TRACK_KEPT = 20_000
const OPEN_STATES: ReadonlySet<string> = new Set(['reported', 'filed', 'dispatched'])

export interface Heard<T> {
  data: T
  /** Local clock, milliseconds. */
  heardAt: number
}

export interface TrackPoint {
  lon: number
  lat: number
  at: string
}

type TicketListener = (ticket: Ticket, event: string) => void

export const useLive = defineStore('live', () => {
  const connected = ref(false)
  const everConnected = ref(false)
  const unreachableSince = ref<Date | null>(null)
  const now = ref(Date.now())

  const aircraft = reactive(new Map<string, Aircraft>())
  const telemetry = reactive(new Map<string, Heard<Telemetry>>())
  const flights = reactive(new Map<string, Flight>())
  const alerts = ref<Alert[]>([])
  const newest = ref<Alert | null>(null)
  const tickets = shallowRef(new Map<string, Ticket>())
  const places = shallowRef(new Map<string, TicketPlace>())
  const sightings = shallowRef(new Map<string, Sighting>())
  const logs = reactive(new Map<string, LogEntry[]>())
  const tracks = new Map<string, TrackPoint[]>()
  const trackVersion = ref(0)
  const ticketListeners = new Set<TicketListener>()

  let socket: ReturningSocket | null = null
  let ticker: ReturnType<typeof setInterval> | undefined

  const activeFlights = computed(() =>
    [...flights.values()]
      .filter((flight) => !FINAL.has(flight.phase))
      .sort((a, b) => (b.launched_at ?? b.created_at).localeCompare(a.launched_at ?? a.created_at)),
  )
  /** Every open ticket, the newest in full and the rest as far as the map needs it. */
  const open = computed(() => {
    const all = new Map<string, TicketPlace>(places.value)
    for (const [id, ticket] of tickets.value) {
      if (OPEN_STATES.has(ticket.state)) all.set(id, ticket)
      else all.delete(id)
    }
    return all
  })
  const unacknowledged = computed(() => {
    let count = 0
    for (const ticket of open.value.values()) {
      if (!ticket.acknowledged && (ticket.state === 'reported' || ticket.state === 'filed')) count++
    }
    return count
  })

  onReach((reached) => {
    if (reached) unreachableSince.value = null
    else unreachableSince.value ??= new Date()
  })

  function start(): void {
    if (socket) return
    ticker = setInterval(() => (now.value = Date.now()), 250)
    socket = new ReturningSocket('/live', { onMessage: (data) => hear(String(data)), onState: turned }, true)
    void refresh()
  }

  function stop(): void {
    socket?.close()
    socket = null
    clearInterval(ticker)
    connected.value = everConnected.value = false
    unreachableSince.value = null
    for (const map of [aircraft, telemetry, flights, logs]) map.clear()
    tracks.clear()
    alerts.value = []
    tickets.value = new Map()
    places.value = new Map()
    sightings.value = new Map()
    newest.value = null
  }

  function turned(open: boolean): void {
    // What was said while the line was down is asked for again.
    if (open && everConnected.value) void refresh()
    connected.value = open
    if (open) {
      everConnected.value = true
      unreachableSince.value = null
    } else {
      unreachableSince.value ??= new Date()
    }
  }

  function retry(): void {
    socket?.hurry()
    void refresh()
  }

  async function refresh(): Promise<void> {
    try {
      const [fleet, flown, page, seen] = await Promise.all([
        api.aircraft(),
        api.flights(),
        api.tickets({ order: 'newest', limit: 200 }),
        api.sightings({ limit: 300 }).catch(() => []),
      ])
      aircraft.clear()
      for (const one of fleet) takeAircraft(one)
      for (const one of flown.slice(0, 100)) flights.set(one.id, one)
      sightings.value = new Map(seen.map((one) => [one.id, one]))
      tickets.value = new Map(page.items.map((ticket) => [ticket.id, ticket]))
      alerts.value = page.items
        .filter((ticket) => ticket.state === 'reported' || ticket.state === 'filed')
        .map((ticket) => ({ ticket, why: ticket.why, thumbnail: ticket.thumbnail }))
      places.value = page.total > page.items.length ? new Map((await api.ticketPlaces()).map((one) => [one.id, one])) : new Map()
    } catch {
      // onReach has noted it; the next connection refreshes again.
    }
  }

  function takeAircraft(one: Aircraft): void {
    aircraft.set(one.agent, one)
    const known = telemetry.get(one.agent)
    if (one.telemetry && (!known || known.data.at < one.telemetry.at)) {
      telemetry.set(one.agent, { data: one.telemetry, heardAt: Date.parse(one.seen_at ?? one.telemetry.at) })
    }
  }

  function hear(text: string): void {
    const message = JSON.parse(text) as LiveMessage
    noteServerTime(message.at)
    switch (message.type) {
      case 'telemetry':
        return hearTelemetry(message.data)
      case 'flight':
        flights.set(message.data.id, message.data)
        return
      case 'agent':
        takeAircraft(message.data)
        return
      case 'ticket':
        hearTicket(message.data, message.data.event)
        return
      case 'alert':
        hearAlert(message.data)
        return
      case 'sighting':
        sightings.value = new Map(sightings.value).set(message.data.id, message.data)
        return
      case 'log':
        addLog(message.data.flight_id, [message.data])
        return
      case 'ping':
        return
    }
  }

  function hearTelemetry(data: Telemetry): void {
    const known = telemetry.get(data.agent)
    if (known && known.data.at > data.at) return
    telemetry.set(data.agent, { data, heardAt: Date.now() })
    const craft = aircraft.get(data.agent)
    if (craft && !craft.online) craft.online = true
    const flight = data.flight_id ? flights.get(data.flight_id) : undefined
    if (!flight) return
    if (data.phase && flight.phase !== data.phase && !FINAL.has(flight.phase)) flight.phase = data.phase
    addTrackPoint(flight.id, { lon: data.longitude, lat: data.latitude, at: data.at })
  }

  function addTrackPoint(flightId: string, point: TrackPoint): void {
    const track = tracks.get(flightId) ?? []
    const last = track.at(-1)
    if (last && (last.at >= point.at || (last.lon === point.lon && last.lat === point.lat))) return
    track.push(point)
    if (track.length > TRACK_KEPT) track.shift()
    tracks.set(flightId, track)
    trackVersion.value++
  }

  async function loadFlight(id: string): Promise<void> {
    const [flown, seen, log] = await Promise.all([
      api.track(id).catch(() => null),
      api.sightings({ flight_id: id, limit: 500 }).catch(() => []),
      api.flightLog(id).catch(() => []),
    ])
    if (flown?.geometry) {
      const before = flown.geometry.coordinates.map((position, index) => ({
        lon: position[0]!,
        lat: position[1]!,
        at: flown.properties.times[index] ?? '',
      }))
      const end = before.at(-1)?.at ?? ''
      tracks.set(id, [...before, ...(tracks.get(id) ?? []).filter((point) => point.at > end)])
      trackVersion.value++
    }
    sightings.value = new Map([...sightings.value, ...seen.map((one) => [one.id, one] as const)])
    logs.set(id, [])
    addLog(id, log)
  }

  function addLog(flightId: string, entries: LogEntry[]): void {
    const known = logs.get(flightId) ?? []
    const keys = new Set(known.map((entry) => entry.at + entry.code + entry.text))
    const fresh = entries.filter((entry) => !keys.has(entry.at + entry.code + entry.text))
    logs.set(flightId, [...known, ...fresh].sort((a, b) => a.at.localeCompare(b.at)).slice(-500))
  }

  /** A ticket that is only known by its place, read in full. */
  async function fetchTicket(id: string): Promise<Ticket | undefined> {
    const known = tickets.value.get(id)
    if (known) return known
    const { sightings: seen, ...rest }: TicketDetail = await api.ticket(id)
    const ticket = { ...rest, sightings: seen.length } as Ticket
    tickets.value = new Map(tickets.value).set(id, ticket)
    return ticket
  }

  function hearTicket(ticket: Ticket, event: string): void {
    tickets.value = new Map(tickets.value).set(ticket.id, ticket)
    const alert = alerts.value.find((one) => one.ticket.id === ticket.id)
    if (alert) {
      alert.ticket = ticket
      alert.thumbnail = ticket.thumbnail ?? alert.thumbnail
    }
    for (const listener of ticketListeners) listener(ticket, event)
  }

  /** Alerts of one event are one alert: a second one about the same ticket takes the place of the first. */
  function hearAlert(alert: Alert): void {
    tickets.value = new Map(tickets.value).set(alert.ticket.id, alert.ticket)
    const index = alerts.value.findIndex((one) => one.ticket.id === alert.ticket.id)
    if (index >= 0) {
      alerts.value[index] = alert
      return
    }
    alerts.value = [alert, ...alerts.value].slice(0, ALERTS_KEPT)
    newest.value = alert
  }

  /** The reasons of the surest sighting of a ticket, as far as they are known here. */
  const reasonsOf = computed(() => {
    const surest = new Map<string, Sighting>()
    for (const one of sightings.value.values()) {
      const known = one.ticket_id ? surest.get(one.ticket_id) : undefined
      if (one.ticket_id && (!known || known.confidence < one.confidence)) surest.set(one.ticket_id, one)
    }
    return new Map([...surest].map(([ticket, one]) => [ticket, one.reasons]))
  })

  function onTicket(listener: TicketListener): () => void {
    ticketListeners.add(listener)
    return () => ticketListeners.delete(listener)
  }

  async function acknowledge(ticketId: string): Promise<void> {
    const answer = await api.act(ticketId, { action: 'acknowledge' })
    const known = tickets.value.get(ticketId)
    if (known) hearTicket({ ...known, acknowledged: true, updated_at: answer.updated_at }, 'updated')
  }

  /** Seconds since the newest telemetry of this aircraft was true; null when none is known. */
  function telemetryAge(agent: string): number | null {
    const heard = telemetry.get(agent)
    return heard ? ageOf(heard.data.at, heard.heardAt, now.value) : null
  }

  watch(unreachableSince, (since) => {
    if (since) now.value = Date.now()
  })

  return {
    connected,
    everConnected,
    unreachableSince,
    now,
    aircraft,
    telemetry,
    flights,
    activeFlights,
    alerts,
    newest,
    unacknowledged,
    tickets,
    open,
    fetchTicket,
    sightings,
    reasonsOf,
    logs,
    tracks,
    trackVersion,
    start,
    stop,
    retry,
    refresh,
    loadFlight,
    onTicket,
    acknowledge,
    hearTicket,
    telemetryAge,
  }
})
