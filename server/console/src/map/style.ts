// The map's style, made from our own layers: no tile, glyph or sprite server is needed.
import type {
  ExpressionSpecification,
  GeoJSONSourceSpecification,
  LayerSpecification,
  StyleSpecification,
  SymbolLayerSpecification,
} from 'maplibre-gl'
import { KINDS, LOOKS } from './kinds'

export type Theme = 'dark' | 'light'
export const GROUPS = [
  'tickets',
  'sightings',
  'footprint',
  'track',
  'plan',
  'seen',
  'cells',
  'noFly',
  'zones',
  'buildings',
  'labels',
  'tiles',
] as const
export type Group = (typeof GROUPS)[number]

const PALETTE = {
  dark: {
    background: '#0f1822',
    ground: '#111b25',
    field: '#14231f',
    green: '#16301f',
    water: '#0f3149',
    square: '#202d3a',
    road: '#33434f',
    casing: '#0c131b',
    building: '#2b3b4c',
    shade: 'rgba(0, 0, 0, 0.4)',
    label: '#93a5b5',
    title: '#eef4f8',
    halo: '#0b1118',
    cell: '#dce6ee',
    cellFill: '#dce6ee',
    accent: '#2fd6c3',
    danger: '#ff7466',
    plan: '#9cc7ff',
  },
  light: {
    background: '#efede7',
    ground: '#f1efe9',
    field: '#e6ebd6',
    green: '#cfe3c5',
    water: '#b3d3e6',
    square: '#e6dfd1',
    road: '#ffffff',
    casing: '#cfcabf',
    building: '#d5cfc4',
    shade: 'rgba(60, 50, 40, 0.18)',
    label: '#4d5b68',
    title: '#1a2732',
    halo: '#ffffff',
    cell: '#22303d',
    cellFill: '#22303d',
    accent: '#0a756b',
    danger: '#c22d20',
    plan: '#1b5fa8',
  },
} as const

/** Pixels of one metre at zoom 0 on the equator is 512 / 40075016.7; at 28 degrees north a tenth more. */
function metresWide(metres: ExpressionSpecification | number, latitude: number): ExpressionSpecification {
  const perMetre = (zoom: number) => (512 * 2 ** zoom) / (40_075_016.7 * Math.cos((latitude * Math.PI) / 180))
  return [
    'interpolate',
    ['exponential', 2],
    ['zoom'],
    10,
    ['*', metres, perMetre(10)],
    22,
    ['*', metres, perMetre(22)],
  ]
}

function byKind(pick: 'colour' | 'ink'): ExpressionSpecification {
  const pairs = KINDS.flatMap((kind) => [kind, LOOKS[kind][pick]])
  return ['match', ['get', 'kind'], ...pairs, '#c9d3dc'] as unknown as ExpressionSpecification
}

// Without a glyph server the map draws these local fonts itself; it reads the weight from the first name.
const FAMILIES = ['PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', 'sans-serif']
const FONT = ['Skybeat Medium', ...FAMILIES]
const BOLD = ['Skybeat Bold', ...FAMILIES]

export const SOURCES = [
  'base',
  'zones',
  'noFly',
  'board',
  'cells',
  'cellLabels',
  'gaps',
  'area',
  'plan',
  'ahead',
  'track',
  'footprint',
  'ellipses',
  'sightings',
  'home',
  'aircraft',
  'draw',
  'expected',
] as const
export type SourceName = (typeof SOURCES)[number] | 'tickets'

const group = (name: Group) => ({ group: name })
const inLayer = (...names: string[]): ExpressionSpecification => ['in', ['get', 'layer'], ['literal', names]]
const ofType = (type: string): ExpressionSpecification => ['==', ['geometry-type'], type]

/** ``flat``: buildings as plain areas, for machines whose processor draws the map. */
export function mapStyle(theme: Theme, tileUrl: string | null, latitude: number, flat: boolean): StyleSpecification {
  const colours = PALETTE[theme]
  const empty: GeoJSONSourceSpecification = { type: 'geojson', data: { type: 'FeatureCollection', features: [] } }
  return {
    version: 8,
    sources: {
      ...Object.fromEntries(SOURCES.map((name) => [name, empty])),
      tickets: { ...empty, cluster: true, clusterRadius: 38, clusterMaxZoom: 15 },
      ...(tileUrl ? { tiles: { type: 'raster', tiles: [tileUrl], tileSize: 256, maxzoom: 18 } } : {}),
    },
    layers: [
      ...ground(colours, latitude, flat),
      ...(tileUrl
        ? [{ id: 'tiles', type: 'raster', source: 'tiles', metadata: group('tiles') } as LayerSpecification]
        : []),
      ...areas(colours, theme === 'dark'),
      ...flight(colours, theme),
      ...things(colours, theme),
    ],
  }
}

