// The board: what a cell is like now, told by colour and by words.
import type { FeatureCollection } from 'geojson'
import type { Cells, Priority, TicketPlace } from '@/api/types'
import { collection, feature } from '@/map/geometry'
import type { Theme } from '@/map/style'

/** Calm: nothing open; working: all acknowledged; fresh: something new; urgent: something new of a high priority. */
export const MOODS = ['urgent', 'fresh', 'working', 'calm'] as const
export type Mood = (typeof MOODS)[number]
export const MARKS: Record<Mood, string> = { urgent: '▲', fresh: '◆', working: '●', calm: '○' }

/** Apart for colour-blind eyes too: by lightness, and never without the mark. */
export const COLOURS: Record<Theme, Record<Mood, string>> = {
  light: { urgent: '#c22d20', fresh: '#a86f00', working: '#1260b2', calm: '#5b6b7a' },
  dark: { urgent: '#ff7466', fresh: '#ffbd4a', working: '#3f8fe0', calm: '#5d7185' },
}
const OPACITY: Record<Mood, number> = { urgent: 0.5, fresh: 0.45, working: 0.32, calm: 0.1 }

export interface CellState {
  mood: Mood
  open: number
  fresh: number
}

const HIGH: ReadonlySet<Priority> = new Set(['urgent', 'high'])

/** The state of every cell that has something open. */
export function cellStates(open: Iterable<TicketPlace>, priorityOf: (kind: string) => Priority): Map<string, CellState> {
  const states = new Map<string, CellState>()
  for (const ticket of open) {
    if (!ticket.cell) continue
    const state = states.get(ticket.cell) ?? { mood: 'working', open: 0, fresh: 0 }
    state.open++
    if (!ticket.acknowledged) {
      state.fresh++
      if (HIGH.has(priorityOf(ticket.kind))) state.mood = 'urgent'
      else if (state.mood === 'working') state.mood = 'fresh'
    }
    states.set(ticket.cell, state)
  }
  return states
}

export function boardFeatures(cells: Cells, states: ReadonlyMap<string, CellState>, theme: Theme): FeatureCollection {
  return collection(
    cells.features.map((one) => {
      const mood = states.get(one.properties.code)?.mood ?? 'calm'
      return feature(one.geometry, { code: one.properties.code, colour: COLOURS[theme][mood], opacity: OPACITY[mood] })
    }),
  )
}
