import { expect, test } from 'vitest';
import type { Store } from '../store/store.ts';
import { ada, done, mill, type Rig, start } from './engine.rig.ts';
import { backlog, workOff } from './engine-backlog.suite.ts';
import { type OpenStore, servers } from './engine-factory.suite.ts';
import { job } from './engine-hands.suite.ts';

const key = (run: string) => ({ tenant: 'default', run });

const told = ({ engine }: Rig, run: string, id: string, sequence: number) =>
  engine.append(ada, run, {
    events: [{ type: 'log', data: { level: 'info', message: `${id} ${sequence}` } }],
    producer: { id, term: 1, sequence },
  });

/** `another`: a store over the same data as this server's, for a second one. */
export function engineManyServersSuite(open: OpenStore, another: (one: Rig) => Store | Promise<Store>): void {
  const { rig, beside } = servers(open);

  /** Two servers over the same data, without any hint between them. */
  async function two(): Promise<{ a: Rig; b: Rig; run: string }> {
    const a = await rig({ boot: 'a' });
    const b = beside(a, { boot: 'b', store: await another(a) });
    const run = await start(a, { name: 'job', nodes: [{ id: 'n', task: 't' }] });
    await b.worker('w', ['t'], [{ name: 'job', nodes: [{ id: 'n', task: 't' }] }]);
    return { a, b, run };
  }

  test('[ENG-73] what a server answers of a run is what another one has written, not what it remembers', async () => {
    const { a, b, run } = await two();
    expect((await a.engine.control(key(run)))?.control.status).toBe('created');
    const [attempt] = await b.claim('w');
    expect((await a.engine.control(key(run)))?.control.status).toBe('running');
    await b.append(attempt!, done());
    expect((await a.engine.control(key(run)))?.control.status).toBe('completed');
  });

  test('[ENG-73] an attempt that another server started may append here', async () => {
    const { a, b, run } = await two();
    await a.engine.control(key(run));
    const [attempt] = await b.claim('w');
    await a.append(attempt!, done({ by: 'a' }));
    expect((await b.engine.control(key(run)))?.control.status).toBe('completed');
  });

  test('[ENG-73] a command is refused for what is, not for what was', async () => {
    const { a, b, run } = await two();
    const [attempt] = await a.claim('w');
    expect(attempt).toBeDefined();
    await b.engine.command(ada, run, { type: 'pause' });
    await b.append(attempt!, { type: 'node.parked', data: { reason: 'paused' } });
    await expect(a.engine.command(ada, run, { type: 'pause' })).rejects.toMatchObject({ code: 'invalid_transition' });
    await a.engine.command(ada, run, { type: 'resume' });
    await expect(b.engine.command(ada, run, { type: 'resume' })).rejects.toMatchObject({ code: 'invalid_transition' });
    expect((await a.control(run)).status).toBe('running');
  });

  test('[ENG-73] a pause given at one server reaches the attempt that renews at another', async () => {
    const { a, b, run } = await two();
    const [attempt] = await a.claim('w');
    await b.engine.control(key(run));
    await a.engine.command(ada, run, { type: 'pause' });
    const { node, attempt: number } = attempt!;
    const [state] = await b.engine.renew(mill, 'w', [{ run, node, attempt: number }]);
    expect(state?.state).toBe('pause');
  });

  test('[ENG-74] what is appended at two servers in turn is answered with the seq that it has in the log', async () => {
    const { a, b } = await two();
    const { id } = await a.engine.create(ada, { workflow: 'elsewhere', external: true });
    const seqs: number[] = [];
    for (const sequence of [1, 2, 3]) {
      for (const server of [a, b]) seqs.push((await told(server, id, server === a ? 'p' : 'q', sequence)).seq);
    }
    // 1 and 2 are run.created and run.started.
    expect(seqs).toEqual([3, 4, 5, 6, 7, 8]);
  });

  test('[ENG-73] a producer that moved on at another server is not refused beside what is written here', async () => {
    const { a, b } = await two();
    const { id } = await a.engine.create(ada, { workflow: 'elsewhere', external: true });
    await told(a, id, 'p', 1);
    await told(b, id, 'p', 2);
    const answers = await Promise.all([told(a, id, 'q', 1), told(a, id, 'p', 3)]);
    expect(answers.map(({ seq }) => seq)).toEqual([5, 6]);
  });

  test('[ENG-84] servers that share a backlog start each node once, and none is left', async () => {
    const a = await rig({ boot: 'a' });
    const b = beside(a, { boot: 'b', store: await another(a) });
    await a.worker('v', ['t'], [job('t')]);
    await b.worker('w', ['t'], [job('t')]);
    const runs = await backlog(a, Array(30).fill(0));
    const started = await Promise.all([workOff(a, 'v', 4), workOff(b, 'w', 4)]);
    expect(started.flat().sort()).toEqual(runs);
    for (const run of runs) {
      expect(await a.types(run)).toEqual(['run.created', 'node.started t', 'node.completed t', 'run.completed']);
    }
  });
}
