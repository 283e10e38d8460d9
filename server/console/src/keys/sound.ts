// Alert sounds, made here: no files, and silent until the person has touched the page once.
import { ref, watch } from 'vue'
import type { Priority } from '@/api/types'

const STORED = 'skybeat.sound'
export const soundOn = ref(localStorage.getItem(STORED) !== 'off')
watch(soundOn, (on) => localStorage.setItem(STORED, on ? 'on' : 'off'))

let context: AudioContext | null = null

const TUNES: Record<Priority, number[]> = {
  urgent: [880, 660, 880, 660],
  high: [740, 932],
  normal: [660, 784],
  low: [587],
}

export function playAlert(priority: Priority): void {
  if (!soundOn.value) return
  try {
    context ??= new AudioContext()
    void context.resume()
    const start = context.currentTime + 0.02
    TUNES[priority].forEach((frequency, index) => note(context!, frequency, start + index * 0.17))
  } catch {
    // No audio device: the flash and the rail still tell.
  }
}

function note(audio: AudioContext, frequency: number, at: number): void {
  const oscillator = audio.createOscillator()
  const gain = audio.createGain()
  oscillator.type = 'triangle'
  oscillator.frequency.value = frequency
  gain.gain.setValueAtTime(0, at)
  gain.gain.linearRampToValueAtTime(0.22, at + 0.015)
  gain.gain.exponentialRampToValueAtTime(0.001, at + 0.16)
  oscillator.connect(gain).connect(audio.destination)
  oscillator.start(at)
  oscillator.stop(at + 0.17)
}
