// The things of the console as GeoJSON for the map's sources.
import type { Feature, FeatureCollection, MultiPolygon, Polygon, Position } from 'geojson'
import type { Cells, PatrolPlan, Sighting, Telemetry, Ticket, TicketPlace } from '@/api/types'
import { nameOf } from '@/stores/place'
import type { TrackPoint } from '@/stores/live'
import { collection, ellipseRing, feature, labelPoint, NOTHING } from './geometry'

export function cellFeatures(cells: Cells, selected: ReadonlySet<string>): FeatureCollection {
  return collection(
    cells.features.map((one) =>
      feature(one.geometry, { code: one.properties.code, selected: selected.has(one.properties.code) }),
    ),
  )
}

const points = new WeakMap<object, Position>()

export function cellLabels(cells: Cells, counts: ReadonlyMap<string, number> | null): FeatureCollection {
  return collection(
    cells.features.map((one) => {
      const geometry = one.geometry as Polygon | MultiPolygon
      let point = points.get(geometry)
      if (!point) points.set(geometry, (point = labelPoint(geometry)))
      const { code, open_tickets } = one.properties
      const count = counts ? (counts.get(code) ?? 0) : open_tickets
      const name = nameOf(one.properties)
      return feature({ type: 'Point', coordinates: point }, { code, text: count ? `${name}\n● ${count}` : name })
    }),
  )
}

export function baseFeatures(basemap: FeatureCollection): FeatureCollection {
  return collection(
    basemap.features.map((one) =>
      one.properties?.layer === 'label'
        ? { ...one, properties: { ...one.properties, text: String(one.properties.name ?? '') } }
        : one,
    ),
  )
}

/** Zones with their names; ``word`` says a kind in the language of the console. */
export function namedFeatures(zones: FeatureCollection, prefix: (kind: string) => string): FeatureCollection {
  return collection(
    zones.features.map((one) => ({
      ...one,
      properties: {
        ...one.properties,
        // A zone may be called what it is; once is enough.
        text: [...new Set([prefix(String(one.properties?.kind ?? '')), one.properties?.name].filter(Boolean))].join('\n'),
      },
    })),
  )
}

const LANE_ROLES: ReadonlySet<string> = new Set(['lane_start', 'lane_end'])

/** Each leg of each sortie: a lane where both its ends belong to the same lane, transit otherwise. */
export function planFeatures(plan: PatrolPlan | null): FeatureCollection {
  if (!plan) return NOTHING
  const legs: Feature[] = []
  for (const sortie of plan.sorties) {
    const home: Position = [plan.home[1], plan.home[0]]
    const stops = sortie.waypoints.map((point) => ({ ...point, at: [point.longitude, point.latitude] as Position }))
    let before: { at: Position; lane: number | null; role: string } = { at: home, lane: null, role: 'takeoff' }
    for (const stop of stops) {
      const lane =
        LANE_ROLES.has(stop.role) && LANE_ROLES.has(before.role) && stop.lane !== null && stop.lane === before.lane
      legs.push(feature({ type: 'LineString', coordinates: [before.at, stop.at] }, { lane, sortie: sortie.aircraft }))
      before = stop
    }
    legs.push(feature({ type: 'LineString', coordinates: [before.at, home] }, { lane: false }))
  }
  return collection(legs)
}

export function planArea(plan: PatrolPlan | null): FeatureCollection {
  if (!plan) return NOTHING
  return collection(plan.area.map((rings) => feature({ type: 'Polygon', coordinates: rings })))
}

export function homeFeature(home: [number, number, number] | null | undefined): FeatureCollection {
  return home ? collection([feature({ type: 'Point', coordinates: [home[1], home[0]] })]) : NOTHING
}

export function trackFeature(track: TrackPoint[]): FeatureCollection {
  if (track.length < 2) return NOTHING
  return collection([feature({ type: 'LineString', coordinates: track.map((point) => [point.lon, point.lat]) })])
}

export function footprintFeature(telemetry: Telemetry | null): FeatureCollection {
  const ring = telemetry?.footprint ?? []
  if (ring.length < 3) return NOTHING
  const [first, last] = [ring[0]!, ring.at(-1)!]
  const closed = first[0] === last[0] && first[1] === last[1] ? ring : [...ring, first]
  return collection([feature({ type: 'Polygon', coordinates: [closed] })])
}

export function aircraftFeatures(
  shown: { name: string; telemetry: Telemetry; stale: boolean }[],
): FeatureCollection {
  return collection(
    shown.map(({ name, telemetry, stale }) =>
      feature(
        { type: 'Point', coordinates: [telemetry.longitude, telemetry.latitude] },
        { name, heading: telemetry.heading_deg, stale, agent: telemetry.agent },
      ),
    ),
  )
}

export function isOpen(ticket: Pick<Ticket, 'state'>): boolean {
  return !['closed', 'rejected', 'merged'].includes(ticket.state)
}

export function ticketFeatures(tickets: Iterable<TicketPlace>, chosen: string | null = null): FeatureCollection {
  const features: Feature[] = []
  for (const ticket of tickets) {
    if (!Number.isFinite(ticket.lat) || !Number.isFinite(ticket.lon)) continue
    features.push(
      feature(
        { type: 'Point', coordinates: [ticket.lon, ticket.lat] },
        {
          id: ticket.id,
          kind: ticket.kind,
          open: isOpen(ticket),
          acknowledged: ticket.acknowledged || !isOpen(ticket),
          chosen: ticket.id === chosen,
        },
      ),
    )
  }
  return collection(features)
}

type Placed = Pick<Sighting, 'kind' | 'ellipse'> & { lat: number | null; lon: number | null }

export function ellipseFeatures(placed: Iterable<Placed>): FeatureCollection {
  const features: Feature[] = []
  for (const one of placed) {
    if (one.lat === null || one.lon === null || !one.ellipse) continue
    features.push(
      feature({ type: 'Polygon', coordinates: [ellipseRing(one.lon, one.lat, one.ellipse)] }, { kind: one.kind }),
    )
  }
  return collection(features)
}

export function sightingFeatures(sightings: Iterable<Sighting>): FeatureCollection {
  const features: Feature[] = []
  for (const one of sightings) {
    if (one.lat === null || one.lon === null) continue
    features.push(feature({ type: 'Point', coordinates: [one.lon, one.lat] }, { id: one.id, kind: one.kind }))
  }
  return collection(features)
}