type Colours = (typeof PALETTE)[Theme]

function ground(colours: Colours, latitude: number, flat: boolean): LayerSpecification[] {
  const width: ExpressionSpecification = ['coalesce', ['get', 'width_m'], 7]
  const fill = (name: keyof Colours & string, ...layers: string[]): LayerSpecification => ({
    id: `base-${name}`,
    type: 'fill',
    source: 'base',
    filter: ['all', inLayer(...layers), ofType('Polygon')],
    paint: { 'fill-color': colours[name], 'fill-antialias': true },
  })
  const road = (id: string, colour: string, metres: ExpressionSpecification): LayerSpecification => ({
    id,
    type: 'line',
    source: 'base',
    filter: ['all', inLayer('road'), ofType('LineString')],
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': colour, 'line-width': metresWide(metres, latitude) },
  })
  return [
    { id: 'background', type: 'background', paint: { 'background-color': colours.background } },
    fill('ground', 'ground'),
    fill('field', 'field'),
    fill('green', 'green'),
    fill('water', 'water'),
    {
      id: 'base-water-line',
      type: 'line',
      source: 'base',
      filter: ['all', inLayer('water'), ofType('LineString')],
      paint: { 'line-color': colours.water, 'line-width': metresWide(width, latitude) },
    },
    {
      id: 'base-road-edge',
      type: 'line',
      source: 'base',
      filter: ['all', inLayer('road'), ofType('Polygon')],
      paint: { 'line-color': colours.casing, 'line-width': 1.5 },
    },
    road('base-road-casing', colours.casing, ['+', width, 1.6]),
    fill('road', 'road'),
    road('base-road-line', colours.road, width),
    fill('square', 'square'),
    {
      id: 'base-shade',
      type: 'fill',
      source: 'base',
      filter: inLayer('building'),
      metadata: group('buildings'),
      paint: { 'fill-color': colours.shade, 'fill-translate': [3, 3], 'fill-translate-anchor': 'map' },
    },
    building(colours, flat),
  ]
}

function building(colours: Colours, flat: boolean): LayerSpecification {
  const common = { id: 'base-building', source: 'base', filter: inLayer('building'), metadata: group('buildings') }
  if (flat) {
    return { ...common, type: 'fill', paint: { 'fill-color': colours.building, 'fill-outline-color': colours.casing } }
  }
  return {
    ...common,
    type: 'fill-extrusion',
    paint: {
      'fill-extrusion-color': colours.building,
      'fill-extrusion-height': ['coalesce', ['get', 'height_m'], 6],
      'fill-extrusion-opacity': 0.92,
    },
  }
}

function areas(colours: Colours, strong: boolean): LayerSpecification[] {
  return [
    {
      id: 'zones',
      type: 'fill',
      source: 'zones',
      metadata: group('zones'),
      paint: {
        'fill-color': ['match', ['get', 'kind'], 'no_parking', '#6cb1ff', 'parking', '#8fa3b5', '#c3a3ff'],
        'fill-opacity': ['interpolate', ['linear'], ['zoom'], 15.5, 0.1, 18, 0.26],
      },
    },
    {
      id: 'zones-line',
      type: 'line',
      source: 'zones',
      metadata: group('zones'),
      paint: {
        'line-color': ['match', ['get', 'kind'], 'no_parking', '#6cb1ff', 'parking', '#8fa3b5', '#c3a3ff'],
        'line-width': 1,
        'line-opacity': ['interpolate', ['linear'], ['zoom'], 15.8, 0.15, 17.5, 0.9],
      },
    },
    {
      id: 'no-fly',
      type: 'fill',
      source: 'noFly',
      metadata: group('noFly'),
      paint: { 'fill-pattern': 'hatch' },
    },
    {
      id: 'no-fly-line',
      type: 'line',
      source: 'noFly',
      metadata: group('noFly'),
      paint: { 'line-color': colours.danger, 'line-width': 2 },
    },
    {
      id: 'board',
      type: 'fill',
      source: 'board',
      paint: { 'fill-color': ['get', 'colour'], 'fill-opacity': ['get', 'opacity'] },
    },
    {
      id: 'cells',
      type: 'fill',
      source: 'cells',
      metadata: group('cells'),
      paint: {
        'fill-color': ['case', ['boolean', ['get', 'selected'], false], colours.accent, colours.cellFill],
        'fill-opacity': ['case', ['boolean', ['get', 'selected'], false], strong ? 0.26 : 0, 0],
      },
    },
    {
      id: 'cells-line',
      type: 'line',
      source: 'cells',
      filter: ['!=', ['get', 'selected'], true],
      metadata: group('cells'),
      paint: { 'line-color': colours.cell, 'line-opacity': 0.7, 'line-width': 1.5, 'line-dasharray': [5, 3] },
    },
    {
      id: 'cells-selected',
      type: 'line',
      source: 'cells',
      filter: ['==', ['get', 'selected'], true],
      metadata: group('cells'),
      paint: { 'line-color': colours.accent, 'line-width': 2.4 },
    },
    {
      id: 'gaps',
      type: 'line',
      source: 'gaps',
      metadata: group('seen'),
      paint: { 'line-color': colours.danger, 'line-width': 2 },
    },
    {
      id: 'area',
      type: 'fill',
      source: 'area',
      paint: { 'fill-color': colours.accent, 'fill-opacity': 0.16 },
    },
    {
      id: 'area-line',
      type: 'line',
      source: 'area',
      paint: { 'line-color': colours.accent, 'line-width': 2 },
    },
  ]
}

