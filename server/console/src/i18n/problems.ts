import { ApiProblem } from '@/api/client'
import { sentence, word } from '.'

interface Invalid {
  loc?: (string | number)[]
  msg?: string
}

/** A failure in words: by its code when the catalogue knows it, else what the server said. */
export function problemWords(error: unknown): string {
  if (!(error instanceof ApiProblem)) return error instanceof Error ? error.message : String(error)
  const known = word('problems', error.code, '')
  const specific = detailOf(error)
  if (known && specific && KEEP_DETAIL.has(error.code)) return known + separator() + specific
  return known || specific || word('problems', `http_${error.status}`, error.code)
}

// The code says what kind of trouble it is, the detail says which; these need both.
const KEEP_DETAIL = new Set(['plan_impossible', 'plan_not_flyable', 'flight_not_ready', 'name_taken', 'invalid_request'])

function separator(): string {
  return document.documentElement.lang === 'en' ? ': ' : '：'
}

interface Told {
  code?: string
  text?: string
}

function detailOf(problem: ApiProblem): string {
  const findings = problem.body.findings
  if (Array.isArray(findings) && findings.length) {
    return (findings as Told[]).map((one) => sentence('findings', one.code ?? '', one.text ?? '')).join('; ')
  }
  const errors = problem.body.errors
  if (Array.isArray(errors) && errors.length) {
    return (errors as Invalid[])
      .map((entry) => [entry.loc?.filter((part) => part !== 'body').join('.'), entry.msg].filter(Boolean).join(': '))
      .join('; ')
  }
  return problem.detail
}
