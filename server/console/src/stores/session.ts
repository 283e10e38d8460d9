// Who is signed in, and what the site is.
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { setSignedOutHandler } from '@/api/client'
import * as api from '@/api/endpoints'
import type { Role, Settings, User } from '@/api/types'
import { offerLanguage } from '@/i18n'

export const useSession = defineStore('session', () => {
  const user = ref<User | null>(null)
  const settings = ref<Settings | null>(null)
  const known = ref(false)

  const isAdministrator = computed(() => has('administrator'))
  const canFly = computed(() => has('administrator', 'operator'))
  const name = computed(() => user.value?.display_name || user.value?.username || '')

  function has(...roles: Role[]): boolean {
    return user.value?.roles.some((role) => roles.includes(role)) ?? false
  }

  setSignedOutHandler(() => {
    user.value = null
  })

  /** Settings and the user of the cookie, once at start. */
  async function begin(): Promise<void> {
    if (known.value) return
    settings.value = await api.settings()
    offerLanguage(settings.value.default_language)
    try {
      user.value = await api.me()
      offerLanguage(user.value.language)
    } catch {
      user.value = null
    }
    known.value = true
  }

  async function signIn(username: string, password: string): Promise<void> {
    const answer = await api.signIn(username, password)
    user.value = answer.user
    offerLanguage(answer.user.language)
  }

  async function signOut(): Promise<void> {
    try {
      await api.signOut()
    } finally {
      user.value = null
    }
  }

  return { user, settings, known, name, isAdministrator, canFly, has, begin, signIn, signOut }
})
