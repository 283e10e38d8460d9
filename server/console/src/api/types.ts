// The shapes of /api/v1, as the server sends them. Times are ISO 8601 in UTC, angles degrees, lengths metres.
import type { Feature, FeatureCollection, LineString, Polygon } from 'geojson'

export type Language = 'zh-CN' | 'en'
export interface Words {
  zh: string
  en: string
}

export type Role = 'administrator' | 'operator' | 'desk' | 'tester' | 'agent'
export interface User {
  id: string | number
  username: string
  display_name: string
  roles: Role[]
  language?: string | null
  /** Whose bookings this person makes. */
  department?: string | null
  disabled?: boolean
}

export type KindName = 'fire' | 'smoke' | 'illegal_parking' | 'gathering' | 'dispute'
export type Priority = 'urgent' | 'high' | 'normal' | 'low'
export interface KindRules {
  label: Words
  about_people: boolean
  priority: Priority
}

export interface Settings {
  name: Words
  version: string
  default_language: string
  tile_url: string | null
  tile_gcj02: boolean
  centre: [number, number]
  zoom: number
  kinds: Record<string, KindRules>
  demo: boolean
  demo_users?: { username: string; password: string; role: string }[]
}

export type Phase =
  | 'planned'
  | 'requested'
  | 'preflight'
  | 'uploading'
  | 'waiting'
  | 'arming'
  | 'takeoff'
  | 'flying'
  | 'paused'
  | 'returning'
  | 'landing'
  | 'finished'
  | 'aborted'
  | 'failed'

export interface Telemetry {
  agent: string
  flight_id: string | null
  at: string
  phase: Phase | null
  latitude: number
  longitude: number
  altitude_amsl_m: number
  altitude_above_home_m: number
  heading_deg: number
  ground_speed_m_s: number
  climb_m_s: number
  mode: string
  armed: boolean
  battery_fraction: number | null
  battery_voltage_v: number | null
  gps_fix: number
  satellites: number | null
  link_quality: number | null
  wind_m_s: number | null
  waypoint: number | null
  waypoints: number | null
  seconds_left: number | null
  /** While it waits on the ground for its take-off time. */
  starts_in_s?: number | null
  footprint: [number, number][]
  camera_yaw_deg: number | null
  camera_pitch_deg: number | null
  frames: number
  frames_dropped: number
  spooled: number
  messages: string[]
}

export interface Aircraft {
  agent: string
  name: string
  vehicle: string
  camera: string | { name: string } | null
  home: [number, number, number] | null
  online: boolean
  seen_at: string | null
  flight_id: string | null
  telemetry: Telemetry | null
}

export interface Camera {
  name: string
  width_px: number
  height_px: number
  horizontal_fov_deg: number
  pitch_deg: number
  altitude_agl_m: number
  speed_m_s: number
}

export interface Waypoint {
  role: 'takeoff' | 'transit' | 'lane_start' | 'lane_end' | 'return'
  latitude: number
  longitude: number
  altitude_agl_m: number
  lane: number | null
}

export interface Sortie {
  aircraft: number
  /** Take-off after the plan's common launch moment. */
  start_s: number
  waypoints: Waypoint[]
  length_m: number
  seconds: number
  energy_wh: number
  reserve_fraction: number
}

export interface Finding {
  code: string
  severity: 'error' | 'warning' | 'info'
  text: string
  remedy: string
  latitude: number | null
  longitude: number | null
}

export interface PlanFigures {
  name?: string
  cells?: string[]
  altitude_agl_m?: number
  speed_m_s?: number
  area_m2?: number
  length_m?: number
  seconds?: number
  energy_wh?: number
  reserve_fraction?: number
}

export interface PatrolPlan extends PlanFigures {
  name: string
  cells: string[]
  home: [number, number, number]
  area: [number, number][][][]
  camera: { name: string; width_px: number; height_px: number; horizontal_fov_deg: number; pitch_deg: number }
  altitude_agl_m: number
  speed_m_s: number
  swath_m: number
  lane_spacing_m: number
  overlap: number
  sorties: Sortie[]
  area_m2: number
  uncovered_fraction: number
  outside_m: number
  length_m: number
  lower_bound_m: number
  ratio: number
  seconds: number
  energy_wh: number
  reserve_fraction: number
  findings: Finding[]
}

export interface StoredPlan {
  id: string
  created_at: string
  created_by: string
  plan: PatrolPlan
}

export interface PlanSummary {
  id: string
  created_at: string
  created_by: string
  name: string
  figures: PlanFigures
}

export interface PlanRequest {
  name?: string
  cells: string[]
  area: Polygon | null
  camera: string
  pitch_deg: number
  altitude_agl_m: number
  speed_m_s: number
  overlap: number
  aircraft: number
  agent: string | null
}

