// Questions before anything dangerous, and short words after it.
import { reactive, ref } from 'vue'

export interface Question {
  title: string
  body: string
  note?: string
  confirm: string
  tone?: 'primary' | 'danger'
  /** Who the action will be recorded for. */
  by?: string
}

interface Asked extends Question {
  answer: (yes: boolean) => void
}

export const asked = ref<Asked | null>(null)

/** Ask once; a second question while one is open is refused. */
export function ask(question: Question): Promise<boolean> {
  if (asked.value) return Promise.resolve(false)
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer: (yes) => {
        asked.value = null
        resolve(yes)
      },
    }
  })
}

export interface Toast {
  id: number
  text: string
  tone: 'info' | 'good' | 'error'
}
export const toasts = reactive<Toast[]>([])
let nextToast = 0

export function toast(text: string, tone: Toast['tone'] = 'info'): void {
  const id = nextToast++
  toasts.push({ id, text, tone })
  setTimeout(() => drop(id), tone === 'error' ? 8000 : 4000)
}

export function drop(id: number): void {
  const index = toasts.findIndex((one) => one.id === id)
  if (index >= 0) toasts.splice(index, 1)
}
