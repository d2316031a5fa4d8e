/**
 * Every error code with what programs need of it: the HTTP status, the WebSocket close code where the connection itself
 * ends, and whether the same request may succeed later. What people need, title and mending, stands in error.ts.
 */
export interface ErrorStatus {
  http: number;
  /** WebSocket close code; null = the connection is kept and the error is a message on it */
  close: number | null;
  /** true = the same request may succeed when it is sent again later */
  retry: boolean;
}

export const errorStatus = {
  invalid_request: status(400),
  invalid_json: status(400),
  invalid_cursor: status(400),
  invalid_message: status(400),
  unauthorized: status(401, false, 4401),
  token_expired: status(401, false, 4401),
  forbidden: status(403),
  origin_not_allowed: status(403, false, 4403),
  host_not_allowed: status(403),
  not_found: status(404),
  run_not_found: status(404),
  workflow_not_found: status(404),
  node_not_found: status(404),
  wait_not_found: status(404),
  checkpoint_not_found: status(404),
  checkpoint_expired: status(410),
  file_not_found: status(404),
  run_deleted: status(410),
  invalid_transition: status(409),
  run_ended: status(409),
  run_paused: status(409, true),
  stale_attempt: status(409),
  wait_ended: status(409),
  already_answered: status(409),
  step_name_reused: status(409),
  journal_mismatch: status(409),
  producer_gap: status(409),
  stale_producer: status(409),
  idempotency_conflict: status(409),
  outdated: status(409),
  ttl_expired: status(500),
  schedule_not_found: status(404),
  schedule_invalid: status(422),
  link_spent: status(410),
  child_failed: status(500),
  input_timed_out: status(504),
  approval_rejected: status(500),
  newer_log: status(409),
  empty_graph: status(422),
  graph_cycle: status(422),
  graph_invalid: status(422),
  event_unknown: status(422),
  event_invalid: status(422),
  event_not_allowed: status(422),
  input_invalid: status(422),
  expression_invalid: status(422),
  expression_failed: status(422),
  expression_timeout: status(422),
  expression_memory: status(422),
  payload_too_large: status(413, false, 1009),
  rate_limited: status(429, true),
  task_failed: status(500),
  step_failed: status(500),
  timeout: status(504),
  lease_lost: status(500),
  hung: status(500),
  storage_full: status(507, true),
  storage_unavailable: status(503, true),
  data_folder_in_use: status(500),
  database_corrupt: status(500),
  database_too_new: status(500),
  config_invalid: status(500),
  port_in_use: status(500),
  unreachable: status(503, true),
  command_dropped: status(503),
  shutting_down: status(503, true, 1012),
  subscription_limit: status(429),
  slow_consumer: status(503, true, 4408),
  internal: status(500, true, 1011),
} as const satisfies Record<string, ErrorStatus>;

export type ErrorCode = keyof typeof errorStatus;

function status(http: number, retry = false, close: number | null = null): ErrorStatus {
  return { http, close, retry };
}
