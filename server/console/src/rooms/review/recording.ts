// A flight as it was recorded: what was true at any instant, where nothing was heard, and its figures.
import type { Flight, Flown, KeptPicture, LogEntry, Phase, Sighting, Ticket } from '@/api/types'

/** A second without news is usual; longer than this the link was away. */
export const GAP_MS = 3_000
const M_PER_DEGREE = 111_195

export interface Recording {
  flight: Flight
  flown: Flown
  /** Milliseconds of ``flown.at`` and of ``pictures``, for searching. */
  times: number[]
  pictureTimes: number[]
  pictures: KeptPicture[]
  sightings: Sighting[]
  tickets: Ticket[]
  log: LogEntry[]
  start: number
  end: number
}

export interface State {
  lon: number
  lat: number
  height: number | null
  speed: number | null
  heading: number
  battery: number | null
  link: number | null
  footprint: [number, number][] | null
  phase: Phase | null
}

export interface Span {
  from: number
  to: number
}

/** The place of the last time that is not after ``at``; -1 before the first. */
export function indexAt(times: readonly number[], at: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! <= at) low = middle + 1
    else high = middle
  }
  return low - 1
}

export function recordingOf(
  flight: Flight,
  flown: Flown,
  pictures: KeptPicture[],
  sightings: Sighting[],
  tickets: Ticket[],
  log: LogEntry[],
): Recording {
  const times = flown.at.map((at) => Date.parse(at))
  const pictureTimes = pictures.map((one) => Date.parse(one.at))
  const seen = [...sightings].sort((a, b) => a.first_seen_at.localeCompare(b.first_seen_at))
  const told = [...log].sort((a, b) => a.at.localeCompare(b.at))
  const known = [
    ...[times[0], times.at(-1), pictureTimes[0], pictureTimes.at(-1)].filter((at) => at !== undefined),
    ...told.map((entry) => Date.parse(entry.at)),
    ...seen.flatMap((one) => [Date.parse(one.first_seen_at), Date.parse(one.last_seen_at)]),
  ]
  const start = known.length ? Math.min(...known) : Date.parse(flight.created_at)
  const end = known.length ? Math.max(...known) : start
  return { flight, flown, times, pictures, pictureTimes, sightings: seen, tickets, log: told, start, end }
}

function bearing(from: [number, number], to: [number, number]): number {
  const east = (to[0] - from[0]) * Math.cos((from[1] * Math.PI) / 180)
  return ((Math.atan2(east, to[1] - from[1]) * 180) / Math.PI + 360) % 360
}

function metresBetween(flown: Flown, i: number, j: number): number {
  const north = (flown.latitude[j]! - flown.latitude[i]!) * M_PER_DEGREE
  const east = (flown.longitude[j]! - flown.longitude[i]!) * M_PER_DEGREE * Math.cos((flown.latitude[i]! * Math.PI) / 180)
  return Math.hypot(east, north)
}

/** The phase that the log tells at an instant. */
export function phaseAt(log: readonly LogEntry[], at: number): Phase | null {
  let phase: Phase | null = null
  for (const entry of log) {
    if (Date.parse(entry.at) > at) break
    phase = entry.phase ?? phase
  }
  return phase
}

/** What was true at an instant; the place between two reports, the rest of the last one. Null before the first. */
export function stateAt(recording: Recording, at: number): State | null {
  const { flown, times } = recording
  const i = indexAt(times, at)
  if (i < 0) return null
  const j = Math.min(i + 1, times.length - 1)
  const gap = times[j]! - times[i]!
  const share = gap > 0 && gap <= GAP_MS ? Math.min(1, (at - times[i]!) / gap) : 0
  const between = (values: number[]) => values[i]! + share * (values[j]! - values[i]!)
  const here: [number, number] = [flown.longitude[i]!, flown.latitude[i]!]
  return {
    lon: between(flown.longitude),
    lat: between(flown.latitude),
    height: flown.altitude_above_home_m[i] ?? flown.altitude_amsl_m[i]! - flown.altitude_amsl_m[0]!,
    speed: flown.ground_speed_m_s[i] ?? (gap > 0 ? metresBetween(flown, i, j) / (gap / 1000) : null),
    heading: flown.heading_deg[i] ?? bearing(here, [flown.longitude[j]!, flown.latitude[j]!]),
    battery: flown.battery_fraction[i] ?? null,
    link: flown.link_quality[i] ?? null,
    footprint: flown.footprint[i] ?? null,
    phase: phaseAt(recording.log, at),
  }
}

/** When nothing was heard for longer than usual. */
export function gapsOf(times: readonly number[], longest = GAP_MS): Span[] {
  const found: Span[] = []
  for (let i = 1; i < times.length; i++) {
    if (times[i]! - times[i - 1]! > longest) found.push({ from: times[i - 1]!, to: times[i]! })
  }
  return found
}

/** The phases one after the other, each until the next begins. */
export function phasesOf(recording: Recording): (Span & { phase: Phase })[] {
  const found: (Span & { phase: Phase })[] = []
  for (const entry of recording.log) {
    if (!entry.phase || entry.phase === found.at(-1)?.phase) continue
    const at = Date.parse(entry.at)
    const before = found.at(-1)
    if (before) before.to = at
    found.push({ phase: entry.phase, from: at, to: recording.end })
  }
  return found
}

/** The picture of an instant: the last one, unless it is older than a picture may be. */
export function pictureAt(recording: Recording, at: number, oldest = 6_000): number {
  const index = indexAt(recording.pictureTimes, at)
  return index >= 0 && at - recording.pictureTimes[index]! <= oldest ? index : -1
}

export interface FlightFigures {
  seconds: number
  flownM: number
  highestM: number | null
  meanSpeed: number | null
  batteryFrom: number | null
  batteryTo: number | null
  gaps: number
  gapSeconds: number
  warnings: number
  pictures: number
  sightings: number
  tickets: number
  right: number
  wrong: number
  medianCe90: number | null
}

/** What a person has acted on; some kinds file themselves, which says nothing. */
const RIGHT: ReadonlySet<string> = new Set(['dispatched', 'closed'])

export function figuresOf(recording: Recording): FlightFigures {
  const { flown, times, tickets, sightings } = recording
  let flownM = 0
  for (let i = 1; i < times.length; i++) flownM += metresBetween(flown, i - 1, i)
  const heights = flown.altitude_above_home_m.filter((value) => value !== null)
  const battery = flown.battery_fraction.filter((value) => value !== null)
  const gaps = gapsOf(times)
  const seconds = times.length ? (times.at(-1)! - times[0]!) / 1000 : 0
  const errors = sightings.map((one) => one.ce90_m).filter((value) => value !== null).sort((a, b) => a - b)
  return {
    seconds,
    flownM,
    highestM: heights.length ? Math.max(...heights) : null,
    meanSpeed: seconds > 0 ? flownM / seconds : null,
    batteryFrom: battery[0] ?? null,
    batteryTo: battery.at(-1) ?? null,
    gaps: gaps.length,
    gapSeconds: gaps.reduce((sum, gap) => sum + (gap.to - gap.from) / 1000, 0),
    warnings: recording.log.filter((entry) => entry.level !== 'info').length,
    pictures: recording.pictures.length,
    sightings: sightings.length,
    tickets: tickets.length,
    right: tickets.filter((one) => RIGHT.has(one.state)).length,
    wrong: tickets.filter((one) => one.state === 'rejected').length,
    medianCe90: errors.length ? errors[Math.floor(errors.length / 2)]! : null,
  }
}
