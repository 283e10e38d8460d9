import { describe, expect, it } from 'vitest'
import type { Priority, TicketPlace } from '@/api/types'
import { boardFeatures, cellStates, COLOURS, MOODS } from '@/rooms/overview/board'

const place = (cell: string | null, kind: string, acknowledged: boolean) => ({ id: `${cell}${kind}`, cell, kind, acknowledged, state: 'reported' }) as TicketPlace
const priority = (kind: string): Priority => (kind === 'fire' ? 'urgent' : 'normal')

describe('the board', () => {
  const states = cellStates(
    [
      place('a', 'illegal_parking', true),
      place('b', 'illegal_parking', false),
      place('b', 'fire', true),
      place('c', 'fire', false),
      place('c', 'illegal_parking', false),
      place(null, 'fire', false),
    ],
    priority,
  )

  it('tells calm, work, news and urgent news apart', () => {
    expect([...states].map(([cell, state]) => [cell, state.mood, state.open, state.fresh])).toEqual([
      ['a', 'working', 1, 0],
      ['b', 'fresh', 2, 1],
      ['c', 'urgent', 2, 2],
    ])
  })

  it('colours every cell', () => {
    const cells = { type: 'FeatureCollection', features: ['a', 'd'].map((code) => ({ type: 'Feature', geometry: null, properties: { code } })) } as never
    const colours = boardFeatures(cells, states, 'light').features.map((one) => one.properties?.colour)
    expect(colours).toEqual([COLOURS.light.working, COLOURS.light.calm])
  })

  it('has a colour of its own for each state', () => {
    for (const theme of ['light', 'dark'] as const) expect(new Set(MOODS.map((mood) => COLOURS[theme][mood])).size).toBe(MOODS.length)
  })
})
