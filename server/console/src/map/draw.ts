// Drawing one polygon: click the corners, double click or Enter closes, Esc cancels, Backspace takes one back.
import type { MapMouseEvent } from 'maplibre-gl'
import type { Feature, Position } from 'geojson'
import { ref, shallowRef } from 'vue'
import { collection, feature, selfCrossing } from './geometry'
import type { TownMap } from './town'

const CLOSE_PX = 12

export class PolygonDraw {
  readonly drawing = ref(false)
  readonly crossing = ref(false)
  /** Corners of the closed polygon, WGS-84, not repeated at the end; empty when there is none. */
  readonly ring = shallowRef<Position[]>([])
  private corners: Position[] = []
  private cursor: Position | null = null

  constructor(private readonly town: TownMap) {
    town.map.on('click', this.onClick)
    town.map.on('dblclick', this.onDoubleClick)
    town.map.on('mousemove', this.onMove)
    window.addEventListener('keydown', this.onKey, true)
  }

  destroy(): void {
    window.removeEventListener('keydown', this.onKey, true)
  }

  start(): void {
    this.drawing.value = true
    this.crossing.value = false
    this.corners = []
    this.cursor = null
    this.ring.value = []
    this.town.map.getCanvas().style.cursor = 'crosshair'
    this.paint()
  }

  clear(): void {
    this.stop()
    this.ring.value = []
    this.paint()
  }

  load(ring: Position[]): void {
    this.stop()
    this.ring.value = ring
    this.paint()
  }

  private stop(): void {
    this.drawing.value = false
    this.corners = []
    this.cursor = null
    this.town.map.getCanvas().style.cursor = ''
  }

  private close(): void {
    if (this.corners.length < 3) return
    this.crossing.value = selfCrossing(this.corners)
    if (this.crossing.value) return
    this.ring.value = [...this.corners]
    this.stop()
    this.paint()
  }

  private readonly onClick = (event: MapMouseEvent): void => {
    if (!this.drawing.value) return
    const first = this.corners[0]
    if (first && this.corners.length >= 3 && this.town.pixelsBetween(first, event.point) < CLOSE_PX) {
      this.close()
      return
    }
    const last = this.corners.at(-1)
    // A double click is two clicks at one place: its second is no corner.
    if (last && this.town.pixelsBetween(last, event.point) < 4) return
    this.corners = [...this.corners, this.town.fromMap(event.lngLat.toArray())]
    this.paint()
  }

  private readonly onDoubleClick = (event: MapMouseEvent): void => {
    if (!this.drawing.value) return
    event.preventDefault()
    this.close()
  }

  private readonly onMove = (event: MapMouseEvent): void => {
    if (!this.drawing.value) return
    this.cursor = this.town.fromMap(event.lngLat.toArray())
    this.paint()
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (!this.drawing.value) return
    if (event.key === 'Enter') this.close()
    else if (event.key === 'Escape') this.clear()
    else if (event.key === 'Backspace') {
      this.corners = this.corners.slice(0, -1)
      this.paint()
    } else return
    event.preventDefault()
    event.stopPropagation()
  }

  private paint(): void {
    const open = this.drawing.value
    const corners = open ? this.corners : this.ring.value
    const features: Feature[] = corners.map((position, index) =>
      feature({ type: 'Point', coordinates: position }, { first: open && index === 0 }),
    )
    const line = open && this.cursor ? [...corners, this.cursor] : corners
    if (line.length >= 2) {
      features.push(
        feature({ type: 'LineString', coordinates: open ? line : [...line, line[0]!] }),
      )
    }
    if (line.length >= 3) features.push(feature({ type: 'Polygon', coordinates: [[...line, line[0]!]] }))
    this.town.set('draw', collection(features))
  }
}
