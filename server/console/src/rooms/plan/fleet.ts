// Several aircraft of one plan: which there are, and when each takes off.
import type { PatrolPlan } from '@/api/types'

/** Numbers of the plan's aircraft, from 0. */
export function aircraftOf(plan: PatrolPlan): number[] {
  return [...new Set(plan.sorties.map((one) => one.aircraft))].sort((a, b) => a - b)
}

/** Seconds from the common launch moment to the first take-off of an aircraft. */
export function delayOf(plan: PatrolPlan, aircraft: number): number {
  return plan.sorties.find((one) => one.aircraft === aircraft)?.start_s ?? 0
}
