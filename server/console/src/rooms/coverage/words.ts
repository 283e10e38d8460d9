import type { SeenLevel, SeenPatrol } from '@/api/types'
import { percent } from '@/format/quantities'
import { catalogue, language, t } from '@/i18n'

/** An algorithm's name for people; one that the catalogue does not know keeps its own. */
export function algorithmName(name: string): string {
  const names: Record<string, string> = catalogue.value.coverage.algorithms
  return names[name] ?? name
}

/** A share with one digit where it is no whole percentage. */
export function wholePercent(share: number): string {
  return percent(share, Math.abs(share * 100 - Math.round(share * 100)) > 0.05 ? 1 : 0)
}

const told = (level: SeenLevel) => ({ hours: level.hours, fineness: level.fineness_cm, share: wholePercent(level.share) })
const by = (level: SeenLevel) => (level.algorithm ? ` · ${algorithmName(level.algorithm)}` : '')

/** A service level in short: 8 h · 5 cm · 95%. */
export function standard(level: SeenLevel): string {
  return t('coverage.standard', told(level)) + by(level)
}

/** A service level as a sentence. */
export function standardHint(level: SeenLevel): string {
  return t('coverage.standardHint', told(level)) + by(level)
}

/** What a patrol is judged by: the one level of all its parts, or how many there are. */
export function patrolStandard(patrol: SeenPatrol): string {
  const different = new Set(patrol.parts.map((part) => standard(part.level)))
  if (different.size === 1) return [...different].join()
  return different.size ? t('coverage.standards', { n: different.size, share: wholePercent(patrol.wanted_share) }) : ''
}

/** The parts of a patrol, one to a line: cell, share, and the level it is judged by. */
export function patrolParts(patrol: SeenPatrol): string {
  return patrol.parts
    .map((part) => {
      const name = part.code === null ? t('coverage.outside') : (language.value === 'en' && part.name_en) || part.name
      return `${part.fulfilled ? '✓' : '!'} ${name} ${percent(part.share, 1)} (${standard(part.level)})`
    })
    .join('\n')
}
