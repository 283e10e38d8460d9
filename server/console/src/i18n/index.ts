// A small typed catalogue: one file per language, {placeholders}, no run-time dependency.
import { computed, ref, watchEffect } from 'vue'
import type { Language, Words } from '@/api/types'
import { en } from './en'
import { zhCN, type Catalogue } from './zh-CN'

type Leaves<T, P extends string = ''> = {
  [K in keyof T & string]: T[K] extends string ? `${P}${K}` : T[K] extends readonly unknown[] ? never : Leaves<T[K], `${P}${K}.`>
}[keyof T & string]
export type Key = Leaves<Catalogue>

const CATALOGUES: Record<Language, Catalogue> = { 'zh-CN': zhCN, en }
const STORED = 'skybeat.language'

function remembered(): Language | null {
  const stored = globalThis.localStorage?.getItem(STORED)
  return stored === 'en' || stored === 'zh-CN' ? stored : null
}

export const language = ref<Language>(remembered() ?? 'zh-CN')
export const catalogue = computed(() => CATALOGUES[language.value])

export function setLanguage(value: Language, remember = true): void {
  language.value = value
  if (remember) localStorage.setItem(STORED, value)
}

/** The user's or the site's language counts only until the person has chosen one here. */
export function offerLanguage(value: string | null | undefined): void {
  if (!remembered() && value) setLanguage(value.startsWith('zh') ? 'zh-CN' : 'en', false)
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

function find(path: string): string | undefined {
  let node: unknown = catalogue.value
  for (const part of path.split('.')) node = (node as Record<string, unknown> | undefined)?.[part]
  return typeof node === 'string' ? node : undefined
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return fill(find(key) ?? key, values)
}

/** For names that come from the server: the catalogue's word, else the name itself. */
export function word(group: string, name: string | null | undefined, fallback?: string): string {
  if (!name) return fallback ?? ''
  return find(`${group}.${name}`) ?? fallback ?? name
}

/**
 * As ``word``, with the numbers of the told sentence put in for {0}, {1} ... and what
 * follows its colon for {why}; the told sentence itself if there are too few numbers.
 */
export function sentence(group: string, name: string, told: string): string {
  const numbers: string[] = told.replace(/m2|m\^2/g, '').match(/-?\d+(\.\d+)?/g) ?? []
  const reason = told.includes(': ') ? told.slice(told.indexOf(': ') + 2) : ''
  const why = reason && (language.value === 'en' ? `: ${reason}` : `：${reason}`)
  const filled = fill(word(group, name, ''), { ...Object.fromEntries(numbers.entries()), why })
  // A remark in brackets may go without its number, the sentence itself may not.
  const whole = filled.replace(/\s?[（(][^（(]*\{\d\}[^）)]*[）)]/g, '')
  return whole && !/\{\d\}/.test(whole) ? whole : told
}

/** Words that the server sends in both languages. */
export function said(words: Words | string | null | undefined): string {
  if (!words) return ''
  if (typeof words === 'string') return words
  return (language.value === 'zh-CN' ? words.zh : words.en) || words.zh || words.en
}

if (globalThis.document) watchEffect(() => (document.documentElement.lang = language.value))
