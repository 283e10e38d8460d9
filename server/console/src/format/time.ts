// Times are shown in local time; the zone and the date are one hover away.

const two = (value: number) => String(value).padStart(2, '0')

/** 14:03:27 */
export function timeOfDay(iso: string | Date): string {
  const date = new Date(iso)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** 05-01 */
export function dayOf(iso: string | Date): string {
  const date = new Date(iso)
  return `${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** 14:03:27 today, 05-01 14:03 on any other day. */
export function dayAndTime(iso: string, now = new Date()): string {
  const date = new Date(iso)
  return date.toDateString() === now.toDateString() ? timeOfDay(date) : `${dayOf(date)} ${timeOfDay(date).slice(0, 5)}`
}

/** 14:03 today, 05-01 14:03 this year, 2025-05-01 14:03 before. */
export function shortTime(iso: string, now = new Date()): string {
  const date = new Date(iso)
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`
  if (date.toDateString() === now.toDateString()) return time
  const day = dayOf(date)
  return date.getFullYear() === now.getFullYear() ? `${day} ${time}` : `${date.getFullYear()}-${day} ${time}`
}

/** 2026-05-01 14:03:27 UTC+08:00 */
export function fullTime(iso: string): string {
  const date = new Date(iso)
  const offset = -date.getTimezoneOffset()
  const zone = `${offset < 0 ? '−' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
  return `${date.getFullYear()}-${dayOf(date)} ${timeOfDay(date)} UTC${zone}`
}
