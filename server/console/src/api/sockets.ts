// WebSockets that come back by themselves.

export interface SocketEvents {
  onMessage: (data: string | ArrayBuffer) => void
  onState?: (open: boolean) => void
}

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 15_000
// The server pings every few seconds; silence for this long means a dead link that TCP has not noticed yet.
const SILENCE_MS = 30_000

/** Milliseconds before try number ``attempt`` (0 first): doubling, capped, spread by ``random`` in [0, 1). */
export function backoff(attempt: number, random = Math.random()): number {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt)
  return wait / 2 + (wait / 2) * random
}

export class ReturningSocket {
  private socket: WebSocket | null = null
  private attempt = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private watchdog: ReturnType<typeof setInterval> | undefined
  private lastHeard = 0
  private stopped = false

  constructor(
    private readonly path: string,
    private readonly events: SocketEvents,
    private readonly watchSilence = false,
  ) {
    this.open()
  }

  private open(): void {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1${this.path}`)
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    socket.onopen = () => {
      this.attempt = 0
      this.lastHeard = Date.now()
      this.events.onState?.(true)
    }
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      this.lastHeard = Date.now()
      this.events.onMessage(event.data)
    }
    socket.onclose = () => this.lost(socket)
    if (this.watchSilence) {
      clearInterval(this.watchdog)
      this.watchdog = setInterval(() => {
        if (this.socket?.readyState === WebSocket.OPEN && Date.now() - this.lastHeard > SILENCE_MS) {
          this.socket.close()
          this.lost(this.socket)
        }
      }, 5000)
    }
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket || this.stopped) return
    this.socket = null
    this.events.onState?.(false)
    this.timer = setTimeout(() => this.open(), backoff(this.attempt++))
  }

  /** Try again now instead of waiting. */
  hurry(): void {
    if (this.socket || this.stopped) return
    clearTimeout(this.timer)
    this.attempt = 0
    this.open()
  }

  close(): void {
    this.stopped = true
    clearTimeout(this.timer)
    clearInterval(this.watchdog)
    this.socket?.close()
  }
}

/** A live picture: 4-byte big-endian length, JSON header, JPEG. Null when it is cut short. */
export function splitPicture(data: ArrayBuffer): { header: unknown; jpeg: Uint8Array<ArrayBuffer> } | null {
  if (data.byteLength < 4) return null
  const length = new DataView(data).getUint32(0)
  if (data.byteLength <= 4 + length) return null
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)))
    return { header, jpeg: new Uint8Array(data, 4 + length) }
  } catch {
    return null
  }
}