export type FlightRequestKind = 'fly' | 'pause' | 'resume' | 'return' | 'land' | 'second_look'
export interface FlightRequest {
  request_id: string
  kind: FlightRequestKind
  issued_at: string
  issued_by: string
  state: 'pending' | 'accepted' | 'refused'
  detail: string
  answered_at: string | null
}

export interface Flight {
  id: string
  plan_id: string
  agent: string
  aircraft: string
  name: string
  phase: Phase
  created_at: string
  created_by: string
  launched_at: string | null
  launched_by: string | null
  plan_aircraft: number
  departs_at: string | null
  takes_off_at: string | null
  finished_at: string | null
  requests: FlightRequest[]
  tickets: number
  plan: PlanFigures
}

/** How an aircraft flew: one list for each figure, all of one length. */
export interface Flown {
  at: string[]
  longitude: number[]
  latitude: number[]
  altitude_amsl_m: number[]
  altitude_above_home_m: (number | null)[]
  heading_deg: (number | null)[]
  ground_speed_m_s: (number | null)[]
  battery_fraction: (number | null)[]
  link_quality: (number | null)[]
  footprint: ([number, number][] | null)[]
}

/** A live picture that was kept; ``name`` is its time in milliseconds. */
export interface KeptPicture {
  at: string
  name: number
  boxes: OverlayBox[]
}

/** What a tester expects of a flight; the file of ``skybeat replay --expect``. */
export interface Expectation {
  tolerance_m: number
  tickets: { kind: KindName; lat: number; lon: number; cell?: string; count?: number }[]
}

export interface ComparedPair {
  kind: KindName
  lat: number
  lon: number
  cell: string | null
  ticket_id: string | null
  number: string | null
  metres: number | null
  wrong_place: boolean
  wrong_cell: boolean
}

export interface Compared {
  passed: boolean
  tolerance_m: number
  matched: ComparedPair[]
  misplaced: ComparedPair[]
  missing: ComparedPair[]
  extra: ComparedPair[]
}

export interface LogEntry {
  flight_id?: string
  at: string
  level: 'info' | 'warning' | 'alarm'
  code: string
  text: string
  phase: Phase | null
}

export interface Ellipse {
  semi_major_m: number
  semi_minor_m: number
  bearing_deg: number
}

export interface Reason {
  term: string
  value: number
  threshold: number
  unit: string
  fulfilled: boolean
  text: string
}

export interface Evidence {
  sha256: string
  role: 'snapshot' | 'clip' | 'original'
  media_type: string
  bytes: number
  captured_at: string
  redacted: boolean
  /** Whether the file has arrived. */
  stored?: boolean
}

export interface Sighting {
  id: string
  revision: number
  kind: KindName
  state: string
  confidence: number
  source: string
  flight_id: string | null
  first_seen_at: string
  last_seen_at: string
  lat: number | null
  lon: number | null
  altitude_amsl_m: number | null
  ce90_m: number | null
  ellipse: Ellipse | null
  cell: string | null
  cell_probabilities: Record<string, number>
  placed: boolean
  note: string
  people_count: number | null
  zone: string | null
  reasons: Reason[]
  evidence: Evidence[]
  ticket_id: string | null
  views: number
  weights: string
}

export type TicketState = 'reported' | 'filed' | 'dispatched' | 'closed' | 'rejected' | 'merged'
/** The queues of the desk; what is merged shows among all. */
export const TICKET_STATES: TicketState[] = ['reported', 'filed', 'dispatched', 'closed', 'rejected']

export interface Ticket {
  id: string
  number: string
  kind: KindName
  title: Words
  state: TicketState
  priority: Priority
  confidence: number
  cell: string | null
  cell_name: string | null
  lat: number
  lon: number
  ce90_m: number | null
  ellipse: Ellipse | null
  channel: string
  opened_at: string
  updated_at: string
  first_seen_at: string
  last_seen_at: string
  sightings: number
  flight_id: string | null
  thumbnail: string | null
  why: string | Words
  acknowledged: boolean
  due_at: string | null
  department?: string | null
}

/** What waits: not acknowledged, sent to one's own department, past its time. */
export const QUEUES = ['new', 'mine', 'overdue'] as const
export type QueueName = (typeof QUEUES)[number]

export type ActionName =
  | 'file'
  | 'dispatch'
  | 'close'
  | 'reject'
  | 'reopen'
  | 'comment'
  | 'acknowledge'
  | 'move'
  | 'adopt_place'
  | 'mark'
  | 'merge'
  | 'unmerge'

export type Verdict = 'confirmed' | 'false_alarm' | 'wrong_kind' | 'duplicate' | 'ordinary' | 'misplaced'
/** What the detector can find. */
export const CLASSES = ['person', 'bicycle', 'car', 'motorcycle', 'bus', 'truck', 'fire', 'smoke'] as const
/** Ready words of an action, and what they say about recognition. */
export interface Ready {
  text: string
  verdict?: Verdict
}
/** Something missed: a box on a picture, as fractions of it. */
export interface Mark {
  sha256: string
  name: string
  box: [number, number, number, number]
}