function flight(colours: Colours, theme: Theme): LayerSpecification[] {
  return [
    {
      id: 'footprint',
      type: 'fill',
      source: 'footprint',
      metadata: group('footprint'),
      paint: { 'fill-color': colours.accent, 'fill-opacity': theme === 'dark' ? 0.17 : 0.14 },
    },
    {
      id: 'footprint-line',
      type: 'line',
      source: 'footprint',
      metadata: group('footprint'),
      paint: { 'line-color': colours.accent, 'line-width': 1.4 },
    },
    {
      id: 'plan-transit',
      type: 'line',
      source: 'plan',
      filter: ['==', ['get', 'lane'], false],
      metadata: group('plan'),
      layout: { 'line-join': 'round' },
      paint: { 'line-color': colours.plan, 'line-opacity': 0.75, 'line-width': 1.4, 'line-dasharray': [2, 2.5] },
    },
    {
      id: 'plan-lanes',
      type: 'line',
      source: 'plan',
      filter: ['==', ['get', 'lane'], true],
      metadata: group('plan'),
      layout: { 'line-cap': 'round' },
      paint: { 'line-color': colours.plan, 'line-opacity': 0.95, 'line-width': 2 },
    },
    {
      id: 'ahead',
      type: 'line',
      source: 'ahead',
      metadata: group('track'),
      layout: { 'line-join': 'round' },
      paint: { 'line-color': colours.accent, 'line-width': 1.6, 'line-opacity': 0.55, 'line-dasharray': [1.5, 1.5] },
    },
    {
      id: 'track-casing',
      type: 'line',
      source: 'track',
      metadata: group('track'),
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': colours.halo, 'line-width': 6, 'line-opacity': 0.6 },
    },
    {
      id: 'track',
      type: 'line',
      source: 'track',
      metadata: group('track'),
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': colours.accent, 'line-width': 3.2 },
    },
  ]
}

function label(
  colours: Colours,
  id: string,
  source: string,
  size: number,
  bold = false,
  layout: SymbolLayerSpecification['layout'] = {},
): LayerSpecification {
  return {
    id,
    type: 'symbol',
    source,
    layout: {
      'text-field': ['get', 'text'],
      'text-font': bold ? BOLD : FONT,
      'text-size': size,
      'text-line-height': 1.25,
      'text-max-width': 12,
      'text-padding': 4,
      ...layout,
    },
    paint: { 'text-color': bold ? colours.title : colours.label, 'text-halo-color': colours.halo, 'text-halo-width': 1.8 },
  }
}

