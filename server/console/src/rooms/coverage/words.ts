import { catalogue } from '@/i18n'

/** An algorithm's name for people; one that the catalogue does not know keeps its own. */
export function algorithmName(name: string): string {
  const names: Record<string, string> = catalogue.value.coverage.algorithms
  return names[name] ?? name
}
