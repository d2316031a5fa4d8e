import type { ListQuery, ListStore, RunSummary } from '@millrace/client';
import { maySee, type Principal, redactSummary } from '../../packages/server/src/auth/auth.ts';
import type { Bystander } from './bystander.ts';
import { TENANT } from './tokens.ts';
import { difference } from './verdicts.ts';
import type { Viewer, Watched } from './viewer.ts';
import type { World } from './world.ts';

/** What is not yet as it should be on the screens of a world that has come to rest. */
export async function judgeViews(world: World): Promise<string[]> {
  const found: string[] = [];
  for (const viewer of world.viewers) {
    const { state } = viewer.client.connection.getSnapshot();
    const wanted = viewer.runs.size + viewer.lists.size > 0;
    if (wanted && state !== 'live' && state !== 'polling') found.push(`${viewer.name} is ${state}`);
    for (const [key, watched] of viewer.runs) {
      for (const fault of judgeRun(world, viewer, watched)) found.push(`${viewer.name}, view of ${key}: ${fault}`);
    }
    for (const [key, { store }] of viewer.lists) {
      for (const fault of await judgeList(world, viewer, store)) found.push(`${viewer.name}, list ${key}: ${fault}`);
    }
    found.push(...viewer.tap.behind);
  }
  for (const bystander of world.bystanders) found.push(...judgeBystander(world, bystander));
  return found;
}

/** Whoever follows a list's events stands at the head of each of its runs, or has been told of its end. */
function judgeBystander({ ledger }: World, { name, rows, cursors, tap }: Bystander): string[] {
  const late = [...rows].filter(
    (run) => !ledger.wasDeleted(run) && cursors.get(run) !== `${ledger.epoch}:${ledger.head(run)}`,
  );
  return [
    ...late.map((run) => `${name} is at ${cursors.get(run)} of ${run}, and the head is ${ledger.head(run)}`),
    ...tap.behind,
  ];
}

function judgeRun(world: World, { person }: Viewer, { store, events }: Watched): string[] {
  const { ledger } = world;
  const { view, status, cursor, continuity } = store.getSnapshot();
  const { id: run, filter } = store;
  const head = ledger.head(run);
  const first = ledger.seen(run, 1, 1, { hide: [] })[0];
  const created = first?.type === 'run.created' ? first.data : undefined;
  const principal = principalOf(person);
  const visible = created && maySee(principal, { id: run, owner: created.owner ?? '', tags: created.tags ?? [] });
  if (ledger.wasDeleted(run) || !visible) {
    return status === 'missing' || (ledger.wasDeleted(run) && status === 'ready') ? [] : [`is ${status}`];
  }
  const found: string[] = [];
  if (status !== 'ready') found.push(`is ${status}`);
  if (cursor !== `${ledger.epoch}:${head}`) found.push(`is at ${cursor}, and the head is ${head}`);
  if (continuity === 'gap') found.push('has a gap');
  const sight = { hide: person.hide ?? [], filter };
  const wrong = difference(plain(view), plain(ledger.view(run, head, sight)));
  if (wrong) found.push(wrong);
  for (const [place, { seq }] of events.entries()) {
    const before = events[place - 1]?.seq ?? 0;
    if (seq <= before && continuity === 'complete') found.push(`event ${seq} was handed out after ${before}`);
  }
  return found;
}

async function judgeList(world: World, { person }: Viewer, store: ListStore): Promise<string[]> {
  const { rows, total, status } = store.getSnapshot();
  if (status !== 'ready') return [`is ${status}`];
  const all = await rowsOf(world, principalOf(person), store.query);
  const { limit = 50 } = store.query;
  // Nobody is told that a run was deleted: its row stays until the rows are read again.
  if (rows.some(({ id }) => world.ledger.wasDeleted(id))) return [];
  const found: string[] = [];
  // Of runs beyond the limit the client is told when they change, and cannot know whether they were counted.
  if (total !== all.length && all.length <= limit) found.push(`counts ${total}, not ${all.length}`);
  if (rows.length !== Math.min(limit, all.length)) found.push(`shows ${rows.length} of ${all.length}`);
  for (const shown of rows) {
    const place = all.findIndex(({ id }) => id === shown.id);
    // Content moves the head and no row.
    const wrong = place < 0 ? 'is not of it' : difference({ ...shown, seq: 0 }, { ...all[place], seq: 0 });
    if (wrong) found.push(`shows ${shown.id}, which ${wrong}`);
    // Clocks of servers differ: what is newer is clear where it is by a second, and in the order of writing.
    const newer = all.slice(0, Math.max(0, place)).find(({ createdAt }) => createdAt > shown.createdAt + 1_000);
    if (newer && !rows.some(({ id }) => id === newer.id)) found.push(`shows ${shown.id}, but not ${newer.id}`);
  }
  return found;
}

/** All that belong to a list, in the store's order. */
async function rowsOf(world: World, principal: Principal, query: ListQuery): Promise<RunSummary[]> {
  const { limit: _limit, ...rest } = query;
  const { rows } = await world.store.runRows({ ...rest, tenant: TENANT, limit: 10_000 });
  return rows
    .filter(({ summary }) => maySee(principal, summary))
    .map(({ summary }) => plain(redactSummary(summary, principal)));
}

function principalOf(person: Viewer['person']): Principal {
  return { ...person, tenant: TENANT, scopes: [], expires: 0 };
}

function plain<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}
