// Coordinates for people: WGS-84, decimal degrees or degrees, minutes and seconds.

/** Six decimals: 0.1 m. */
export function decimal(lat: number, lon: number): string {
  return `${lat.toFixed(6)}, ${lon.toFixed(6)}`
}

function parts(value: number, positive: string, negative: string): string {
  // Round once, in tenths of a second, so that 59.96" carries into the minute.
  const tenths = Math.round(Math.abs(value) * 36_000)
  const degrees = Math.floor(tenths / 36_000)
  const minutes = Math.floor((tenths % 36_000) / 600)
  const seconds = (tenths % 600) / 10
  const letter = value < 0 ? negative : positive
  return `${degrees}°${String(minutes).padStart(2, '0')}′${seconds.toFixed(1).padStart(4, '0')}″${letter}`
}

/** Tenths of a second: about 3 m. */
export function dms(lat: number, lon: number): string {
  return `${parts(lat, 'N', 'S')} ${parts(lon, 'E', 'W')}`
}
