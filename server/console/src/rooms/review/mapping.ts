// The review's map: what is drawn at an instant of a recorded flight.
import type { FeatureCollection } from 'geojson'
import type { Compared, PatrolPlan } from '@/api/types'
import { t } from '@/i18n'
import * as features from '@/map/features'
import { collection, feature, NOTHING } from '@/map/geometry'
import type { TownMap } from '@/map/town'
import { rowsOf } from './expected'
import { indexAt, type Recording, type State } from './recording'

function line(recording: Recording, from: number, to: number, last?: [number, number]): FeatureCollection {
  const { longitude, latitude } = recording.flown
  const positions = longitude.slice(from, to).map((lon, index) => [lon, latitude[from + index]!])
  if (last) positions.push(last)
  return positions.length < 2 ? NOTHING : collection([feature({ type: 'LineString', coordinates: positions })])
}

/** What does not change while the hand of the clock moves. */
export function paintFlight(town: TownMap, recording: Recording, plan: PatrolPlan | null): void {
  town.set('plan', features.planFeatures(plan))
  town.set('home', features.homeFeature(plan?.home))
  town.set('ahead', line(recording, 0, recording.times.length))
}

/** What was known at that instant: the way so far, aircraft, view, and what had been seen. */
export function paintInstant(town: TownMap, recording: Recording, at: number, state: State | null, chosen: string | null): void {
  const here: [number, number] | undefined = state ? [state.lon, state.lat] : undefined
  town.set('track', line(recording, 0, indexAt(recording.times, at) + 1, here))
  const name = recording.flight.aircraft || recording.flight.agent
  town.set(
    'aircraft',
    state
      ? collection([feature({ type: 'Point', coordinates: [state.lon, state.lat] }, { name, heading: state.heading, stale: false, agent: recording.flight.agent })])
      : NOTHING,
  )
  const ring = state?.footprint
  town.set('footprint', ring && ring.length > 2 ? collection([feature({ type: 'Polygon', coordinates: [[...ring, ring[0]!]] })]) : NOTHING)
  const seen = recording.sightings.filter((one) => Date.parse(one.first_seen_at) <= at || one.id === chosen)
  town.set('ellipses', features.ellipseFeatures(seen))
  town.set('sightings', features.sightingFeatures(seen))
  const known = new Set(seen.map((one) => one.ticket_id))
  const ticket = recording.sightings.find((one) => one.id === chosen)?.ticket_id ?? null
  town.set('tickets', features.ticketFeatures(recording.tickets.filter((one) => known.has(one.id)), ticket))
}

export function paintExpected(town: TownMap, result: Compared | null): void {
  if (!result) return town.set('expected', NOTHING)
  town.set(
    'expected',
    collection(
      rowsOf(result)
        .filter(({ outcome }) => outcome !== 'extra')
        .map(({ outcome, pair }) =>
          feature({ type: 'Point', coordinates: [pair.lon, pair.lat] }, { outcome, text: outcome === 'matched' ? '' : t(`review.outcomes.${outcome}`) }),
        ),
    ),
  )
}
