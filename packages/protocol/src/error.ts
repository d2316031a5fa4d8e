/**
 * The one table of error codes: what went wrong, the HTTP status, the WebSocket close code where the
 * connection itself ends, and whether the same request may succeed later. `docs/errors.md` is checked
 * against it in both directions.
 */
export interface ErrorRow {
  http: number;
  /** WebSocket close code; null = the connection is kept and the error is a message on it */
  close: number | null;
  /** true = the same request may succeed when it is sent again later */
  retry: boolean;
  title: string;
  /** how to mend it */
  fix: string;
}

export const errors = {
  invalid_request: row(
    400,
    false,
    'The request does not have the expected form.',
    'Compare the request with the named field in the OpenAPI document.',
  ),
  invalid_json: row(400, false, 'The body is not JSON.', 'Send a JSON body with Content-Type: application/json.'),
  invalid_cursor: row(
    400,
    false,
    'The cursor cannot be read.',
    'Send back a cursor exactly as the server gave it, or a bare sequence number.',
  ),
  invalid_message: row(
    400,
    false,
    'The message on the socket cannot be understood.',
    'Send one JSON object per message, of a type that the protocol names.',
  ),
  unauthorized: row(
    401,
    false,
    'A token is missing or cannot be accepted.',
    'Send Authorization: Bearer TOKEN. `millrace token` makes one.',
    4401,
  ),
  token_expired: row(
    401,
    false,
    'The token has expired.',
    'Get a new token and connect again with the same cursor.',
    4401,
  ),
  forbidden: row(403, false, 'The token does not allow this.', 'Use a token with the scope that the detail names.'),
  origin_not_allowed: row(
    403,
    false,
    'Browsers on this origin may not connect.',
    'Add the origin to MILLRACE_ORIGINS.',
    4403,
  ),
  host_not_allowed: row(
    403,
    false,
    'The Host header names neither localhost nor an allowed host.',
    'Configure MILLRACE_JWT_SECRET and MILLRACE_HOSTS to serve other names.',
  ),
  not_found: row(
    404,
    false,
    'There is nothing here under this name that you may see.',
    "Check the id and the token's user and tenant.",
  ),
  run_not_found: row(
    404,
    false,
    'There is no such run that you may see.',
    "Check the run's id and the token's user and tenant.",
  ),
  workflow_not_found: row(
    404,
    false,
    'No workflow of this name is registered.',
    'Start a worker that registers it, or list the names with GET /api/workflows.',
  ),
  node_not_found: row(404, false, 'The run has no such node.', "Look at the run's graph with GET /api/runs/{id}."),
  wait_not_found: row(
    404,
    false,
    'The run has no such approval or input.',
    "Look at the run's open waits with GET /api/runs/{id}.",
  ),
  checkpoint_not_found: row(
    404,
    false,
    'No checkpoint was ever saved under this key.',
    'Save one with ctx.checkpoint first.',
  ),
  checkpoint_expired: row(410, false, 'The checkpoint has expired.', 'Resume restarts from the last finished step.'),
  file_not_found: row(404, false, 'There is no such file.', 'Check the address in the file.created event.'),
  run_deleted: row(410, false, 'The run was deleted by retention.', 'Nothing can be read of it any more.'),
  invalid_transition: row(
    409,
    false,
    'The run or node cannot go from its state to the one asked for.',
    'The detail names the states that are allowed from here.',
  ),
  run_ended: row(409, false, 'The run has ended; its log is closed.', 'Start a new run.'),
  run_paused: row(409, true, 'The run is paused; nothing new may start in it.', 'Resume the run first.'),
  stale_attempt: row(
    409,
    false,
    "This attempt no longer holds the node's lease.",
    'Stop the work; another attempt has it.',
  ),
  wait_ended: row(409, false, 'The wait has already ended.', 'The detail holds its answer.'),
  already_answered: row(
    409,
    false,
    'Somebody has already answered this.',
    'The first answer stands; the detail holds it.',
  ),
  step_name_reused: row(
    409,
    false,
    'The same step name was used twice in one attempt.',
    'Give each call its own key: ctx.step(name, fn, {key}).',
  ),
  journal_mismatch: row(
    409,
    false,
    "A durable call does not match what the run's log holds for it.",
    'Keep the kinds of durable calls under their names, or register the task under a new version.',
  ),
  producer_gap: row(
    409,
    false,
    'A sequence number of this producer is missing.',
    'Send the missing appends first; the detail names the expected number.',
  ),
  stale_producer: row(409, false, 'A producer with a newer term has taken over.', 'Stop; another process writes now.'),
  idempotency_conflict: row(
    409,
    false,
    'The idempotency key was already used with another body.',
    'Use a new key for a new request.',
  ),
  outdated: row(409, false, 'The run has moved on since you saw it.', 'Look at the run as it is now and decide again.'),
  ttl_expired: row(
    500,
    false,
    'Nobody claimed the run within its time to live.',
    'Start workers for its tasks, or raise the ttl.',
  ),
  schedule_not_found: row(404, false, 'There is no such schedule.', 'List them with GET /api/schedules.'),
  schedule_invalid: row(
    422,
    false,
    'The schedule cannot be used.',
    'Mend the cron expression, interval or time zone that the detail names.',
  ),
  link_spent: row(410, false, 'This link has been used, has expired, or was revoked.', 'Ask for a new link.'),
  child_failed: row(500, false, 'A child run did not complete.', "Read the child run's error."),
  input_timed_out: row(
    504,
    false,
    'Nobody gave the input in time, and it has no default.',
    'Give a default or more time.',
  ),
  approval_rejected: row(
    500,
    false,
    'An approval was rejected, and its node fails by that.',
    'Start the run again when what was rejected has changed.',
  ),
  newer_log: row(409, false, 'The run holds an event that this server does not understand.', 'Upgrade this server.'),
  empty_graph: row(422, false, 'A workflow needs at least one node.', 'Add a node.'),
  graph_cycle: row(422, false, 'The graph has a cycle.', 'Remove one of the needs that the detail names.'),
  graph_invalid: row(422, false, 'The graph is not valid.', 'Mend the place that the detail names.'),
  event_unknown: row(422, false, 'There is no event of this type.', 'Use a type of the catalogue.'),
  event_invalid: row(
    422,
    false,
    "The event's data does not match its schema.",
    'Mend the field that the detail names.',
  ),
  event_not_allowed: row(
    422,
    false,
    'This event is written by the engine, not by a client or worker.',
    'Use the command that causes it.',
  ),
  input_invalid: row(422, false, 'The input does not match its schema.', 'Mend the fields that the detail names.'),
  expression_invalid: row(
    422,
    false,
    'The expression cannot be parsed.',
    'Mend the JSONata expression at the place that the detail names.',
  ),
  expression_failed: row(
    422,
    false,
    'The expression could not be evaluated.',
    'Mend the expression or the data that it reads.',
  ),
  expression_timeout: row(422, false, 'The expression took too long.', 'Make the expression simpler.'),
  expression_memory: row(422, false, 'The expression used too much memory.', 'Make the expression simpler.'),
  payload_too_large: row(
    413,
    false,
    'The body or event is over the size limit.',
    'Send less, or put large values into a file.',
    1009,
  ),
  rate_limited: row(429, true, 'Too many requests.', 'Wait as long as Retry-After says.'),
  task_failed: row(500, false, 'The task threw an error.', "Read the error and the run's log."),
  step_failed: row(500, false, 'A step threw an error.', "Read the error and the run's log."),
  timeout: row(504, false, 'The node took longer than its time limit.', "Raise the node's timeout or do less in it."),
  lease_lost: row(
    500,
    false,
    'Three attempts in a row lost their worker.',
    'Look for crashes or starvation in the workers that run this task.',
  ),
  hung: row(500, false, 'Nothing was heard of it for too long.', 'Report progress, or raise the limit.'),
  storage_full: row(507, true, 'The store has no room left.', 'Free disk space; appends go on by themselves.'),
  storage_unavailable: row(503, true, 'The store does not answer.', 'Nothing was acknowledged. Send it again.'),
  data_folder_in_use: row(
    500,
    false,
    'Another process owns this data folder.',
    'Stop the other server or choose another MILLRACE_DATA folder.',
  ),
  database_corrupt: row(500, false, 'The database file is damaged.', 'Restore it from a backup; nothing was changed.'),
  database_too_new: row(
    500,
    false,
    'The database was written by a newer version.',
    'Use that version; nothing was changed.',
  ),
  config_invalid: row(500, false, 'A setting cannot be used.', 'Mend the environment variable that the detail names.'),
  port_in_use: row(500, false, 'The port is taken.', 'Set PORT to a free one.'),
  unreachable: row(
    503,
    true,
    'The server cannot be reached.',
    "Check the network and the server's address; a request with an idempotency key may safely be sent again.",
  ),
  shutting_down: row(503, true, 'The server is shutting down.', 'Connect again; the cursor stays valid.', 1012),
  subscription_limit: row(
    429,
    false,
    'The connection holds too many subscriptions.',
    'Unsubscribe from what is no longer shown, or open a second connection.',
  ),
  slow_consumer: row(503, true, 'The reader is too slow to be kept.', 'Connect again with the last cursor.', 4408),
  internal: row(
    500,
    true,
    'Something went wrong in the server.',
    "Read the server's log; the request id is in the answer.",
    1011,
  ),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errors;

function row(http: number, retry: boolean, title: string, fix: string, close: number | null = null): ErrorRow {
  return { http, close, retry, title, fix };
}

/** A refusal as data: what pure decisions return and what every surface shows. */
export interface Refusal {
  code: ErrorCode;
  /** this case in one sentence */
  detail?: string;
  /** machine-readable facts about this case, e.g. `{from, to, allowed}` */
  facts?: Record<string, unknown>;
}

/** The error that every public function throws: a stable code and how to mend it. */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly facts: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, about: { detail?: string; facts?: Record<string, unknown>; cause?: unknown } = {}) {
    super(about.detail ?? errors[code].title, about.cause === undefined ? undefined : { cause: about.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.detail = about.detail;
    this.facts = about.facts;
  }

  get row(): ErrorRow {
    return errors[this.code];
  }
}

/** RFC 9457 problem+json, the body of every HTTP error and the payload of an `error` frame. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail?: string;
  fix: string;
  retry: boolean;
  [fact: string]: unknown;
}

export function toProblem(refusal: Refusal): Problem {
  const known = errors[refusal.code];
  return {
    ...refusal.facts,
    type: `https://millrace.dev/errors#${refusal.code}`,
    title: known.title,
    status: known.http,
    code: refusal.code,
    ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
    fix: known.fix,
    retry: known.retry,
  };
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errors, code);
}
