// Expectations of a flight: the file that testers keep, and the rows of a comparison.
import type { Compared, ComparedPair, Expectation, Ticket } from '@/api/types'

export const OUTCOMES = ['missing', 'misplaced', 'extra', 'matched'] as const
export type Outcome = (typeof OUTCOMES)[number]

const TOLERANCE_M = 3
const GONE: ReadonlySet<string> = new Set(['rejected', 'merged'])

/** What is wrong comes first. */
export function rowsOf(result: Compared): { outcome: Outcome; pair: ComparedPair }[] {
  return OUTCOMES.flatMap((outcome) => result[outcome].map((pair) => ({ outcome, pair })))
}

/** The tickets that stand, written as the file of expected tickets. */
export function expectationOf(tickets: readonly Ticket[]): Expectation {
  const round = (value: number) => Number(value.toFixed(7))
  return {
    tolerance_m: TOLERANCE_M,
    tickets: tickets
      .filter((one) => !GONE.has(one.state))
      .map((one) => ({ kind: one.kind, lat: round(one.lat), lon: round(one.lon), ...(one.cell ? { cell: one.cell } : {}) })),
  }
}
