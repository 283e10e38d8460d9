// The ledger of ground seen as a layer of any room's map: fetched only while it is shown.
import * as api from '@/api/endpoints'
import type { SeenAsked, SeenCells } from '@/api/types'
import type { TownMap } from './town'

const LOOK_MS = 3_000
const REFRESH_MS = 30_000
const OWN: SeenAsked = { hours: null, fineness_cm: null, algorithm: null }

/** Keep the layer fresh while it is visible; returns what ends it. */
export function keepSeen(town: TownMap): () => void {
  let bounds: SeenCells['bounds'] | null = null
  let painted = 0
  let ended = false
  async function look(): Promise<void> {
    if (town.isHidden('seen') || Date.now() - painted < REFRESH_MS) return
    painted = Date.now()
    try {
      bounds ??= (await api.seenCells(OWN)).bounds
      if (!ended) await town.picture('seen', api.seenPicture('age', OWN, painted), bounds)
    } catch {
      painted = 0 // the server is away; the next look tries again
    }
  }
  const timer = window.setInterval(() => void look(), LOOK_MS)
  return () => {
    ended = true
    window.clearInterval(timer)
  }
}
