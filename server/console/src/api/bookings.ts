// Bookings of departments, how they merge into flights, and what became of them.
import { call, query } from './client'
import type { KindName, Phase, StoredPlan, Ticket } from './types'

export type BookingState = 'open' | 'planned' | 'flying' | 'partly' | 'fulfilled' | 'overdue' | 'cancelled'

export interface BookedCell {
  code: string
  name: string
  name_en: string
  share: number
  served: boolean
}

export interface BookingFlight {
  plan_id: string
  cells: string[]
  flight_id: string | null
  phase: Phase | null
}

export interface BookingRequest {
  department: string | null
  cells: string[]
  kinds: KindName[]
  opens_at: string | null
  deadline_at: string
  fineness_cm: number
  lowest_m: number
  highest_m: number
  steepest_deg: number
  flattest_deg: number
  urgent: boolean
  note: string
}

export interface Booking extends Omit<BookingRequest, 'cells'> {
  id: string
  code: string
  department: string
  opens_at: string
  cells: BookedCell[]
  state: BookingState
  share: number
  overdue: boolean
  created_at: string
  created_by: string
  fulfilled_at: string | null
  cancelled_at: string | null
  cancelled_by: string | null
  cancel_reason: string
  flights: BookingFlight[]
  tickets: number
}

export interface Bookings {
  items: Booking[]
  department: string | null
  departments: string[]
  may_preempt: boolean
  at: string
}

export interface MergedFlight {
  key: string
  cells: string[]
  bookings: string[]
  departments: string[]
  kinds: KindName[]
  altitude_agl_m: number
  pitch_deg: number
  minutes: number
  starts_at: string
  deadline_at: string
  urgent: boolean
  plan_id: string | null
}

export interface MergeProblem {
  code: 'height' | 'setting' | 'missed' | 'displaced'
  bookings: string[]
  cell: string
  cell_name: string
  text: string
}

export interface Merge {
  at: string
  camera: string
  aircraft: number
  bookings: number
  minutes: number
  minutes_alone: number
  flights: MergedFlight[]
  shares: { department: string; minutes: number; share: number }[]
  problems: MergeProblem[]
}

export const bookings = () => call<Bookings>('GET', '/bookings')
export const book = (request: BookingRequest) => call<Booking>('POST', '/bookings', request)
export const cancelBooking = (id: string, reason: string) => call<Booking>('POST', `/bookings/${id}/cancel`, { reason })
/** The department's results. */
export const results = (id: string) => call<{ items: Ticket[] }>('GET', `/bookings/${id}/results`).then((answer) => answer.items)
export const merge = (camera: string, aircraft: number) => call<Merge>('GET', `/bookings/merge${query({ camera, aircraft })}`)
export const planMerged = (key: string, camera: string, aircraft: number, agent: string | null) =>
  call<StoredPlan>('POST', '/bookings/plans', { key, camera, aircraft, agent })
