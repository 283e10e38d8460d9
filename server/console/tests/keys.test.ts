import { describe, expect, it } from 'vitest'
import { nameOf } from '@/keys'

const press = (key: string, more: Partial<KeyboardEvent> = {}) =>
  nameOf({ key, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...more })

describe('names of keys', () => {
  it('tell a letter from the same with shift', () => {
    expect([press('r'), press('R', { shiftKey: true })]).toEqual(['r', 'shift+r'])
  })

  it('do not mind caps lock', () => {
    expect(press('R')).toBe('r')
  })

  it('leave signs as they are, however they are typed', () => {
    expect([press('?', { shiftKey: true }), press('/'), press('Enter')]).toEqual(['?', '/', 'Enter'])
  })

  it('leave combinations to the browser', () => {
    expect([press('r', { ctrlKey: true }), press('f', { metaKey: true })]).toEqual(['', ''])
  })
})
