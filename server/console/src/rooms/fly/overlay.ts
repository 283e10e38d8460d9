// Boxes and names on the live picture. Ordinary things thin and quiet, alerts thick and named.
import type { FrameHeader, OverlayBox } from '@/api/types'
import { percent } from '@/format/quantities'
import { word } from '@/i18n'
import { lookOf } from '@/map/kinds'

/** With more boxes than this, only alerts are named. */
const NAMED_BOXES = 14
const QUIET = '#d5f3ef'
const FONT = 'system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif'

export function drawFrame(canvas: HTMLCanvasElement, picture: ImageBitmap, header: FrameHeader): void {
  const ratio = window.devicePixelRatio || 1
  const width = canvas.clientWidth || 1
  const height = canvas.clientHeight || 1
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  const context = canvas.getContext('2d')!
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  const scale = Math.min(width / picture.width, height / picture.height)
  const [w, h] = [picture.width * scale, picture.height * scale]
  const [x, y] = [(width - w) / 2, (height - h) / 2]
  context.drawImage(picture, x, y, w, h)
  context.translate(x, y)
  const ordinary = header.boxes.filter((box) => !box.alert)
  const alerts = header.boxes.filter((box) => box.alert)
  const named = ordinary.length <= NAMED_BOXES
  for (const box of ordinary) drawBox(context, box, w, h, named)
  for (const box of alerts) drawBox(context, box, w, h, true)
}

function drawBox(context: CanvasRenderingContext2D, box: OverlayBox, w: number, h: number, named: boolean): void {
  const [left, top, right, bottom] = [box.box[0] * w, box.box[1] * h, box.box[2] * w, box.box[3] * h]
  const colour = box.alert ? lookOf(box.alert).colour : QUIET
  context.lineWidth = box.alert ? 4.5 : 2.6
  context.strokeStyle = 'rgba(4, 9, 13, 0.55)'
  context.strokeRect(left, top, right - left, bottom - top)
  context.lineWidth = box.alert ? 2.4 : 1.1
  context.strokeStyle = colour
  context.strokeRect(left, top, right - left, bottom - top)
  if (!named) return
  const name = box.alert ? word('kinds', box.alert) : word('classes', box.name)
  const text = `${name} ${percent(box.score)}`
  const size = box.alert ? 13 : 10.5
  context.font = `${box.alert ? 700 : 500} ${size}px ${FONT}`
  const room = context.measureText(text).width + 8
  const at = Math.min(Math.max(0, left), Math.max(0, w - room))
  const above = top - size - 7 >= 0
  const base = above ? top - size - 7 : Math.min(bottom + 1, h - size - 7)
  context.fillStyle = box.alert ? colour : 'rgba(4, 9, 13, 0.66)'
  context.fillRect(at, base, room, size + 6)
  context.fillStyle = box.alert ? '#10161d' : '#e9f7f5'
  context.textBaseline = 'middle'
  context.fillText(text, at + 4, base + (size + 6) / 2 + 0.5)
}
