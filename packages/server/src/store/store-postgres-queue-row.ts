import { createHash } from 'node:crypto';
import type { QueueRow } from './store.ts';
import { nameIn, shortName } from './store-postgres-names.ts';

/** A queue row as the database's functions take it. Rows with the same `gate` wait for the same slots and rate. */
export function queueRow({ node, task, version, queue, priority, at, slots, rate }: QueueRow): object {
  const row = { node: nameIn(node), task: nameIn(task), queue: nameIn(queue), priority, at };
  const versioned = version === undefined ? row : { ...row, version: nameIn(version) };
  if (!slots && !rate) return versioned;
  const gates = JSON.stringify({ slots, rate });
  const gated = {
    gates,
    gate: createHash('sha256')
      .update(JSON.stringify([queue, gates]))
      .digest('base64'),
    slots: slots?.map(({ key }) => shortName(key)),
    limits: slots?.map(({ limit }) => limit),
  };
  if (!rate) return { ...versioned, ...gated };
  return { ...versioned, ...gated, rate: shortName(rate.key), rate_limit: rate.limit, rate_per: rate.per };
}
