// Cells on their way in: what is wrong with them, and what mending changes.
import type { FeatureCollection } from 'geojson'
import { call, query } from './client'

export interface CellFinding {
  kind: string
  severity: 'error' | 'warning'
  codes: string[]
  /** Places in the file, from 0. */
  features: number[]
  text: string
  remedy: string
  latitude: number | null
  longitude: number | null
  area_m2: number | null
  width_m: number | null
  repairable: boolean
}

export interface CellChange {
  kind: string
  codes: string[]
  features: number[]
  text: string
  area_m2: number
}

export interface CellFindings {
  errors: number
  warnings: number
  findings: CellFinding[]
  findings_left_out: number
}

export interface CellRepair extends CellFindings {
  changes: CellChange[]
  changes_left_out: number
}

export interface CellCheck extends CellFindings {
  cells: number
  repair: CellRepair | null
}

/** Imports nothing; tells what mending would change, too. */
export const checkCells = (cells: FeatureCollection) => call<CellCheck>('POST', '/cells/check?repair=true', cells)
export const importCells = (cells: FeatureCollection, repair: boolean) =>
  call<FeatureCollection>('PUT', `/cells${query({ repair: repair || null })}`, cells)
