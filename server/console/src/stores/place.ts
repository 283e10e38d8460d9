// The ground: base map, cells, zones, no-fly zones, aircraft cameras. Read once, cells again when asked.
import type { FeatureCollection } from 'geojson'
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import * as api from '@/api/endpoints'
import type { Camera, CellProperties, Cells } from '@/api/types'
import { language } from '@/i18n'

const EMPTY: FeatureCollection = { type: 'FeatureCollection', features: [] }

export const usePlace = defineStore('place', () => {
  const basemap = shallowRef<FeatureCollection>(EMPTY)
  const cells = shallowRef<Cells>({ type: 'FeatureCollection', features: [] })
  const zones = shallowRef<FeatureCollection>(EMPTY)
  const noFly = shallowRef<FeatureCollection>(EMPTY)
  const cameras = shallowRef<Camera[]>([])
  const loaded = ref(false)
  let loading: Promise<void> | null = null

  const cellByCode = computed(
    () => new Map(cells.value.features.map((feature) => [feature.properties.code, feature.properties])),
  )

  async function fetchAll(): Promise<void> {
    // A site needs nothing but cells; what is missing stays empty.
    const optional = (request: Promise<FeatureCollection>) => request.catch(() => EMPTY)
    const [ground, grid, watch, forbidden, eyes] = await Promise.all([
      optional(api.basemap()),
      api.cells(),
      optional(api.zones()),
      optional(api.noFly()),
      api.cameras().catch(() => []),
    ])
    basemap.value = ground
    cells.value = grid
    zones.value = watch
    noFly.value = forbidden
    cameras.value = eyes
    loaded.value = true
  }

  function load(): Promise<void> {
    if (loaded.value) return Promise.resolve()
    loading ??= fetchAll().finally(() => (loading = null))
    return loading
  }

  async function refreshCells(): Promise<void> {
    cells.value = await api.cells()
  }

  function cellName(code: string | null | undefined): string {
    if (!code) return ''
    const cell = cellByCode.value.get(code)
    return cell ? nameOf(cell) : code
  }

  return { basemap, cells, zones, noFly, cameras, loaded, cellByCode, load, refreshCells, cellName }
})

/** The cell's name in the language of the console. */
export function nameOf(cell: CellProperties): string {
  return (language.value === 'en' && cell.name_en) || cell.name
}
