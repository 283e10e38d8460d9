// How old a live thing is. The computer at the desk may be minutes off, and a simulated flight may live in
// another year; both must not make a fresh picture look old or an old one fresh.

/** Local clock minus the server's, milliseconds; the smallest seen recently has the least network delay in it. */
let offsetMs: number | null = null

export function noteServerTime(iso: string, localMs = Date.now()): void {
  const server = Date.parse(iso)
  if (!Number.isFinite(server)) return
  const offset = localMs - server
  // Drift of the clocks is let in slowly, a jump at once.
  if (offsetMs === null || offset < offsetMs || offset - offsetMs > 60_000) offsetMs = offset
  else offsetMs += (offset - offsetMs) * 0.001
}

export function resetServerTime(): void {
  offsetMs = null
}

/** A capture further than this from the server's clock was not made by that clock: it is simulated or replayed. */
const OTHER_CLOCK_MS = 120_000

export function isOtherClock(iso: string, heardAtMs: number): boolean {
  return Math.abs(heardAtMs - (offsetMs ?? 0) - Date.parse(iso)) > OTHER_CLOCK_MS
}

/** Seconds since ``iso``, when it arrived here at ``heardAtMs`` (local clock) and it is ``nowMs`` now. */
export function ageOf(iso: string, heardAtMs: number, nowMs: number): number {
  const sinceHeard = Math.max(0, nowMs - heardAtMs)
  if (isOtherClock(iso, heardAtMs)) return sinceHeard / 1000
  const sinceMade = nowMs - (offsetMs ?? 0) - Date.parse(iso)
  return Math.max(sinceHeard, sinceMade) / 1000
}
