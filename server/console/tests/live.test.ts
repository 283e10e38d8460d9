import { beforeEach, describe, expect, it } from 'vitest'
import { backoff, splitPicture } from '@/api/sockets'
import { ageOf, isOtherClock, noteServerTime, resetServerTime } from '@/stores/clock'

const T = Date.parse('2026-05-01T12:00:00Z')
const iso = (ms: number) => new Date(ms).toISOString()

describe('age of live things', () => {
  beforeEach(() => resetServerTime())

  it('counts from the capture, not from the arrival', () => {
    noteServerTime(iso(T), T)
    expect(ageOf(iso(T - 2500), T, T + 500)).toBeCloseTo(3)
  })

  it('is not fooled by a desk clock that is minutes off', () => {
    noteServerTime(iso(T), T + 300_000)
    expect(ageOf(iso(T - 1000), T + 300_000, T + 300_000)).toBeCloseTo(1)
  })

  it('counts from the arrival when another clock made the picture', () => {
    noteServerTime(iso(T), T)
    const simulated = iso(T - 200 * 86_400_000)
    expect(isOtherClock(simulated, T)).toBe(true)
    expect(ageOf(simulated, T, T + 1500)).toBeCloseTo(1.5)
  })

  it('never counts less than since the arrival', () => {
    noteServerTime(iso(T), T)
    expect(ageOf(iso(T + 5000), T, T + 4000)).toBeCloseTo(4)
  })
})

describe('pictures', () => {
  function packed(header: string, jpeg: number[]): ArrayBuffer {
    const text = new TextEncoder().encode(header)
    const data = new Uint8Array(4 + text.length + jpeg.length)
    new DataView(data.buffer).setUint32(0, text.length)
    data.set(text, 4)
    data.set(jpeg, 4 + text.length)
    return data.buffer
  }

  it('come apart into header and JPEG', () => {
    const parts = splitPicture(packed('{"agent":"a","boxes":[]}', [255, 216, 255]))
    expect(parts?.header).toEqual({ agent: 'a', boxes: [] })
    expect([...parts!.jpeg]).toEqual([255, 216, 255])
  })

  it('are dropped when cut short or garbled', () => {
    expect(splitPicture(new ArrayBuffer(3))).toBeNull()
    expect(splitPicture(packed('{"agent":"a"}', []))).toBeNull()
    expect(splitPicture(packed('not json', [1]))).toBeNull()
  })
})

describe('reconnection', () => {
  it('waits longer each time, up to a limit, never nothing', () => {
    expect([0, 1, 2, 3].map((attempt) => backoff(attempt, 1))).toEqual([500, 1000, 2000, 4000])
    expect(backoff(30, 1)).toBe(15_000)
    expect(backoff(0, 0)).toBe(250)
  })
})
