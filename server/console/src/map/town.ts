// One map: style, sources by name, layer groups, camera. Knows nothing of Vue.
import * as maplibregl from 'maplibre-gl'
import type { GeoJSONSource, ImageSource, LngLatLike, MapMouseEvent } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import 'maplibre-gl/dist/maplibre-gl.css'
import type { FeatureCollection, Position } from 'geojson'
import { fromGcj02, toGcj02, type Position as LonLat } from './gcj02'
import { featureAt, moved, NOTHING, type Bounds } from './geometry'
import { addIcons } from './icons'
import { mapStyle, type Group, type SourceName, type Theme } from './style'

maplibregl.setWorkerUrl(workerUrl)

export interface TownMapOptions {
  container: HTMLElement
  theme: Theme
  centre: [lat: number, lon: number]
  zoom: number
  tileUrl: string | null
  tilesAreGcj02: boolean
  /** A small picture of a place: no controls, wheel leaves the page scrolling. */
  small?: boolean
}

export interface Padding {
  top: number
  right: number
  bottom: number
  left: number
}

/** Whether the processor draws: then every redrawing of the map costs the video dearly. */
const SOFTWARE = (() => {
  const context = document.createElement('canvas').getContext('webgl2')
  const debug = context?.getExtension('WEBGL_debug_renderer_info')
  const renderer = debug && context ? String(context.getParameter(debug.UNMASKED_RENDERER_WEBGL)) : ''
  context?.getExtension('WEBGL_lose_context')?.loseContext()
  return /swiftshader|llvmpipe|software/i.test(renderer)
})()

export class TownMap {
  /** Milliseconds between two drawings of what moves. */
  readonly pace = SOFTWARE ? 1000 : 120
  readonly map: maplibregl.Map
  readonly ready: Promise<void>
  private readonly shifted: boolean
  private readonly latest = new Map<SourceName, FeatureCollection>()
  private readonly texts = new Map<SourceName, string>()
  private readonly hidden = new Set<Group>()
  private loaded = false

  constructor(options: TownMapOptions) {
    this.shifted = Boolean(options.tileUrl) && options.tilesAreGcj02
    const [lat, lon] = options.centre
    this.map = new maplibregl.Map({
      container: options.container,
      style: mapStyle(options.theme, options.tileUrl, lat, SOFTWARE),
      center: this.toMap([lon, lat]) as LngLatLike,
      zoom: options.zoom,
      minZoom: 9,
      maxZoom: 21,
      maxPitch: 60,
      attributionControl: false,
      fadeDuration: 0,
      // Arrow keys and letters belong to the room.
      keyboard: false,
      doubleClickZoom: false,
      scrollZoom: true,
      cooperativeGestures: false,
    })
    if (!options.small) {
      this.map.addControl(new maplibregl.ScaleControl({ maxWidth: 120 }), 'bottom-left')
      this.map.addControl(new maplibregl.NavigationControl({ visualizePitch: true }), 'bottom-right')
    } else {
      this.map.addControl(new maplibregl.ScaleControl({ maxWidth: 80 }), 'bottom-left')
    }
    this.map.on('styleimagemissing', () => addIcons(this.map))
    this.ready = new Promise((resolve) => {
      this.map.once('load', () => {
        addIcons(this.map)
        this.loaded = true
        for (const [name, features] of this.latest) this.push(name, features)
        resolve()
      })
    })
  }

  private toMap(position: Position): Position {
    return this.shifted ? toGcj02(position as LonLat) : position
  }

  fromMap(position: Position): Position {
    return this.shifted ? fromGcj02(position as LonLat) : position
  }

  /** Show these features; the same again costs nothing, where a needless one would redraw the map. */
  set(name: SourceName, features: FeatureCollection): void {
    const text = JSON.stringify(features)
    if (this.texts.get(name) === text) return
    this.texts.set(name, text)
    this.latest.set(name, features)
    if (this.loaded) this.push(name, features)
  }

  private push(name: SourceName, features: FeatureCollection): void {
    const shown = this.shifted ? moved(features, (position) => this.toMap(position)) : features
    this.map.getSource<GeoJSONSource>(name)?.setData(shown)
  }

