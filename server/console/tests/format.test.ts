import { describe, expect, it } from 'vitest'
import { decimal, dms } from '@/format/coordinates'
import { age, area, clock, heading, measured, metres, percent } from '@/format/quantities'
import { dayAndTime, fullTime, shortTime } from '@/format/time'
import { language } from '@/i18n'
import { reasonsIn, whyWords } from '@/rooms/reasons'

describe('coordinates', () => {
  it('are written in decimal degrees', () => {
    expect(decimal(28.45, 117.97)).toBe('28.450000, 117.970000')
    expect(decimal(-33.8688197, -70.6)).toBe('-33.868820, -70.600000')
  })

  it('are written in degrees, minutes and seconds', () => {
    expect(dms(28.45, 117.97)).toBe('28°27′00.0″N 117°58′12.0″E')
    expect(dms(-0.5, -70.25)).toBe('0°30′00.0″S 70°15′00.0″W')
  })

  it('carry seconds that round up into the minute and the degree', () => {
    expect(dms(27.999999, 10)).toBe('28°00′00.0″N 10°00′00.0″E')
  })
})

describe('quantities', () => {
  it('show metres up to ten kilometres', () => {
    expect(metres(3105.4)).toBe('3105 m')
    expect(metres(12_345)).toBe('12.3 km')
    expect(metres(3.16, 1)).toBe('3.2 m')
    expect(metres(null)).toBe('–')
  })

  it('show areas in fitting units', () => {
    expect([area(950), area(40_000), area(2_500_000)]).toEqual(['950 m²', '4.0 ha', '2.50 km²'])
  })

  it('show shares', () => {
    expect([percent(0.731), percent(0.0012, 2), percent(undefined)]).toEqual(['73%', '0.12%', '–'])
  })

  it('show durations', () => {
    expect([clock(0), clock(531), clock(3725), clock(-4), clock(null)]).toEqual(['00:00', '08:51', '1:02:05', '00:00', '–'])
  })

  it('show ages coarser as they grow', () => {
    expect([age(0.42), age(9.97), age(65), age(600), age(9000)]).toEqual(['0.4 s', '10 s', '65 s', '10 min', '3 h'])
  })

  it('leave needless digits away', () => {
    expect([measured(12), measured(3.14159), measured(0.256), measured(812.6)]).toEqual(['12', '3.1', '0.26', '813'])
  })

  it('name the heading, also at the turn of north', () => {
    expect([heading(331, 'zh-CN'), heading(359.7, 'en'), heading(-45, 'en')]).toEqual(['331° 西北', '000° N', '315° NW'])
  })
})

describe('times', () => {
  it('name the date only when it is another day', () => {
    const now = new Date(2026, 4, 1, 14, 0)
    expect(shortTime(new Date(2026, 4, 1, 9, 5).toISOString(), now)).toBe('09:05')
    expect(shortTime(new Date(2026, 3, 30, 9, 5).toISOString(), now)).toBe('04-30 09:05')
    expect(shortTime(new Date(2025, 3, 30, 9, 5).toISOString(), now)).toBe('2025-04-30 09:05')
  })

  it('name the zone in full', () => {
    expect(fullTime('2026-05-01T06:03:27Z')).toMatch(/^2026-0[45]-\d\d \d\d:\d\d:27 UTC[+−]\d\d:\d\d$/)
  })
})

describe("the server's line of reasons", () => {
  it('is read back, so that it can be said in the language of the reader', () => {
    expect(reasonsIn('people_count 14 (threshold 8); member_speed 0.21 m/s (threshold 0.5 m/s)')).toEqual([
      { term: 'people_count', value: 14, unit: '', threshold: 8, fulfilled: true, text: '' },
      { term: 'member_speed', value: 0.21, unit: 'm/s', threshold: 0.5, fulfilled: true, text: '' },
    ])
    language.value = 'en'
    expect(whyWords(undefined, 'people_count 14 (threshold 8)')).toBe('People 14 (≥ 8)')
    language.value = 'zh-CN'
  })

  it('stays as it is where it says something else', () => {
    expect(reasonsIn('seen for 4 s')).toEqual([])
    expect(whyWords([], 'seen for 4 s')).toBe('seen for 4 s')
  })
})

describe('the time of an alert', () => {
  it('has its day before it when it is not of today', () => {
    const now = new Date(2026, 4, 2, 9, 0)
    expect(dayAndTime(new Date(2026, 4, 2, 8, 5, 9).toISOString(), now)).toBe('08:05:09')
    expect(dayAndTime(new Date(2026, 4, 1, 23, 5, 9).toISOString(), now)).toBe('05-01 23:05')
  })
})
