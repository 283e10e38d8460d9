// One way to the server. Every failure becomes an ApiProblem, which the catalogue turns into words.

export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly body: Record<string, unknown> = {},
  ) {
    super(detail || code)
  }
}

/** The server did not answer at all. */
export const UNREACHABLE = 'unreachable'

type Listener = (reached: boolean) => void
const listeners = new Set<Listener>()

/** Told after every request whether the server was reached. */
export function onReach(listener: Listener): void {
  listeners.add(listener)
}

let onSignedOut: () => void = () => {}

export function setSignedOutHandler(handler: () => void): void {
  onSignedOut = handler
}

function tell(reached: boolean): void {
  for (const listener of listeners) listener(reached)
}

async function problemOf(response: Response): Promise<ApiProblem> {
  let body: Record<string, unknown> = {}
  try {
    body = (await response.json()) as Record<string, unknown>
  } catch {
    // A proxy's error page is no JSON; the status alone must do.
  }
  const code = typeof body.code === 'string' ? body.code : `http_${response.status}`
  const detail = typeof body.detail === 'string' ? body.detail : ''
  return new ApiProblem(response.status, code, detail, body)
}

export interface CallOptions {
  signal?: AbortSignal
  /** A 401 is the answer to a question (sign-in), not the end of the session. */
  quiet?: boolean
}

export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  { signal, quiet }: CallOptions = {},
): Promise<T> {
  let response: Response
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: 'same-origin',
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    tell(false)
    throw new ApiProblem(0, UNREACHABLE, '')
  }
  // 502 to 504 come from a proxy whose server is gone.
  tell(response.status < 502 || response.status > 504)
  if (!response.ok) {
    const problem = await problemOf(response)
    if (response.status === 401 && !quiet) onSignedOut()
    throw problem
  }
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}

export function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== '') search.set(key, String(value))
  }
  const text = search.toString()
  return text ? `?${text}` : ''
}
