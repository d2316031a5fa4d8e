import { type ErrorCode, type ErrorRow, knowErrors } from './error-code.ts';
import { errorStatus } from './error-status.ts';

export { type ErrorCode, type ErrorRow, MillraceError, type Problem, type Refusal } from './error-code.ts';
export { toProblem } from './problem.ts';

/**
 * What went wrong, and how to mend it, in words: one line per code, and error-status.ts has the rest of the row.
 * `docs/errors.md` is checked against both, in both directions.
 */
const texts: Record<ErrorCode, readonly [title: string, fix: string]> = {
  invalid_request: [
    'The request does not have the expected form.',
    'Compare the request with the named field in the OpenAPI document.',
  ],
  invalid_json: ['The body is not JSON.', 'Send a JSON body with Content-Type: application/json.'],
  invalid_cursor: [
    'The cursor cannot be read.',
    'Send back a cursor exactly as the server gave it, or a bare sequence number.',
  ],
  invalid_message: [
    'The message on the socket cannot be understood.',
    'Send one JSON object per message, of a type that the protocol names.',
  ],
  unauthorized: [
    'A token is missing or cannot be accepted.',
    'Send Authorization: Bearer TOKEN. `millrace token` makes one.',
  ],
  token_expired: ['The token has expired.', 'Get a new token and connect again with the same cursor.'],
  forbidden: ['The token does not allow this.', 'Use a token with the scope that the detail names.'],
  origin_not_allowed: ['Browsers on this origin may not connect.', 'Add the origin to MILLRACE_ORIGINS.'],
  host_not_allowed: [
    'The Host header names neither localhost nor an allowed host.',
    'Configure MILLRACE_JWT_SECRET and MILLRACE_HOSTS to serve other names.',
  ],
  not_found: [
    'There is nothing here under this name that you may see.',
    "Check the id and the token's user and tenant.",
  ],
  run_not_found: ['There is no such run that you may see.', "Check the run's id and the token's user and tenant."],
  workflow_not_found: [
    'No workflow of this name is registered.',
    'Start a worker that registers it, or list the names with GET /api/workflows.',
  ],
  node_not_found: ['The run has no such node.', "Look at the run's graph with GET /api/runs/{id}."],
  wait_not_found: ['The run has no such approval or input.', "Look at the run's open waits with GET /api/runs/{id}."],
  checkpoint_not_found: ['No checkpoint was ever saved under this key.', 'Save one with ctx.checkpoint first.'],
  checkpoint_expired: ['The checkpoint has expired.', 'Resume restarts from the last finished step.'],
  file_not_found: ['There is no such file.', 'Check the address in the file.created event.'],
  run_deleted: ['The run was deleted by retention.', 'Nothing can be read of it any more.'],
  invalid_transition: [
    'The run or node cannot go from its state to the one asked for.',
    'The detail names the states that are allowed from here.',
  ],
  run_ended: ['The run has ended; its log is closed.', 'Start a new run.'],
  run_paused: ['The run is paused; nothing new may start in it.', 'Resume the run first.'],
  stale_attempt: ["This attempt no longer holds the node's lease.", 'Stop the work; another attempt has it.'],
  wait_ended: ['The wait has already ended.', 'The detail holds its answer.'],
  already_answered: ['Somebody has already answered this.', 'The first answer stands; the detail holds it.'],
  step_name_reused: [
    'The same step name was used twice in one attempt.',
    'Give each call its own key: ctx.step(name, fn, {key}).',
  ],
  journal_mismatch: [
    "A durable call does not match what the run's log holds for it.",
    'Keep the kinds of durable calls under their names, or register the task under a new version.',
  ],
  producer_gap: [
    'A sequence number of this producer is missing.',
    'Send the missing appends first; the detail names the expected number.',
  ],
  stale_producer: ['A producer with a newer term has taken over.', 'Stop; another process writes now.'],
  idempotency_conflict: ['The idempotency key was already used with another body.', 'Use a new key for a new request.'],
  outdated: ['The run has moved on since you saw it.', 'Look at the run as it is now and decide again.'],
  ttl_expired: ['Nobody claimed the run within its time to live.', 'Start workers for its tasks, or raise the ttl.'],
  schedule_not_found: ['There is no such schedule.', 'List them with GET /api/schedules.'],
  schedule_invalid: [
    'The schedule cannot be used.',
    'Mend the cron expression, interval or time zone that the detail names.',
  ],
  link_spent: ['This link has been used, has expired, or was revoked.', 'Ask for a new link.'],
  child_failed: ['A child run did not complete.', "Read the child run's error."],
  input_timed_out: ['Nobody gave the input in time, and it has no default.', 'Give a default or more time.'],
  approval_rejected: [
    'An approval was rejected, and its node fails by that.',
    'Start the run again when what was rejected has changed.',
  ],
  newer_log: ['The run holds an event that this server does not understand.', 'Upgrade this server.'],
  empty_graph: ['A workflow needs at least one node.', 'Add a node.'],
  graph_cycle: ['The graph has a cycle.', 'Remove one of the needs that the detail names.'],
  graph_invalid: ['The graph is not valid.', 'Mend the place that the detail names.'],
  event_unknown: ['There is no event of this type.', 'Use a type of the catalogue.'],
  event_invalid: ["The event's data does not match its schema.", 'Mend the field that the detail names.'],
  event_not_allowed: [
    'This event is written by the engine, not by a client or worker.',
    'Use the command that causes it.',
  ],
  input_invalid: ['The input does not match its schema.', 'Mend the fields that the detail names.'],
  expression_invalid: [
    'The expression cannot be parsed.',
    'Mend the JSONata expression at the place that the detail names.',
  ],
  expression_failed: ['The expression could not be evaluated.', 'Mend the expression or the data that it reads.'],
  expression_timeout: ['The expression took too long.', 'Make the expression simpler.'],
  expression_memory: ['The expression used too much memory.', 'Make the expression simpler.'],
  payload_too_large: ['The body or event is over the size limit.', 'Send less, or put large values into a file.'],
  rate_limited: ['Too many requests.', 'Wait as long as Retry-After says.'],
  task_failed: ['The task threw an error.', "Read the error and the run's log."],
  step_failed: ['A step threw an error.', "Read the error and the run's log."],
  timeout: ['The node took longer than its time limit.', "Raise the node's timeout or do less in it."],
  lease_lost: [
    'Three attempts in a row lost their worker.',
    'Look for crashes or starvation in the workers that run this task.',
  ],
  hung: ['Nothing was heard of it for too long.', 'Report progress, or raise the limit.'],
  storage_full: ['The store has no room left.', 'Free disk space; appends go on by themselves.'],
  storage_unavailable: ['The store does not answer.', 'Nothing was acknowledged. Send it again.'],
  data_folder_in_use: [
    'Another process owns this data folder.',
    'Stop the other server or choose another MILLRACE_DATA folder.',
  ],
  database_corrupt: ['The database file is damaged.', 'Restore it from a backup; nothing was changed.'],
  database_too_new: ['The database was written by a newer version.', 'Use that version; nothing was changed.'],
  config_invalid: ['A setting cannot be used.', 'Mend the environment variable that the detail names.'],
  port_in_use: ['The port is taken.', 'Set PORT to a free one.'],
  unreachable: [
    'The server cannot be reached.',
    "Check the network and the server's address; a request with an idempotency key may safely be sent again.",
  ],
  command_dropped: [
    'The command waited for the connection and was let go.',
    'Give it again when the connection is back; an answer or a confirmed command waits for as long as it takes.',
  ],
  shutting_down: ['The server is shutting down.', 'Connect again; the cursor stays valid.'],
  subscription_limit: [
    'The connection holds too many subscriptions.',
    'Unsubscribe from what is no longer shown, or open a second connection.',
  ],
  slow_consumer: ['The reader is too slow to be kept.', 'Connect again with the last cursor.'],
  internal: ['Something went wrong in the server.', "Read the server's log; the request id is in the answer."],
};

/** The one table of error codes. */
export const errors = Object.fromEntries(
  Object.entries(texts).map(([code, [title, fix]]) => [code, { ...errorStatus[code as ErrorCode], title, fix }]),
) as Record<ErrorCode, ErrorRow>;

knowErrors((code) => errors[code]);

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errors, code);
}
