import { MillraceError, type Schedule } from '@millrace/protocol';
import { afterEach, expect, test, vi } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { ada, Rig } from '../engine/engine.rig.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { job, stepUntil } from './sweep.rig.ts';
import { MINUTE } from './sweep-options.ts';

const rigs: Rig[] = [];
afterEach(async () => {
  for (const made of rigs.splice(0)) await Promise.all([made.scheduler.stop(), made.engine.stop()]);
});

/** So many servers on one store and one clock; the first has a worker. */
async function servers(count: number, clock = new SimulatedClock(Date.parse('2027-01-01T00:00:10Z'))) {
  const store = new MemoryStore('e');
  const made = Array.from({ length: count }, (_, n) => new Rig(store, { clock, boot: `boot-${n}` }));
  rigs.push(...made);
  for (const one of made) one.scheduler.start();
  const [first] = made as [Rig];
  await first.worker('w', ['t'], [job]);
  const runs = async () => {
    const { rows } = await store.runRows({ tenant: 'default', tag: 'schedule:s', limit: 1_000 });
    return rows.map((row) => new Date(row.summary.createdAt).toISOString().slice(11, 19)).reverse();
  };
  const until = (check: () => Promise<void>) => stepUntil(clock, 1_000, check);
  return { made, first, store, clock, runs, until, schedules: first.scheduler.schedules };
}

const every: Schedule = { id: 's', workflow: 'job', every: MINUTE, enabled: true };
const info = (id = 's') => rigs[0]!.scheduler.schedules.find('default', id);

test('[SCH-9] an interval starts a run each time, with its input, tags and the owner who made it', async () => {
  const { schedules, until, runs, store, first } = await servers(1);
  await schedules.put(ada, { ...every, input: { n: 1 }, tags: ['nightly'], options: { priority: 3 } });
  await until(async () => expect(await runs()).toEqual(['00:01:10', '00:02:10', '00:03:10']));
  const { rows } = await store.runRows({ tenant: 'default', tag: 'nightly', limit: 9 });
  expect(rows.map((row) => row.summary)).toMatchObject([{ owner: 'ada' }, {}, {}]);
  expect((await first.log(rows[0]!.run))[0]).toMatchObject({ data: { input: { n: 1 }, options: { priority: 3 } } });
  expect(await info()).toMatchObject({
    ...{ by: 'user:ada', lastRun: rows[0]!.run, every: MINUTE },
    ...{ lastAt: Date.parse('2027-01-01T00:03:10Z'), nextAt: Date.parse('2027-01-01T00:04:10Z') },
  });
});

test('[SCH-9] three servers over one store start each firing of a cron schedule exactly once', async () => {
  const { schedules, until, runs } = await servers(3);
  await schedules.put(ada, { id: 's', workflow: 'job', cron: '*/2 * * * *', enabled: true });
  const times = ['00:02:00', '00:04:00', '00:06:00', '00:08:00', '00:10:00'];
  await until(async () => expect(await runs()).toEqual(times));
});

test('[SCH-10] firings that were missed while no server was up are made good by one, and then it goes on in time', async () => {
  const { schedules, clock, first, store, runs, until } = await servers(1);
  await schedules.put(ada, every);
  await first.scheduler.stop();
  clock.advance(10 * MINUTE + 5_000);
  const after = new Rig(store, { clock, boot: 'after' });
  rigs.push(after);
  after.scheduler.start();
  await until(async () => expect(await runs()).toEqual([expect.stringMatching(/^00:10:1/), '00:11:10', '00:12:10']));
});

test('[SCH-9] a server that dies between the run and the next firing leaves a repetition that starts nothing', async () => {
  const { schedules, until, store, runs } = await servers(1);
  await schedules.put(ada, every);
  const put = vi.spyOn(store, 'putSchedule').mockRejectedValueOnce(new MillraceError('storage_unavailable'));
  const putDue = vi.spyOn(store, 'putDue').mockRejectedValueOnce(new MillraceError('storage_unavailable'));
  await until(async () => expect(await runs()).toEqual(['00:01:10', '00:02:10']));
  expect(put).toHaveBeenCalled();
  expect(putDue).toHaveBeenCalled();
});