export interface TimelineEntry {
  at: string
  actor: string
  kind: string
  text: Words
  data: Record<string, unknown> | null
}

/** Another ticket, with the distance of its place. */
export interface TicketLink {
  id: string
  number: string
  kind: KindName
  state: TicketState
  metres: number
}

export interface TicketDetail extends Omit<Ticket, 'sightings'> {
  reasons: Reason[]
  sightings: Sighting[]
  evidence: Evidence[]
  candidates: { cell: string; name: string; probability: number }[]
  proposed_place?: { lat: number; lon: number; ce90_m: number; cell: string | null; metres: number } | null
  timeline: TimelineEntry[]
  actions: ActionName[]
  mergeable?: TicketLink[]
  merged_into?: TicketLink | null
}

/** What the map needs of a ticket. */
export type TicketPlace = Pick<Ticket, 'id' | 'kind' | 'state' | 'cell' | 'lat' | 'lon' | 'acknowledged'>

export interface TicketPage {
  items: Ticket[]
  total: number
  next_cursor: string | null
  counts: Partial<Record<TicketState, number>>
  queues: Partial<Record<QueueName, number>>
}

export interface Figures {
  tickets_by_state: Record<string, number>
  tickets_by_kind: Record<string, number>
  tickets_by_cell: Record<string, number>
  tickets_by_day: Record<string, number>
  /** Closed, and all that were neither rejected nor merged. */
  settled_by_priority: Record<string, [number, number]>
  flights: number
  sightings: number
  flight_hours: number
}

export interface AuditEntry {
  sequence: number
  at: string
  actor: string
  action: string
  subject: string
  data: Record<string, unknown>
  hash: string
}

export interface AuditVerdict {
  ok: boolean
  entries: number
  problem: string
  sequence: number | null
}

export interface OverlayBox {
  box: [number, number, number, number]
  name: string
  score: number
  track_id: number | null
  alert: KindName | null
}

export interface FrameHeader {
  agent: string
  flight_id: string | null
  captured_at: string
  width_px: number
  height_px: number
  boxes: OverlayBox[]
}

export interface Alert {
  ticket: Ticket
  why: string | Words
  thumbnail: string | null
}

export type LiveMessage =
  | { type: 'telemetry'; at: string; data: Telemetry }
  | { type: 'flight'; at: string; data: Flight }
  | { type: 'agent'; at: string; data: Aircraft }
  | { type: 'sighting'; at: string; data: Sighting }
  | { type: 'ticket'; at: string; data: Ticket & { event: string } }
  | { type: 'alert'; at: string; data: Alert }
  | { type: 'log'; at: string; data: LogEntry & { flight_id: string } }
  | { type: 'ping'; at: string; data: unknown }

export interface CellProperties {
  code: string
  name: string
  name_en?: string
  open_tickets: number
  area_m2: number
}
export type Cells = FeatureCollection<Polygon, CellProperties>
export type Track = Feature<LineString, { times: string[] }>

/** What is asked for instead of each cell's own service level; null leaves it. Algorithm "any": whichever. */
export interface SeenAsked {
  hours: number | null
  fineness_cm: number | null
  algorithm: string | null
}

/** A service level: a share of the ground seen within so many hours at so many centimetres for a pixel. */
export interface SeenLevel {
  hours: number
  fineness_cm: number
  share: number
  algorithm: string | null
}

export type SeenShow = 'age' | 'fineness' | 'dwell'

export interface SeenCoverage {
  ground_m2: number
  ever_m2: number
  recent_m2: number
  served_m2: number
  share: number
  wanted_share: number
  fulfilled: boolean
  last_seen_at: string | null
  fineness_cm: number | null
  dwell_s: number | null
}

export interface SeenCell extends SeenCoverage {
  code: string
  name: string
  name_en: string
  level: SeenLevel
}

/** The ground of a patrol within one cell; without a code: outside all cells. */
export interface SeenPart {
  code: string | null
  name: string
  name_en: string
  level: SeenLevel
  share: number
  fulfilled: boolean
}

export interface SeenPatrol extends SeenCoverage {
  flight_id: string
  name: string
  first_at: string
  last_at: string
  parts: SeenPart[]
}

export interface SeenCells {
  level: SeenLevel & { at: string }
  bounds: [west: number, south: number, east: number, north: number]
  algorithms: string[]
  cells: SeenCell[]
}

export interface SeenGaps {
  coverage: SeenCoverage
  gaps: FeatureCollection
}

export interface ReflyRequest extends SeenAsked {
  cells: string[]
  camera: string
  agent?: string | null
}
