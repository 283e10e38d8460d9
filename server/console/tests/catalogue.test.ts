import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { en } from '@/i18n/en'
import { zhCN } from '@/i18n/zh-CN'

type Ready = { text: string }
type Tree = { [key: string]: string | (string | Ready)[] | Tree }

function leaves(tree: Tree, prefix = ''): Map<string, string | string[]> {
  const found = new Map<string, string | string[]>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') found.set(prefix + key, value)
    else if (Array.isArray(value)) found.set(prefix + key, value.map((one) => (typeof one === 'string' ? one : one.text)))
    else for (const [path, text] of leaves(value, `${prefix}${key}.`)) found.set(path, text)
  }
  return found
}

const chinese = leaves(zhCN as unknown as Tree)
const english = leaves(en as unknown as Tree)
const holes = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort()

describe('catalogues', () => {
  it('have the same keys', () => {
    expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort())
  })

  it('leave nothing empty', () => {
    for (const texts of [chinese, english]) {
      for (const [path, text] of texts) {
        const parts = Array.isArray(text) ? text : [text]
        expect(parts.every((part) => part.trim()), path).toBe(true)
      }
    }
  })

  it('have the same placeholders', () => {
    for (const [path, text] of chinese) {
      const other = english.get(path)
      if (typeof text === 'string' && typeof other === 'string') expect(holes(other), path).toEqual(holes(text))
    }
  })

  it('keep Chinese out of the English one, save the name of the language', () => {
    const strays = [...english].filter(([path, text]) => path !== 'bar.language' && /\p{Script=Han}/u.test(String(text)))
    expect(strays).toEqual([])
  })
})

describe('the source', () => {
  it('has no words of its own: all are in the catalogues', () => {
    const strays: string[] = []
    const walk = (folder: string) => {
      for (const name of readdirSync(folder)) {
        const path = join(folder, name)
        if (statSync(path).isDirectory()) walk(path)
        else if (/\.(vue|ts)$/.test(name) && !path.includes('i18n')) {
          readFileSync(path, 'utf8')
            .split('\n')
            .forEach((line, index) => {
              const code = line.replace(/\/\/.*|\/\*\*?.*/, '')
              if (/\p{Script=Han}/u.test(code)) strays.push(`${path}:${index + 1}`)
            })
        }
      }
    }
    walk('src')
    // Names of the languages themselves, the wind's directions, and an example in a comment.
    expect(strays.filter((one) => !/UsersPanel|quantities/.test(one))).toEqual([])
  })

  it('has a word for everything that the server writes into the audit log', () => {
    const missing: string[] = []
    const walk = (folder: string) => {
      for (const name of readdirSync(folder)) {
        const path = join(folder, name)
        if (['console', '__pycache__'].includes(name)) continue
        if (statSync(path).isDirectory()) walk(path)
        else if (name.endsWith('.py')) {
          for (const call of readFileSync(path, 'utf8').matchAll(/\brecord\([^"]*"([a-z_]+)\.([a-z_]+)"/g)) {
            if (!chinese.has(`audit.${call[1]}_${call[2]}`)) missing.push(`${call[1]}.${call[2]}`)
          }
        }
      }
    }
    walk('..')
    expect(missing).toEqual([])
  })

  it('asks only for keys that exist', () => {
    const missing: string[] = []
    const walk = (folder: string) => {
      for (const name of readdirSync(folder)) {
        const path = join(folder, name)
        if (statSync(path).isDirectory()) walk(path)
        else if (/\.(vue|ts)$/.test(name)) {
          for (const match of readFileSync(path, 'utf8').matchAll(/\bt\('([\w.]+)'/g)) {
            if (!chinese.has(match[1]!)) missing.push(`${path}: ${match[1]}`)
          }
        }
      }
    }
    walk('src')
    expect(missing).toEqual([])
  })
})
