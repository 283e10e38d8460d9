// Reasons in the reader's language: the term from the catalogue, the numbers as measured.
import type { Reason, Words } from '@/api/types'
import { measured } from '@/format/quantities'
import { language, said, word } from '@/i18n'

export function termWords(reason: Pick<Reason, 'term'>): string {
  return word('terms', reason.term, reason.term.replaceAll('_', ' '))
}

export function valueWords(value: number, unit: string): string {
  if (unit === '%') return `${measured(value)}%`
  return unit && unit !== '1' ? `${measured(value)} ${word('units', unit, unit)}` : measured(value)
}

const TOLD = /^(\w+) (-?[\d.e+-]+)(?: (\S+))? \(threshold (-?[\d.e+-]+)(?: \S+)?\)$/

/** The reasons in the server's own line, "people_count 14 (threshold 8); ..."; none where it says something else. */
export function reasonsIn(why: string): Reason[] {
  const found = why.split('; ').map((part) => TOLD.exec(part))
  if (found.some((match) => !match)) return []
  return found.map((match) => {
    const [, term = '', value, unit = '', threshold] = match!
    return { term, value: Number(value), unit, threshold: Number(threshold), fulfilled: true, text: '' }
  })
}

/** "人数 6（阈值 5）": the fulfilled terms in one line; the server's own line when no reasons are at hand. */
export function whyWords(reasons: Reason[] | undefined, why: string | Words | null, most = 3): string {
  const known = reasons?.length ? reasons : reasonsIn(typeof why === 'string' ? why : '')
  const told = known.filter((reason) => reason.fulfilled)
  if (!told.length) return said(why)
  const [open, close] = language.value === 'en' ? [' (≥ ', ')'] : ['（≥ ', '）']
  return told
    .slice(0, most)
    .map((reason) => {
      const limit = reason.value >= reason.threshold ? open : open.replace('≥', '≤')
      return `${termWords(reason)} ${valueWords(reason.value, reason.unit)}${limit}${measured(reason.threshold)}${close}`
    })
    .join(language.value === 'en' ? '; ' : '；')
}
