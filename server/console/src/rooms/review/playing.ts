// The hand of the review's clock: where it stands, and how fast it runs.
import { computed, onBeforeUnmount, ref } from 'vue'

export const RATES = [1, 4, 16] as const

export function usePlaying(bounds: () => { start: number; end: number }) {
  const at = ref(0)
  const playing = ref(false)
  const rate = ref<(typeof RATES)[number]>(1)
  let frame = 0
  let before = 0

  function run(now: number): void {
    const { end } = bounds()
    at.value = Math.min(end, at.value + (now - before) * rate.value)
    before = now
    if (at.value >= end) pause()
    else frame = requestAnimationFrame(run)
  }

  function pause(): void {
    cancelAnimationFrame(frame)
    playing.value = false
  }

  function toggle(): void {
    if (playing.value) return pause()
    const { start, end } = bounds()
    if (end <= start) return
    // At the end, playing begins anew.
    if (at.value >= end) at.value = start
    playing.value = true
    before = performance.now()
    frame = requestAnimationFrame(run)
  }

  function go(to: number): void {
    const { start, end } = bounds()
    at.value = Math.min(end, Math.max(start, to))
  }

  function faster(by: 1 | -1): void {
    const next = RATES[RATES.indexOf(rate.value) + by]
    if (next) rate.value = next
  }

  const sinceStart = computed(() => (at.value - bounds().start) / 1000)
  onBeforeUnmount(pause)
  return { at, playing, rate, sinceStart, toggle, pause, go, faster }
}