test('[SCH-9] the echo of an earlier firing starts nothing, even when its run has been deleted', async () => {
  const { schedules, until, store, runs } = await servers(1);
  await schedules.put(ada, every);
  const fire = { type: 'fire', schedule: 's', at: Date.parse('2027-01-01T00:01:10Z') };
  const row = { tenant: 'default', run: 'schedule:s', key: 'fire', at: fire.at, command: JSON.stringify(fire) };
  await until(async () => expect(await runs()).toHaveLength(1));
  const run = (await info())?.lastRun as string;
  await store.deleteRun({ tenant: 'default', run });
  await store.putDue([row]);
  await until(async () => expect(await runs()).toEqual(['00:02:10', '00:03:10']));
});

test('[SCH-12] a firing that is refused is kept as lastError, and the schedule goes on', async () => {
  const { schedules, until, runs } = await servers(1);
  await schedules.put(ada, { ...every, workflow: 'nobody' });
  await until(async () => expect((await info())?.lastError).toMatchObject({ code: 'workflow_not_found' }));
  await schedules.put(ada, every);
  await until(async () => expect(await runs()).toEqual(['00:02:10']));
  await until(async () => expect((await info())?.lastError).toBeUndefined());
});

test('[SCH-12] a schedule that cannot be used is refused, and what stood there stays', async () => {
  const { schedules } = await servers(1);
  const stored = await schedules.put(ada, every);
  await expect(schedules.put(ada, { id: 's', workflow: 'job', cron: 'x', enabled: true })).rejects.toMatchObject({
    code: 'schedule_invalid',
  });
  expect(await info()).toEqual(stored);
  await expect(schedules.delete('default', 'other')).rejects.toMatchObject({ code: 'schedule_not_found' });
});

test('[SCH-13] putting a schedule again with the same times leaves its next firing where it was; other times begin anew', async () => {
  const { schedules, clock } = await servers(1);
  const { nextAt } = await schedules.put(ada, every);
  clock.advance(20_000);
  expect(await schedules.put({ ...ada, by: 'user:bob' }, { ...every, input: 2 })).toMatchObject({
    ...{ nextAt, input: 2, by: 'user:ada' },
  });
  expect(await schedules.put(ada, { ...every, every: 2 * MINUTE })).toMatchObject({ nextAt: clock.now() + 2 * MINUTE });
});

test('[SCH-13] a disabled or deleted schedule does not fire; enabled again, it fires at its next time and makes up nothing', async () => {
  const { schedules, until, runs, clock, store } = await servers(1);
  await schedules.put(ada, { ...every, enabled: false });
  expect(await store.nextDue()).toBeUndefined();
  clock.advance(10 * MINUTE);
  const { nextAt } = await schedules.put(ada, every);
  expect(nextAt).toBe(clock.now() + MINUTE);
  await until(async () => expect(await runs()).toEqual(['00:11:10']));
  await schedules.delete('default', 's');
  expect(await store.nextDue()).toBeUndefined();
  expect(await schedules.list('default')).toEqual([]);
  expect(await runs()).toEqual(['00:11:10']);
});

test('[SCH-13] a replacement that comes while a firing is under way stands', async () => {
  const { schedules, until, clock } = await servers(1);
  await schedules.put(ada, every);
  const replaced: Promise<unknown>[] = [];
  const { engine } = rigs[0]!;
  const create = vi.spyOn(engine, 'create');
  create.mockImplementationOnce((...request) => {
    replaced.push(schedules.put(ada, { ...every, every: 30 * MINUTE }));
    return engine.create(...request);
  });
  await until(async () => expect(replaced).toHaveLength(1));
  await Promise.all(replaced);
  expect(await info()).toMatchObject({ every: 30 * MINUTE, lastRun: expect.any(String) });
  expect((await info())?.nextAt).toBeGreaterThan(clock.now() + 29 * MINUTE);
});
