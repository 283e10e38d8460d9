import { describe, expect, it } from 'vitest'
import type { Flight, Flown, LogEntry, Sighting, Ticket } from '@/api/types'
import { expectationOf, rowsOf } from '@/rooms/review/expected'
import { figuresOf, gapsOf, indexAt, phasesOf, pictureAt, recordingOf, stateAt } from '@/rooms/review/recording'

const T = Date.parse('2026-05-01T12:00:00Z')
const iso = (seconds: number) => new Date(T + 1000 * seconds).toISOString()

function flown(seconds: number[]): Flown {
  const each = <V>(value: V) => seconds.map(() => value)
  return {
    at: seconds.map(iso),
    longitude: each(117.97),
    // 10 m a second, northwards
    latitude: seconds.map((second) => 28.45 + (10 * second) / 111_195),
    altitude_amsl_m: seconds.map((second) => 68 + second),
    altitude_above_home_m: each(null),
    heading_deg: each(null),
    ground_speed_m_s: each(null),
    battery_fraction: seconds.map((second) => 1 - second / 100),
    link_quality: each(null),
    footprint: each(null),
  }
}

const phase = (second: number, name: string): LogEntry => ({ at: iso(second), level: 'info', code: 'phase', text: '', phase: name as never })
const seen = (second: number, more: Partial<Sighting> = {}) =>
  ({ id: `s${second}`, first_seen_at: iso(second), last_seen_at: iso(second + 2), ce90_m: second, ticket_id: null, ...more }) as Sighting
const ticket = (state: string) => ({ id: state, kind: 'fire', state, lat: 28.4512345678, lon: 117.97, cell: '361' }) as Ticket

function recorded(seconds = [0, 1, 2, 3, 4, 10, 11]) {
  const pictures = [2, 4, 6].map((second) => ({ at: iso(second), name: T + 1000 * second, boxes: [] }))
  const log = [phase(4, 'returning'), phase(-3, 'takeoff'), phase(0, 'flying')]
  const tickets = ['filed', 'closed', 'rejected', 'reported'].map(ticket)
  return recordingOf({ created_at: iso(-60) } as Flight, flown(seconds), pictures, [seen(9), seen(3)], tickets, log)
}

describe('a recorded flight', () => {
  it('spans all that is known of it', () => {
    const one = recorded()
    expect([one.start, one.end]).toEqual([T - 3000, T + 11_000])
    expect(one.sightings.map((other) => other.id)).toEqual(['s3', 's9'])
  })

  it('is found at an instant by halving', () => {
    expect([-1, 0, 5, 7, 99].map((at) => indexAt([0, 5, 7], at))).toEqual([-1, 0, 1, 2, 2])
    expect(indexAt([], 3)).toBe(-1)
  })

  it('stands between two reports, and at the last one while nothing is heard', () => {
    const one = recorded()
    const between = stateAt(one, T + 1500)!
    expect((between.lat - 28.45) * 111_195).toBeCloseTo(15, 3)
    expect(between.speed).toBeCloseTo(10, 1)
    expect(between.heading).toBeCloseTo(0, 3)
    expect(between.height).toBe(1)
    expect(between.phase).toBe('flying')
    const silent = stateAt(one, T + 8000)!
    expect((silent.lat - 28.45) * 111_195).toBeCloseTo(40, 3)
    expect(silent.phase).toBe('returning')
    expect(stateAt(one, T - 1)).toBeNull()
  })

  it('tells where nothing was heard, and its phases', () => {
    const one = recorded()
    expect(gapsOf(one.times)).toEqual([{ from: T + 4000, to: T + 10_000 }])
    expect(phasesOf(one).map(({ phase, from, to }) => [phase, (from - T) / 1000, (to - T) / 1000])).toEqual([
      ['takeoff', -3, 0],
      ['flying', 0, 4],
      ['returning', 4, 11],
    ])
  })

  it('shows no picture that is too old', () => {
    const one = recorded()
    expect([1, 2, 5, 12, 13].map((second) => pictureAt(one, T + 1000 * second))).toEqual([-1, 0, 1, 2, -1])
  })

  it('has figures, and a share of those that were checked', () => {
    const figures = figuresOf(recorded())
    expect(figures.flownM).toBeCloseTo(110, 0)
    expect([figures.seconds, figures.gaps, figures.gapSeconds]).toEqual([11, 1, 6])
    expect([figures.tickets, figures.right, figures.wrong]).toEqual([4, 1, 1])
    expect([figures.batteryFrom, figures.batteryTo]).toEqual([1, 0.89])
    expect(figures.medianCe90).toBe(9)
    expect(figuresOf(recordingOf({ created_at: iso(0) } as Flight, flown([]), [], [], [], [])).meanSpeed).toBeNull()
  })
})

describe('expectations', () => {
  it('are written from the tickets that stand', () => {
    expect(expectationOf(['filed', 'rejected', 'merged'].map(ticket))).toEqual({
      tolerance_m: 3,
      tickets: [{ kind: 'fire', lat: 28.4512346, lon: 117.97, cell: '361' }],
    })
  })

  it('show first what is wrong', () => {
    const pair = (number: string) => ({ number }) as never
    const result = { passed: false, tolerance_m: 3, matched: [pair('a')], misplaced: [pair('b')], missing: [pair('c')], extra: [pair('d')] }
    expect(rowsOf(result).map((row) => row.outcome)).toEqual(['missing', 'misplaced', 'extra', 'matched'])
  })
})
