// Small geometry on lon/lat positions; good to a few centimetres over a town.
import type { Feature, FeatureCollection, Geometry, MultiPolygon, Polygon, Position } from 'geojson'
import type { Ellipse } from '@/api/types'

const M_PER_DEG_LAT = 111_132.954
const metresPerDegreeLon = (lat: number) => 111_319.491 * Math.cos((lat * Math.PI) / 180)

export const NOTHING: FeatureCollection = { type: 'FeatureCollection', features: [] }

export function collection(features: Feature[]): FeatureCollection {
  return { type: 'FeatureCollection', features }
}

export function feature(geometry: Geometry, properties: Record<string, unknown> = {}): Feature {
  return { type: 'Feature', geometry, properties }
}

/** The ring of an ellipse; ``bearing_deg`` is that of the major axis, clockwise from north. */
export function ellipseRing(lon: number, lat: number, ellipse: Ellipse, corners = 48): Position[] {
  const bearing = (ellipse.bearing_deg * Math.PI) / 180
  const perLon = metresPerDegreeLon(lat)
  return Array.from({ length: corners + 1 }, (_, index) => {
    const angle = ((index % corners) / corners) * 2 * Math.PI
    const along = ellipse.semi_major_m * Math.cos(angle)
    const across = ellipse.semi_minor_m * Math.sin(angle)
    const east = along * Math.sin(bearing) + across * Math.cos(bearing)
    const north = along * Math.cos(bearing) - across * Math.sin(bearing)
    return [lon + east / perLon, lat + north / M_PER_DEG_LAT]
  })
}

/** Area in square metres of a ring of positions (closed or not). */
export function ringArea(ring: Position[]): number {
  if (ring.length < 3) return 0
  const lat0 = ring[0]![1]!
  const perLon = metresPerDegreeLon(lat0)
  let doubled = 0
  ring.forEach((position, index) => {
    const next = ring[(index + 1) % ring.length]!
    doubled += position[0]! * perLon * next[1]! * M_PER_DEG_LAT - next[0]! * perLon * position[1]! * M_PER_DEG_LAT
  })
  return Math.abs(doubled) / 2
}

function crosses(a: Position, b: Position, c: Position, d: Position): boolean {
  const side = (p: Position, q: Position, r: Position) =>
    Math.sign((q[0]! - p[0]!) * (r[1]! - p[1]!) - (q[1]! - p[1]!) * (r[0]! - p[0]!))
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0
}

/** Whether the sides of an open ring of corners cross each other. */
export function selfCrossing(ring: Position[]): boolean {
  const count = ring.length
  for (let i = 0; i < count; i++) {
    for (let j = i + 2; j < count; j++) {
      if (i === 0 && j === count - 1) continue
      if (crosses(ring[i]!, ring[(i + 1) % count]!, ring[j]!, ring[(j + 1) % count]!)) return true
    }
  }
  return false
}

export function inRing([x, y]: Position, ring: Position[]): boolean {
  let inside = false
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi, yi] = ring[i] as [number, number]
    const [xj, yj] = ring[j] as [number, number]
    if (yi > y! !== yj > y! && x! < ((xj - xi) * (y! - yi)) / (yj - yi) + xi) inside = !inside
  }
  return inside
}

/** Whether a position lies in a polygon and in none of its holes. */
function inPolygon(position: Position, [outline, ...holes]: Position[][]): boolean {
  return !!outline && inRing(position, outline) && !holes.some((hole) => inRing(position, hole))
}

/** The first polygon feature that holds the position. */
export function featureAt(features: FeatureCollection, position: Position): Feature | undefined {
  return features.features.find(({ geometry }) => {
    if (geometry?.type === 'Polygon') return inPolygon(position, geometry.coordinates)
    return geometry?.type === 'MultiPolygon' && geometry.coordinates.some((part) => inPolygon(position, part))
  })
}

/** A point inside the polygon far from its border: where its name goes. */
export function labelPoint(geometry: Polygon | MultiPolygon): Position {
  const ring =
    geometry.type === 'Polygon'
      ? geometry.coordinates[0]!
      : geometry.coordinates.map((part) => part[0]!).sort((a, b) => ringArea(b) - ringArea(a))[0]!
  const [west, south, east, north] = boundsOf([feature({ type: 'Polygon', coordinates: [ring] })])!
  const scale = metresPerDegreeLon(south) / M_PER_DEG_LAT
  const steps = 14
  let best: Position = ring[0]!
  let farthest = -1
  for (let i = 1; i < steps; i++) {
    for (let j = 1; j < steps; j++) {
      const point: Position = [west + ((east - west) * i) / steps, south + ((north - south) * j) / steps]
      if (!inRing(point, ring)) continue
      const distance = Math.min(...ring.slice(1).map((corner, index) => toSegment(point, ring[index]!, corner, scale)))
      if (distance > farthest) [best, farthest] = [point, distance]
    }
  }
  return best
}

function toSegment(point: Position, a: Position, b: Position, scale: number): number {
  const [px, py, ax, ay, bx, by] = [point[0]! * scale, point[1]!, a[0]! * scale, a[1]!, b[0]! * scale, b[1]!]
  const length2 = (bx - ax) ** 2 + (by - ay) ** 2
  const t = length2 ? Math.min(1, Math.max(0, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length2)) : 0
  return Math.hypot(px - ax - t * (bx - ax), py - ay - t * (by - ay))
}

export type Bounds = [west: number, south: number, east: number, north: number]

function visit(geometry: Geometry, each: (position: Position) => void): void {
  if (geometry.type === 'GeometryCollection') {
    for (const part of geometry.geometries) visit(part, each)
    return
  }
  const walk = (node: unknown): void => {
    if (Array.isArray(node) && typeof node[0] === 'number') each(node as Position)
    else if (Array.isArray(node)) node.forEach(walk)
  }
  walk(geometry.coordinates)
}

export function boundsOf(features: Feature[]): Bounds | null {
  let bounds: Bounds | null = null
  for (const one of features) {
    if (!one.geometry) continue
    visit(one.geometry, ([x, y]) => {
      bounds = bounds
        ? [Math.min(bounds[0], x!), Math.min(bounds[1], y!), Math.max(bounds[2], x!), Math.max(bounds[3], y!)]
        : [x!, y!, x!, y!]
    })
  }
  return bounds
}

/** The same features with every position passed through ``move``. */
export function moved(features: FeatureCollection, move: (position: Position) => Position): FeatureCollection {
  const walk = (node: unknown): unknown =>
    Array.isArray(node) && typeof node[0] === 'number' ? move(node as Position) : (node as unknown[]).map(walk)
  return collection(
    features.features.map((one) => {
      if (!one.geometry || one.geometry.type === 'GeometryCollection') return one
      const coordinates = walk(one.geometry.coordinates)
      return { ...one, geometry: { ...one.geometry, coordinates } as Geometry }
    }),
  )
}
