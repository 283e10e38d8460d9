import { createRouter, createWebHistory } from 'vue-router'
import type { Theme } from '@/map/style'
import { useSession } from '@/stores/session'

declare module 'vue-router' {
  interface RouteMeta {
    theme?: Theme
    open?: boolean
    administrator?: boolean
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', redirect: () => landing() },
    { path: '/sign-in', name: 'signIn', component: () => import('@/rooms/SignIn.vue'), meta: { theme: 'dark', open: true } },
    { path: '/fly', name: 'fly', component: () => import('@/rooms/fly/FlyRoom.vue'), meta: { theme: 'dark' } },
    { path: '/plan', name: 'plan', component: () => import('@/rooms/plan/PlanRoom.vue'), meta: { theme: 'dark' } },
    {
      path: '/coverage',
      name: 'coverage',
      component: () => import('@/rooms/coverage/CoverageRoom.vue'),
      meta: { theme: 'dark' },
    },
    {
      path: '/review/:flight?',
      name: 'review',
      component: () => import('@/rooms/review/ReviewRoom.vue'),
      meta: { theme: 'dark' },
    },
    {
      path: '/bookings',
      name: 'bookings',
      component: () => import('@/rooms/bookings/BookingsRoom.vue'),
      meta: { theme: 'light' },
    },
    { path: '/desk/:id?', name: 'desk', component: () => import('@/rooms/desk/DeskRoom.vue'), meta: { theme: 'light' } },
    {
      path: '/overview',
      name: 'overview',
      component: () => import('@/rooms/overview/OverviewRoom.vue'),
      meta: { theme: 'light' },
    },
    {
      path: '/admin',
      name: 'admin',
      component: () => import('@/rooms/admin/AdminRoom.vue'),
      meta: { theme: 'light', administrator: true },
    },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
})

/** Clerks start at the desk, everybody else in the flight room. */
function landing(): string {
  const session = useSession()
  return session.has('desk') && !session.has('administrator', 'operator') ? '/desk' : '/fly'
}

router.beforeEach((to) => {
  const session = useSession()
  if (to.meta.open) return session.user ? landing() : true
  if (!session.user) return { name: 'signIn', query: to.path === '/' ? {} : { next: to.fullPath } }
  if (to.meta.administrator && !session.isAdministrator) return landing()
  return true
})

router.afterEach((to) => {
  document.documentElement.dataset.theme = to.meta.theme ?? 'dark'
})
