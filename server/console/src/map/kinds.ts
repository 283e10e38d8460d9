// How the kinds look: a colour and a shape each, so that neither is needed alone.
import type { KindName } from '@/api/types'

export type Shape = 'triangle' | 'hexagon' | 'square' | 'circle' | 'diamond'

export interface Look {
  colour: string
  /** The same on white, dark enough for text. */
  ink: string
  shape: Shape
}

export const LOOKS: Record<KindName, Look> = {
  fire: { colour: '#ff6a55', ink: '#b92c1c', shape: 'triangle' },
  smoke: { colour: '#c9d3dc', ink: '#55626f', shape: 'hexagon' },
  illegal_parking: { colour: '#6cb1ff', ink: '#1260b2', shape: 'square' },
  gathering: { colour: '#c3a3ff', ink: '#6a3fbf', shape: 'circle' },
  dispute: { colour: '#ff8fd0', ink: '#a81f75', shape: 'diamond' },
}

export const KINDS = Object.keys(LOOKS) as KindName[]

export function lookOf(kind: string): Look {
  return LOOKS[kind as KindName] ?? { colour: '#c9d3dc', ink: '#55626f', shape: 'circle' }
}

/** Corners of a shape in a box of 24 x 24, for SVG and canvas alike. */
export const OUTLINES: Record<Exclude<Shape, 'circle'>, [number, number][]> = {
  triangle: [[12, 1.5], [23, 21.5], [1, 21.5]],
  hexagon: [[12, 1], [22, 6.5], [22, 17.5], [12, 23], [2, 17.5], [2, 6.5]],
  square: [[2.5, 2.5], [21.5, 2.5], [21.5, 21.5], [2.5, 21.5]],
  diamond: [[12, 0.5], [23.5, 12], [12, 23.5], [0.5, 12]],
}

/** What stands in the shape, drawn on a 24 x 24 box in one dark colour. */
export const GLYPHS: Record<KindName, string> = {
  fire: 'M12.2 7.2c.5 2.2 3.4 3.8 3.4 7a3.6 3.6 0 0 1-7.2 0c0-1.5.7-2.5 1.5-3.3.2.9.6 1.3 1.1 1.6-.1-2.1.2-3.9 1.2-5.3Z',
  smoke: 'M7.6 16.4a2.6 2.6 0 0 1-.2-5.2 3.6 3.6 0 0 1 6.8-1.5 3.4 3.4 0 1 1 1.2 6.7Z',
  illegal_parking: 'M8.6 18V6.2h4.6a3.7 3.7 0 0 1 0 7.4h-2.1V18Zm2.5-6.5h1.9a1.5 1.5 0 0 0 0-3.1h-1.9Z',
  gathering:
    'M12 6.2a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4ZM6.9 8.4a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6Zm10.2 0a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6ZM8.2 17.6v-2.4c0-2 1.6-3.5 3.8-3.5s3.8 1.5 3.8 3.5v2.4Zm-4.3-.9v-1.4c0-1.4 1.2-2.4 3-2.4.3 0 .6 0 .9.1-.5.7-.8 1.5-.8 2.4v1.3Zm13.1 0v-1.3c0-.9-.3-1.7-.8-2.4.3-.1.6-.1.9-.1 1.8 0 3 1 3 2.4v1.4Z',
  dispute: 'M10.8 5.6h2.4l-.4 8h-1.6Zm1.2 9.4a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3Z',
}
