// What the server finds wrong with cells, in words of the catalogue.
import type { CellChange, CellFinding } from '@/api/cells'
import { area, number } from '@/format/quantities'
import { fill, t, word } from '@/i18n'

const MOST_NAMED = 3

/** Codes of the cells, or places in the file of those without; a few of many. */
export function named(one: { codes: string[]; features: number[] }): string {
  const names = one.codes.length ? one.codes : one.features.map((index) => t('cellCheck.feature', { n: index + 1 }))
  const shown = names.slice(0, MOST_NAMED).join(t('cellCheck.comma'))
  return names.length > MOST_NAMED ? t('cellCheck.more', { names: shown, n: names.length - MOST_NAMED }) : shown
}

export function small(squareMetres: number | null): string {
  if (squareMetres === null) return ''
  return squareMetres < 10 ? `${number(squareMetres, 1)} m²` : area(squareMetres)
}

/** The sentence for a kind; the server's own where the catalogue has none. */
export function findingWords(finding: CellFinding): string {
  const sentence = word('cellFindings', finding.kind, '')
  return sentence ? fill(sentence, { width: number(finding.width_m, 2) }) : `${finding.text}; ${finding.remedy}`
}

export function changeWords(change: CellChange): string {
  return word('cellChanges', change.kind, change.text)
}
