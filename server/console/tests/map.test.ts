import type { Polygon } from 'geojson'
import { describe, expect, it } from 'vitest'
import { fromGcj02, toGcj02 } from '@/map/gcj02'
import { boundsOf, collection, ellipseRing, feature, featureAt, inRing, labelPoint, ringArea, selfCrossing } from '@/map/geometry'

const metres = (a: number[], b: number[]) =>
  Math.hypot((a[0]! - b[0]!) * 111_319.5 * Math.cos((a[1]! * Math.PI) / 180), (a[1]! - b[1]!) * 111_133)

describe('GCJ-02', () => {
  it('shifts a place in China by some hundred metres', () => {
    const shift = metres([117.97, 28.45], toGcj02([117.97, 28.45]))
    expect(shift).toBeGreaterThan(100)
    expect(shift).toBeLessThan(900)
  })

  it('comes back to the millimetre', () => {
    for (const place of [[117.97, 28.45], [87.6, 43.8], [126.6, 45.7]] as [number, number][]) {
      expect(metres(place, fromGcj02(toGcj02(place)))).toBeLessThan(0.001)
    }
  })

  it('leaves places elsewhere alone', () => {
    expect(toGcj02([2.35, 48.85])).toEqual([2.35, 48.85])
  })
})

describe('ellipses', () => {
  it('reach as far as their axes, along their bearing', () => {
    const ring = ellipseRing(117.97, 28.45, { semi_major_m: 10, semi_minor_m: 4, bearing_deg: 90 })
    const distances = ring.map((position) => metres([117.97, 28.45], position))
    expect(Math.max(...distances)).toBeCloseTo(10, 1)
    expect(Math.min(...distances)).toBeCloseTo(4, 1)
    expect(ring[0]![0]).toBeGreaterThan(117.97)
    expect(ring[0]![1]).toBeCloseTo(28.45, 6)
    expect(ring.at(-1)).toEqual(ring[0])
  })
})

describe('drawn areas', () => {
  const square = [[117.97, 28.45], [117.971, 28.45], [117.971, 28.451], [117.97, 28.451]]

  it('have the area of the ground', () => {
    expect(ringArea(square)).toBeCloseTo(97.87 * 111.13, -2)
    expect(ringArea(square.slice(0, 2))).toBe(0)
  })

  it('are refused when their sides cross', () => {
    expect(selfCrossing(square)).toBe(false)
    expect(selfCrossing([square[0]!, square[2]!, square[1]!, square[3]!])).toBe(true)
  })
})

describe('names of cells', () => {
  it('stand inside concave cells', () => {
    const ring = [[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3], [0, 0]]
    const cell: Polygon = { type: 'Polygon', coordinates: [ring] }
    expect(inRing(labelPoint(cell), ring)).toBe(true)
    expect(boundsOf([feature(cell)])).toEqual([0, 0, 3, 3])
  })
})

describe('the cell under a click', () => {
  const square = (from: number, to: number) => [[from, from], [to, from], [to, to], [from, to], [from, from]]
  const holed = feature({ type: 'Polygon', coordinates: [square(0, 9), square(3, 6)] }, { code: 'holed' })
  const parts = feature({ type: 'MultiPolygon', coordinates: [[square(4, 5)], [square(20, 21)]] }, { code: 'parts' })
  const cells = collection([holed, parts])

  it('is the one whose ground holds it, holes left out', () => {
    expect(featureAt(cells, [1, 1])?.properties?.code).toBe('holed')
    expect(featureAt(cells, [4.5, 4.5])?.properties?.code).toBe('parts')
    expect(featureAt(cells, [20.5, 20.5])?.properties?.code).toBe('parts')
  })

  it('is none outside of all', () => {
    expect(featureAt(cells, [3.5, 3.5])).toBeUndefined()
    expect(featureAt(cells, [-1, 4])).toBeUndefined()
  })
})
