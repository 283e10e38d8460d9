// GCJ-02, the datum that Chinese tile providers draw in. For display only: nothing shifted is ever sent or stored.

const A = 6_378_245
const E2 = 0.006_693_421_622_965_943

function shiftLat(x: number, y: number): number {
  let value = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x))
  value += ((20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2) / 3
  value += ((20 * Math.sin(y * Math.PI) + 40 * Math.sin((y / 3) * Math.PI)) * 2) / 3
  value += ((160 * Math.sin((y / 12) * Math.PI) + 320 * Math.sin((y * Math.PI) / 30)) * 2) / 3
  return value
}

function shiftLon(x: number, y: number): number {
  let value = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x))
  value += ((20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2) / 3
  value += ((20 * Math.sin(x * Math.PI) + 40 * Math.sin((x / 3) * Math.PI)) * 2) / 3
  value += ((150 * Math.sin((x / 12) * Math.PI) + 300 * Math.sin((x / 30) * Math.PI)) * 2) / 3
  return value
}

export type Position = [lon: number, lat: number]

/** WGS-84 -> GCJ-02, in the formula's own region only. */
export function toGcj02([lon, lat]: Position): Position {
  if (lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271) return [lon, lat]
  const radians = (lat / 180) * Math.PI
  const magic = 1 - E2 * Math.sin(radians) ** 2
  const root = Math.sqrt(magic)
  const dLat = (shiftLat(lon - 105, lat - 35) * 180) / (((A * (1 - E2)) / (magic * root)) * Math.PI)
  const dLon = (shiftLon(lon - 105, lat - 35) * 180) / ((A / root) * Math.cos(radians) * Math.PI)
  return [lon + dLon, lat + dLat]
}

/** GCJ-02 -> WGS-84 by iteration; four rounds leave less than a millimetre. */
export function fromGcj02(shifted: Position): Position {
  let guess: Position = [...shifted]
  for (let round = 0; round < 4; round++) {
    const again = toGcj02(guess)
    guess = [guess[0] + shifted[0] - again[0], guess[1] + shifted[1] - again[1]]
  }
  return guess
}
