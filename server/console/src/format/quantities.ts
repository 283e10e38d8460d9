// Numbers for people. Distances in metres up to 10 km.

const MISSING = '–'

export function metres(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING
  if (Math.abs(value) >= 10_000) return `${(value / 1000).toFixed(1)} km`
  return `${value.toFixed(digits)} m`
}

export function area(squareMetres: number | null | undefined): string {
  if (squareMetres === null || squareMetres === undefined) return MISSING
  if (squareMetres >= 1e6) return `${(squareMetres / 1e6).toFixed(2)} km²`
  if (squareMetres >= 1e4) return `${(squareMetres / 1e4).toFixed(1)} ha`
  return `${squareMetres.toFixed(0)} m²`
}

export function percent(fraction: number | null | undefined, digits = 0): string {
  if (fraction === null || fraction === undefined || !Number.isFinite(fraction)) return MISSING
  return `${(fraction * 100).toFixed(digits)}%`
}

export function number(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING
  return value.toFixed(digits)
}

/** A measured value without needless digits: 120, 12.5, 3.4, 0.25. */
export function measured(value: number): string {
  const size = Math.abs(value)
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0)
  return value.toFixed(size >= 1 ? 1 : 2)
}

/** Minutes and seconds, hours in front when there are any. */
export function clock(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return MISSING
  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const rest = `${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`
  return hours ? `${hours}:${rest}` : rest
}

/** Age in seconds: one digit below ten seconds, minutes above two. */
export function age(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`
  if (value < 1024 ** 2) return `${(value / 1024).toFixed(0)} KB`
  return `${(value / 1024 ** 2).toFixed(1)} MB`
}

const WINDS = { 'zh-CN': ['北', '东北', '东', '东南', '南', '西南', '西', '西北'], en: ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'] }

export function heading(degrees: number, language: 'zh-CN' | 'en'): string {
  const turn = ((degrees % 360) + 360) % 360
  return `${String(Math.round(turn) % 360).padStart(3, '0')}° ${WINDS[language][Math.round(turn / 45) % 8]}`
}
