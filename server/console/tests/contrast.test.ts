import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LOOKS } from '@/map/kinds'
import type { Theme } from '@/map/style'
import { COLOURS, MOODS } from '@/rooms/overview/board'

const css = readFileSync('src/styles/tokens.css', 'utf8')

function theme(name: string): Record<string, string> {
  const block = css.match(new RegExp(`\\[data-theme='${name}'\\] \\{([^}]*)\\}`))![1]!
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1]!, match[2]!]))
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light! + 0.05) / (dark! + 0.05)
}

const GROUNDS = ['bg', 'surface', 'surface-2', 'surface-3']
const PAIRS: [string, string][] = [
  ...['text', 'text-2'].flatMap((ink) => GROUNDS.map((ground) => [ink, ground] as [string, string])),
  ...['text-3', 'accent', 'danger', 'warn', 'info'].flatMap((ink) =>
    ['bg', 'surface', 'surface-2'].map((ground) => [ink, ground] as [string, string]),
  ),
  ['on-accent', 'accent'],
  ['on-danger', 'danger'],
  ['accent', 'accent-soft'],
  ['info', 'info-soft'],
  ['warn', 'warn-soft'],
  ['danger', 'danger-soft'],
  ['text', 'accent-soft'],
  ['text', 'danger-soft'],
  ['text', 'warn-soft'],
  // What is chosen in a list lies on these.
  ...['text-2', 'text-3', 'warn', 'danger', 'info'].map((ink) => [ink, 'accent-soft'] as [string, string]),
  ...['text-3', 'accent', 'warn', 'danger', 'info'].map((ink) => [ink, 'surface-3'] as [string, string]),
]

describe.each(['dark', 'light'])('the %s theme', (name) => {
  const colours = theme(name)
  it.each(PAIRS)('%s on %s has at least 4.5 : 1', (ink, ground) => {
    expect(contrast(colours[ink]!, colours[ground]!)).toBeGreaterThanOrEqual(4.5)
  })

  it.each(['bg', 'surface', 'surface-2'])('borders of fields and buttons on %s have at least 3 : 1', (ground) => {
    expect(contrast(colours['line-strong']!, colours[ground]!)).toBeGreaterThanOrEqual(3)
  })

  it.each(MOODS)('the board\'s %s stands out from the panel', (mood) => {
    expect(contrast(COLOURS[name as Theme][mood], colours.surface!)).toBeGreaterThanOrEqual(3)
  })
})

describe('markers', () => {
  it.each(Object.entries(LOOKS))('%s stands out on the dark map and its ink on white', (_, look) => {
    expect(contrast(look.colour, '#111a24')).toBeGreaterThanOrEqual(4.5)
    expect(contrast(look.ink, '#ffffff')).toBeGreaterThanOrEqual(4.5)
  })

  it('have a shape each', () => {
    const shapes = Object.values(LOOKS).map((look) => look.shape)
    expect(new Set(shapes).size).toBe(shapes.length)
  })
})