  /** A picture over the ground, below cells and labels; the one before is replaced. */
  async picture(name: 'seen', url: string, [west, south, east, north]: Bounds): Promise<void> {
    await this.ready
    const corners = [[west, north], [east, north], [east, south], [west, south]].map((corner) => this.toMap(corner))
    const coordinates = corners as [[number, number], [number, number], [number, number], [number, number]]
    const source = this.map.getSource<ImageSource>(name)
    if (source) {
      source.updateImage({ url, coordinates })
      return
    }
    this.map.addSource(name, { type: 'image', url, coordinates })
    this.map.addLayer(
      {
        id: name,
        type: 'raster',
        source: name,
        metadata: { group: name },
        layout: { visibility: this.hidden.has(name) ? 'none' : 'visible' },
        paint: { 'raster-fade-duration': 0, 'raster-resampling': 'nearest' },
      },
      'zones',
    )
  }

  async show(group: Group, visible: boolean): Promise<void> {
    if (visible) this.hidden.delete(group)
    else this.hidden.add(group)
    await this.ready
    for (const layer of this.map.getStyle().layers) {
      const metadata = layer.metadata as { group?: string } | undefined
      if (metadata?.group === group) {
        this.map.setLayoutProperty(layer.id, 'visibility', visible ? 'visible' : 'none')
      }
    }
  }

  isHidden(group: Group): boolean {
    return this.hidden.has(group)
  }

  fit(bounds: Bounds, padding = 24, maxZoom = 18.5, animate = true): void {
    const [west, south, east, north] = bounds
    this.map.fitBounds([this.toMap([west, south]), this.toMap([east, north])] as [LngLatLike, LngLatLike], {
      padding,
      maxZoom,
      duration: animate ? 500 : 0,
    })
  }

  centre(lon: number, lat: number, zoom?: number, duration = 400): void {
    const centre = this.toMap([lon, lat]) as LngLatLike
    this.map.easeTo({ center: centre, duration, ...(zoom === undefined ? {} : { zoom }) })
  }

  /** Distance on the screen between a WGS-84 position and a point of the canvas. */
  pixelsBetween(position: Position, point: { x: number; y: number }): number {
    const shown = this.map.project(this.toMap(position) as LngLatLike)
    return Math.hypot(shown.x - point.x, shown.y - point.y)
  }

  /** Clicks on features of a layer, and a hand above them. */
  onClick(layer: string, handler: (properties: Record<string, unknown>, event: MapMouseEvent) => void): void {
    this.map.on('click', layer, (event) => {
      const hit = event.features?.[0]
      if (hit) handler(hit.properties, event)
    })
    this.handOver(layer)
  }

  /** Clicks on cells. Asked of the ground, not of the drawing: a click counts before the first picture is drawn. */
  onCell(handler: (code: string) => void): void {
    this.map.on('click', ({ lngLat }) => {
      const hit = featureAt(this.latest.get('cells') ?? NOTHING, this.fromMap([lngLat.lng, lngLat.lat]))
      if (hit) handler(String(hit.properties?.code))
    })
    this.handOver('cells')
  }

  private handOver(layer: string): void {
    this.map.on('mouseenter', layer, () => (this.map.getCanvas().style.cursor = 'pointer'))
    this.map.on('mouseleave', layer, () => (this.map.getCanvas().style.cursor = ''))
  }

  /** Zoom until the cluster under the click opens. */
  openClustersOnClick(): void {
    this.map.on('click', 'clusters', (event) => {
      const hit = event.features?.[0]
      const source = this.map.getSource<GeoJSONSource>('tickets')
      if (!hit || !source || hit.geometry.type !== 'Point') return
      const centre = hit.geometry.coordinates as [number, number]
      void source
        .getClusterExpansionZoom(Number(hit.properties.cluster_id))
        .then((zoom) => this.map.easeTo({ center: centre, zoom: zoom + 0.2 }))
    })
  }

  remove(): void {
    this.map.remove()
  }
}
