import { describe, expect, test } from 'vitest';
import type { Fresh } from './draft.ts';
import type { RunEvent } from './event.ts';
import { fold } from './fold.ts';
import { live } from './life.suite.ts';
import { graph, Log } from './log.suite.ts';
import { emptyView, type RunView } from './view.ts';

/** The parts of a view that grow with the run. */
const growing = ({ control, content }: RunView): Record<string, object> => ({
  graph: control.graph,
  nodes: control.nodes,
  waits: control.waits,
  progresses: content.progresses,
  metrics: content.metrics,
  errors: content.errors,
});

describe('[PRO-23] what an event costs to fold does not grow with the run', () => {
  test('in place, no growing part is ever replaced, but for the graph when it first grows: till then it is that of its event', () => {
    for (let seed = 0; seed < 50; seed++) {
      const [created, ...events] = live(seed) as [RunEvent, ...RunEvent[]];
      const view = fold(emptyView('r1'), created);
      const before = growing(view);
      const given = view.control.graph;
      const text = JSON.stringify(given);
      for (const event of events) {
        fold(view, event);
        if (before.graph === given) before.graph = view.control.graph;
        for (const [part, value] of Object.entries(growing(view)))
          expect(value, `${part}, ${event.type}`).toBe(before[part]);
      }
      expect(JSON.stringify(given)).toBe(text);
    }
  });

  test('in place, nobody looks through the nodes or waits before the run ends', () => {
    const watch = (log: Log, part: 'nodes' | 'waits') => {
      const seen = { looks: 0 };
      log.view.control[part] = new Proxy<never>(log.view.control[part] as never, {
        ownKeys: (target) => {
          seen.looks += 1;
          return Reflect.ownKeys(target);
        },
      });
      return seen;
    };
    const log = Log.of(graph('a', 'b<a', 'c<b', { id: 'e', task: 't', forEach: '{% $ %}' }));
    const nodes = watch(log, 'nodes');
    const waits = watch(log, 'waits');
    log
      .write('graph.updated', { expand: { node: 'e', count: 2, items: [1, 2] } })
      .run('e[0]', 'a')
      .start('b');
    log.write('graph.updated', { add: graph('d<a') }).write('checkpoint.saved', { key: 'k', state: 1 }, { node: 'b' });
    log.write('approval.requested', { approvalId: 'w', title: '' }, { node: 'b' }).fail('b').lose('e[1]');
    log.write('usage', { inputTokens: 1 }, { node: 'b' }).write('run.stopping', { outcome: 'failed', graceUntil: 9 });
    expect([nodes.looks, waits.looks]).toEqual([0, 0]);
    log.write('run.cancelled', {});
    expect(nodes.looks).toBe(1);
  });

  test('with copies, each part is copied once a frame, however many events the frame has', () => {
    const log = Log.of(graph(...Array.from({ length: 200 }, (_, n) => `n${n}`)));
    const fresh: Fresh = new WeakSet();
    let view = log.view;
    const copies = new Set<object>();
    for (let n = 0; n < 200; n++) {
      const place = { node: `n${n}`, attempt: 1 };
      for (const [type, data] of [
        ['node.started', {}],
        ['log', { level: 'info', message: 'm' }],
        ['agent.token', { agentId: 'a', messageId: 'm', text: 't' }],
        ['node.completed', {}],
      ] as const) {
        view = fold(view, { seq: view.seq + 1, at: 1, type, data, ...place } as RunEvent, fresh);
        copies.add(view.control.nodes).add(view.content.logs.lines).add(view.content.messages).add(view.control);
      }
    }
    // The originals of lines and messages were seen before the frame's first copy of them.
    expect(copies.size).toBeLessThanOrEqual(6);
    expect(view.control.nodes).not.toBe(log.view.control.nodes);
  });

  test('a graph of 8,000 nodes lives through, in a chain, fanned out and as items', () => {
    const ids = Array.from({ length: 8_000 }, (_, n) => `n${n}`);
    const chain = Log.of(graph(...ids.map((id, n) => (n === 0 ? id : `${id}<n${n - 1}`)))).run(...ids);
    const fan = Log.of(graph('root', ...ids.map((id) => `${id}<root`), `end<${ids.join()}`)).run('root', ...ids, 'end');
    const items = ids.map((_, n) => `e[${n}]`);
    const each = Log.of(graph({ id: 'e', task: 't', forEach: '{% $ %}' }));
    each
      .write('graph.updated', { expand: { node: 'e', count: 8_000, items: [] } })
      .run(...items)
      .complete('e');
    const grown = Log.of(graph('n0'));
    for (let n = 1; n < 8_000; n++) grown.write('graph.updated', { add: graph(`n${n}<n${n - 1}`) });
    for (const log of [chain, fan, each, grown.run(...ids)]) {
      log.write('run.completed', {});
      expect(log.view.control.counts).toMatchObject({ pending: 0, queued: 0, running: 0, cancelled: 0 });
    }
  });

  test('200,000 tokens, copied every 50 as a browser does', () => {
    const log = Log.of(graph('n')).start('n');
    let view = log.view;
    for (let frame = 0; frame < 4_000; frame++) {
      const fresh: Fresh = new WeakSet();
      for (let n = 0; n < 50; n++) {
        const data = { agentId: 'a', messageId: 'm', text: 'tok ' };
        view = fold(view, { seq: view.seq + 1, at: 1, type: 'agent.token', node: 'n', attempt: 1, data }, fresh);
      }
    }
    const { text, cut } = view.content.messages['n/a/m'] ?? { text: '', cut: 0 };
    expect(text.length + cut).toBe(800_000);
  });
});
