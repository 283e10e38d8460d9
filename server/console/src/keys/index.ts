// Keys by room. A binding is "j", "Enter", "shift+r" or a sequence such as "g f".
import { onBeforeUnmount, onMounted, shallowReactive } from 'vue'
import type { Key } from '@/i18n'

export interface Binding {
  keys: string
  label: Key
  run: () => void
  scope: 'global' | 'here'
}

export const bindings = shallowReactive<Binding[]>([])
const SEQUENCE_MS = 1200
const MOVING: ReadonlySet<string> = new Set(['j', 'k', 'ArrowDown', 'ArrowUp', 'ArrowLeft', 'ArrowRight'])
let prefix = ''
let prefixAt = 0

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)
}

/** The name of a key press as bindings write it; empty when it belongs to the browser. */
export function nameOf(event: Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'altKey' | 'metaKey'>): string {
  if (event.ctrlKey || event.altKey || event.metaKey) return ''
  if (event.key.length === 1 && /[a-z]/i.test(event.key)) {
    const letter = event.key.toLowerCase()
    return event.shiftKey ? `shift+${letter}` : letter
  }
  return event.key
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return
  // Held down, only moving through a list repeats; nothing else may happen twice.
  if (event.repeat && !MOVING.has(event.key)) return
  if (document.querySelector('dialog[open]')) return
  const name = nameOf(event)
  if (!name) return
  if (typing(event.target)) {
    if (name === 'Escape') (event.target as HTMLElement).blur()
    return
  }
  // Enter and space on a button press that button.
  if ((name === 'Enter' || name === ' ') && event.target instanceof HTMLElement && event.target.closest('button, a, summary')) return
  const sequence = prefix && Date.now() - prefixAt < SEQUENCE_MS ? `${prefix} ${name}` : ''
  prefix = ''
  // The room's own bindings were added last and come first.
  const binding =
    bindings.findLast((one) => one.keys === sequence) ?? bindings.findLast((one) => one.keys === name)
  if (binding) {
    event.preventDefault()
    binding.run()
  } else if (bindings.some((one) => one.keys.startsWith(`${name} `))) {
    prefix = name
    prefixAt = Date.now()
  }
}

export function installKeys(): void {
  window.addEventListener('keydown', onKey)
}

/** Bind keys while the component is on the page. */
export function useKeys(own: Omit<Binding, 'scope'>[], scope: Binding['scope'] = 'here'): void {
  const mine = own.map((one) => ({ ...one, scope }))
  onMounted(() => bindings.push(...mine))
  onBeforeUnmount(() => {
    for (const one of mine) bindings.splice(bindings.indexOf(one), 1)
  })
}
