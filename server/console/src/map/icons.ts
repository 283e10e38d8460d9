// Pictures that the map needs, drawn on a canvas: no sprite files, no glyph server.
import type { Map as MapLibre } from 'maplibre-gl'
import { GLYPHS, KINDS, LOOKS, OUTLINES, type Shape } from './kinds'

const RATIO = 2

type Draw = (context: CanvasRenderingContext2D) => void

function picture(size: number, draw: Draw): ImageData {
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = size * RATIO
  const context = canvas.getContext('2d')!
  context.scale(RATIO, RATIO)
  draw(context)
  return context.getImageData(0, 0, canvas.width, canvas.height)
}

function trace(context: CanvasRenderingContext2D, shape: Shape): void {
  context.beginPath()
  if (shape === 'circle') {
    context.arc(12, 12, 10.5, 0, 2 * Math.PI)
  } else {
    for (const [x, y] of OUTLINES[shape]) context.lineTo(x, y)
  }
  context.closePath()
}

function marker(kind: keyof typeof LOOKS, fresh: boolean): Draw {
  const { colour, shape } = LOOKS[kind]
  return (context) => {
    context.translate(4, 4)
    context.lineJoin = 'round'
    trace(context, shape)
    context.lineWidth = fresh ? 6 : 4
    context.strokeStyle = fresh ? '#ffffff' : '#0b1118'
    context.stroke()
    if (fresh) {
      context.lineWidth = 2.5
      context.strokeStyle = '#0b1118'
      context.stroke()
    }
    context.fillStyle = colour
    context.fill()
    context.fillStyle = '#10161d'
    context.fill(new Path2D(GLYPHS[kind]), 'evenodd')
  }
}

function aircraft(colour: string): Draw {
  return (context) => {
    context.translate(22, 22)
    context.beginPath()
    for (const [x, y] of [[0, -17], [13, 14], [0, 7.5], [-13, 14]] as const) context.lineTo(x, y)
    context.closePath()
    context.lineJoin = 'round'
    context.lineWidth = 7
    context.strokeStyle = '#05090d'
    context.stroke()
    context.lineWidth = 3
    context.strokeStyle = '#ffffff'
    context.stroke()
    context.fillStyle = colour
    context.fill()
  }
}

function home(context: CanvasRenderingContext2D): void {
  context.beginPath()
  context.arc(13, 13, 10, 0, 2 * Math.PI)
  context.fillStyle = '#0b1118'
  context.fill()
  context.lineWidth = 2
  context.strokeStyle = '#ffffff'
  context.stroke()
  context.fillStyle = '#ffffff'
  context.font = '700 13px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillText('H', 13, 13.5)
}

/** Hatching of a no-fly zone. */
function hatch(context: CanvasRenderingContext2D): void {
  context.strokeStyle = 'rgba(255, 116, 102, 0.55)'
  context.lineWidth = 2
  for (const offset of [-16, 0, 16]) {
    context.beginPath()
    context.moveTo(offset - 2, 18)
    context.lineTo(offset + 18, -2)
    context.stroke()
  }
}

export function addIcons(map: MapLibre): void {
  const add = (name: string, size: number, draw: Draw) => {
    if (!map.hasImage(name)) map.addImage(name, picture(size, draw), { pixelRatio: RATIO })
  }
  for (const kind of KINDS) {
    add(`ticket-${kind}`, 32, marker(kind, false))
    add(`ticket-${kind}-fresh`, 32, marker(kind, true))
  }
  add('aircraft', 44, aircraft('#2fd6c3'))
  add('aircraft-stale', 44, aircraft('#8a97a5'))
  add('home', 26, home)
  add('hatch', 16, hatch)
}
