// Bookings in words: which of them still need something, how long is left, and what limits mean.
import type { Booking } from '@/api/bookings'
import { age } from '@/format/quantities'
import { t } from '@/i18n'

const OVER: ReadonlySet<string> = new Set(['fulfilled', 'overdue', 'cancelled'])

export const isOver = (one: Booking): boolean => OVER.has(one.state) || one.overdue

/** Time until the deadline, or since it passed. */
export function timeLeft(one: Booking, now: number): string {
  const seconds = (Date.parse(one.deadline_at) - now) / 1000
  return seconds >= 0 ? t('bookings.left', { age: age(seconds) }) : t('bookings.passed', { age: age(-seconds) })
}

/** Camera pitch that a department may ask for, in degrees. */
export const VIEWS = {
  any: [-90, -45],
  down: [-90, -75],
  oblique: [-60, -30],
} as const
export type ViewName = keyof typeof VIEWS

export function viewOf(one: { steepest_deg: number; flattest_deg: number }): string {
  const known = (Object.keys(VIEWS) as ViewName[]).find(
    (name) => VIEWS[name][0] === one.steepest_deg && VIEWS[name][1] === one.flattest_deg,
  )
  return known ? t(`bookings.views.${known}`) : `${one.steepest_deg}° … ${one.flattest_deg}°`
}

/** A moment as <input type="datetime-local"> wants it. */
export function localInput(moment: Date): string {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000)
  return shifted.toISOString().slice(0, 16)
}
