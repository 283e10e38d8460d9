import { beforeEach, describe, expect, it } from 'vitest'
import type { SeenLevel, SeenPart, SeenPatrol } from '@/api/types'
import { language } from '@/i18n'
import { patrolParts, patrolStandard, standard, standardHint } from '@/rooms/coverage/words'

const USUAL: SeenLevel = { hours: 24, fineness_cm: 12, share: 0.95, algorithm: null }
const SCHOOL: SeenLevel = { hours: 8, fineness_cm: 5, share: 0.995, algorithm: 'crowds' }

function part(code: string | null, level: SeenLevel, fulfilled: boolean): SeenPart {
  return { code, name: '学堂网格', name_en: 'School', level, share: 0.9, fulfilled }
}

function patrol(parts: SeenPart[]): SeenPatrol {
  return {
    flight_id: 'f', name: 'p', first_at: '', last_at: '', parts, ground_m2: 1, ever_m2: 1, recent_m2: 1, served_m2: 1,
    share: 1, wanted_share: 0.9612, fulfilled: true, last_seen_at: null, fineness_cm: null, dwell_s: null,
  }
}

describe('service levels in words', () => {
  beforeEach(() => {
    language.value = 'en'
  })

  it('are short', () => {
    expect(standard(USUAL)).toBe('24 h · 12 cm · 95%')
    expect(standard(SCHOOL)).toBe('8 h · 5 cm · 99.5% · Crowd and dispute rules')
    language.value = 'zh-CN'
    expect(standard(USUAL)).toBe('24 小时 · 12 cm · 95%')
  })

  it('are a sentence on request', () => {
    expect(standardHint(USUAL)).toBe('Promised: seen within 24 h, at 12 cm a pixel or better, 95% of the ground')
  })

  it('are one for a patrol whose cells have the same', () => {
    expect(patrolStandard(patrol([part('1', USUAL, true), part('2', { ...USUAL }, true)]))).toBe(standard(USUAL))
    expect(patrolStandard(patrol([]))).toBe('')
  })

  it('are counted where the cells of a patrol differ, and told part by part', () => {
    const mixed = patrol([part('1', SCHOOL, false), part(null, USUAL, true)])
    expect(patrolStandard(mixed)).toBe('2 standards · 96.1% in all')
    expect(patrolParts(mixed).split('\n')).toEqual([
      `! School 90.0% (${standard(SCHOOL)})`,
      `✓ Outside the cells 90.0% (${standard(USUAL)})`,
    ])
  })
})
