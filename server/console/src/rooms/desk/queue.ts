// The desk's queue: filters, pages from the server, and the place of the reader in it.
import { computed, reactive, ref, shallowRef, watch } from 'vue'
import * as api from '@/api/endpoints'
import type { QueueName, Ticket, TicketState } from '@/api/types'
import { problemWords } from '@/i18n/problems'

const PAGE = 60

export interface Filters {
  state: TicketState | ''
  kind: string
  cell: string
  queue: QueueName | ''
  q: string
  order: string
}

export function useQueue(start: Partial<Filters> = {}) {
  const filters = reactive<Filters>({ state: 'reported', kind: '', cell: '', queue: '', q: '', order: 'priority', ...start })
  const items = shallowRef<Ticket[]>([])
  const total = ref(0)
  const counts = ref<Partial<Record<TicketState, number>>>({})
  const queues = ref<Partial<Record<QueueName, number>>>({})
  const loading = ref(true)
  const failure = ref('')
  const arrived = ref(0)
  let cursor: string | null = null
  let abort: AbortController | null = null
  let waiting: ReturnType<typeof setTimeout> | undefined

  const complete = computed(() => items.value.length >= total.value)

  async function load(more = false): Promise<void> {
    if (more && (loading.value || !cursor)) return
    abort?.abort()
    const mine = (abort = new AbortController())
    loading.value = true
    failure.value = ''
    try {
      const page = await api.tickets({ ...filters, limit: PAGE, cursor: more ? cursor : null }, mine.signal)
      cursor = page.next_cursor
      const known = new Set(more ? items.value.map((one) => one.id) : [])
      items.value = more ? [...items.value, ...page.items.filter((one) => !known.has(one.id))] : page.items
      total.value = page.total
      counts.value = page.counts
      queues.value = page.queues
      if (!more) arrived.value = 0
    } catch (error) {
      if (error instanceof DOMException) return
      failure.value = problemWords(error)
    } finally {
      if (abort === mine) loading.value = false
    }
  }

  watch(
    () => ({ ...filters }),
    (now, before) => {
      clearTimeout(waiting)
      // Typing waits for a pause, everything else acts at once.
      waiting = setTimeout(() => void load(), now.q === before.q ? 0 : 250)
    },
  )

  function matches(ticket: Ticket): boolean {
    if (filters.state && ticket.state !== filters.state) return false
    if (filters.kind && ticket.kind !== filters.kind) return false
    if (filters.cell && ticket.cell !== filters.cell) return false
    if (filters.queue === 'new' && ticket.acknowledged) return false
    return true
  }

  /** A ticket was pushed: change it in place; a new one waits above the list, so that nothing jumps. */
  function hear(ticket: Ticket, event: string): void {
    const index = items.value.findIndex((one) => one.id === ticket.id)
    if (index >= 0) {
      const before = items.value[index]!
      if (before.state !== ticket.state) moveCount(before.state, ticket.state)
      const other = (['state', 'acknowledged', 'department'] as const).some((name) => before[name] !== ticket[name])
      if (other) void recount()
      items.value = items.value.with(index, ticket)
      return
    }
    if (event === 'created') {
      moveCount(null, ticket.state)
      if (matches(ticket)) arrived.value++
    } else if (event === 'state') {
      void recount()
      if (matches(ticket)) arrived.value++
    }
  }

  function moveCount(from: TicketState | null, to: TicketState): void {
    const next = { ...counts.value }
    if (from) next[from] = Math.max(0, (next[from] ?? 0) - 1)
    next[to] = (next[to] ?? 0) + 1
    counts.value = next
  }

  async function recount(): Promise<void> {
    try {
      const page = await api.tickets({ ...filters, limit: 1 })
      counts.value = page.counts
      queues.value = page.queues
    } catch {
      // The numbers stay as they were; the banner tells of the server.
    }
  }

  function clear(): void {
    Object.assign(filters, { kind: '', cell: '', queue: '', q: '' })
  }

  return { filters, items, total, counts, queues, loading, failure, arrived, complete, load, hear, clear }
}

export type Queue = ReturnType<typeof useQueue>