function things(colours: Colours, theme: Theme): LayerSpecification[] {
  const kind = byKind(theme === 'dark' ? 'colour' : 'ink')
  return [
    {
      ...label(colours, 'base-labels', 'base', 12),
      filter: inLayer('label'),
      minzoom: 15.2,
      metadata: group('labels'),
    } as LayerSpecification,
    {
      ...label(colours, 'zone-labels', 'zones', 12),
      // Lower down they hide the lanes.
      minzoom: 18,
      metadata: group('zones'),
    } as LayerSpecification,
    {
      ...label(colours, 'no-fly-labels', 'noFly', 12, true),
      metadata: group('noFly'),
      paint: { 'text-color': colours.danger, 'text-halo-color': colours.halo, 'text-halo-width': 1.6 },
    } as LayerSpecification,
    {
      ...label(colours, 'cell-labels', 'cellLabels', 14, true, {
        'text-variable-anchor': ['center', 'top', 'bottom', 'left', 'right'],
        'text-radial-offset': 1.2,
      }),
      metadata: group('cells'),
    } as LayerSpecification,
    {
      id: 'ellipses',
      type: 'fill',
      source: 'ellipses',
      metadata: group('sightings'),
      paint: { 'fill-color': kind, 'fill-opacity': 0.2 },
    },
    {
      id: 'ellipses-line',
      type: 'line',
      source: 'ellipses',
      metadata: group('sightings'),
      paint: { 'line-color': kind, 'line-width': 1.6 },
    },
    {
      id: 'sightings',
      type: 'circle',
      source: 'sightings',
      metadata: group('sightings'),
      paint: {
        'circle-radius': 3.5,
        'circle-color': kind,
        'circle-stroke-color': colours.halo,
        'circle-stroke-width': 1.5,
      },
    },
    {
      id: 'home',
      type: 'symbol',
      source: 'home',
      layout: { 'icon-image': 'home', 'icon-allow-overlap': true },
    },
    {
      id: 'clusters',
      type: 'circle',
      source: 'tickets',
      filter: ['has', 'point_count'],
      metadata: group('tickets'),
      paint: {
        'circle-radius': ['interpolate', ['linear'], ['get', 'point_count'], 2, 15, 100, 22, 1000, 30],
        'circle-color': '#0b1118',
        'circle-stroke-color': '#ffffff',
        'circle-stroke-width': 2,
      },
    },
    {
      id: 'cluster-count',
      type: 'symbol',
      source: 'tickets',
      filter: ['has', 'point_count'],
      metadata: group('tickets'),
      layout: {
        'text-field': ['get', 'point_count_abbreviated'],
        'text-font': BOLD,
        'text-size': 14,
        'text-allow-overlap': true,
      },
      paint: { 'text-color': '#ffffff' },
    },
    {
      id: 'ticket-halo',
      type: 'circle',
      source: 'tickets',
      filter: ['==', ['get', 'chosen'], true],
      metadata: group('tickets'),
      paint: {
        'circle-radius': 22,
        'circle-color': 'rgba(255, 255, 255, 0.14)',
        'circle-stroke-color': '#ffffff',
        'circle-stroke-width': 2,
      },
    },
    {
      id: 'tickets',
      type: 'symbol',
      source: 'tickets',
      filter: ['!', ['has', 'point_count']],
      metadata: group('tickets'),
      layout: {
        'icon-image': [
          'concat',
          'ticket-',
          ['get', 'kind'],
          ['case', ['boolean', ['get', 'acknowledged'], true], '', '-fresh'],
        ],
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
        'symbol-sort-key': ['case', ['boolean', ['get', 'acknowledged'], true], 0, 1],
      },
      paint: { 'icon-opacity': ['case', ['boolean', ['get', 'open'], true], 1, 0.5] },
    },
    {
      id: 'expected',
      type: 'circle',
      source: 'expected',
      paint: {
        'circle-radius': 17,
        'circle-color': 'rgba(0, 0, 0, 0)',
        'circle-stroke-color': ['match', ['get', 'outcome'], 'matched', colours.accent, 'missing', colours.danger, '#ffbd4a'],
        'circle-stroke-width': 3,
      },
    },
    {
      ...label(colours, 'expected-labels', 'expected', 12, true, { 'text-offset': [0, 2], 'text-anchor': 'top', 'text-allow-overlap': true }),
    } as LayerSpecification,
    {
      id: 'aircraft',
      type: 'symbol',
      source: 'aircraft',
      layout: {
        'icon-image': ['case', ['boolean', ['get', 'stale'], false], 'aircraft-stale', 'aircraft'],
        'icon-rotate': ['get', 'heading'],
        'icon-rotation-alignment': 'map',
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
        'text-field': ['get', 'name'],
        'text-font': BOLD,
        'text-size': 12,
        'text-offset': [0, 2],
        'text-anchor': 'top',
        'text-optional': true,
        'text-rotation-alignment': 'viewport',
      },
      paint: { 'text-color': colours.label, 'text-halo-color': colours.halo, 'text-halo-width': 1.8 },
    },
    {
      id: 'draw',
      type: 'fill',
      source: 'draw',
      filter: ofType('Polygon'),
      paint: { 'fill-color': colours.accent, 'fill-opacity': 0.18 },
    },
    {
      id: 'draw-line',
      type: 'line',
      source: 'draw',
      filter: ofType('LineString'),
      paint: { 'line-color': colours.accent, 'line-width': 2.4 },
    },
    {
      id: 'draw-corners',
      type: 'circle',
      source: 'draw',
      filter: ofType('Point'),
      paint: {
        'circle-radius': ['case', ['boolean', ['get', 'first'], false], 7, 5],
        'circle-color': colours.halo,
        'circle-stroke-color': colours.accent,
        'circle-stroke-width': 2.5,
      },
    },
  ]
}
