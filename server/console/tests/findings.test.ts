import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import type { CellFinding } from '@/api/cells'
import { setLanguage } from '@/i18n'
import { en } from '@/i18n/en'
import { zhCN } from '@/i18n/zh-CN'
import { changeWords, findingWords, named, small } from '@/rooms/admin/findings'

const finding: CellFinding = {
  kind: 'slit', severity: 'error', codes: ['1', '2'], features: [0, 1], text: 'a slit', remedy: 'draw once',
  latitude: 28, longitude: 117, area_m2: 3.25, width_m: 0.5, repairable: true,
}

const kinds = (file: string, names: RegExp) =>
  [...readFileSync(`../../missions/${file}.py`, 'utf8').matchAll(names)].flatMap((line) =>
    [...line[1]!.matchAll(/"([a-z_]+)"/g)].map((name) => name[1]!),
  )

afterEach(() => setLanguage('zh-CN', false))

describe('findings about cells', () => {
  it('have words for every kind that the checks know', () => {
    const line = /^[A-Z_]+(?:, [A-Z_]+)* = ((?:"[a-z_]+"(?:, )?)+)$/gm
    const known = ['grid_codes', 'grid_drafts', 'grid_checks'].flatMap((file) => kinds(file, line))
    expect(known.length).toBe(24)
    for (const words of [zhCN, en]) expect(known.filter((kind) => !(kind in words.cellFindings))).toEqual([])
  })

  it('are told in the language, with numbers', () => {
    setLanguage('en', false)
    expect(findingWords(finding)).toBe('A slit between cells belongs to none (up to 0.50 m wide)')
    expect(findingWords({ ...finding, kind: 'new' })).toBe('a slit; draw once')
    expect(changeWords({ ...finding, kind: 'overlap', area_m2: 1 })).toBe('shared ground left to the smaller code')
    expect([small(3.25), small(1234), small(null)]).toEqual(['3.3 m²', '1234 m²', ''])
  })

  it('name cells by code, or by their place in the file', () => {
    expect(named(finding)).toBe('1、2')
    expect(named({ codes: [], features: [3] })).toBe('第 4 个要素')
    expect(named({ codes: ['1', '2', '3', '4', '5'], features: [] })).toBe('1、2、3 等，另 2 个')
  })
})
