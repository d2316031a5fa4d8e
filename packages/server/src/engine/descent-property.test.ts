import { createHash } from 'node:crypto';
import {
  type ControlView,
  emptyControl,
  foldControl,
  type GraphNode,
  graphIndex,
  isTerminal,
  type NewEvent,
  type NodeView,
  type RunEvent,
  type Trace,
} from '@millrace/protocol';
import { Dice } from '@millrace/protocol/life.suite';
import { expect, test } from 'vitest';
import { advance } from './advance.ts';
import { decide } from './decide.ts';
import { type Descent, forkOf, retryOf } from './descent.ts';
import { plainInput, scopeOf } from './mapping.ts';

const STEPS = ['one', 'two', 'three'];
const context = { now: 1, grace: 10, newId: () => 'k', producer: undefined };
const hash = (...of: unknown[]) => createHash('sha1').update(JSON.stringify(of)).digest('hex').slice(0, 8);

/** Every run of the same graph in which nothing fails ends with the same outputs: tasks are functions of their input. */
class Life {
  control: ControlView;
  readonly log: RunEvent[] = [];
  /** nodes that were started, and steps that were run, as node/step */
  readonly did = new Set<string>();
  readonly #ready: string[] = [];
  readonly #dice: Dice;
  readonly #failing: number;
  #traced: Trace = { nodes: [], ready: [] };

  /** `failing` in 100 attempts fail. */
  constructor(descent: Descent, dice: Dice, failing = 0) {
    this.control = emptyControl(`r${failing}`);
    this.#dice = dice;
    this.#failing = failing;
    this.put([{ type: 'run.created', by: 'user:ada', data: descent.data }, ...descent.inherited]);
  }

  /** As a flush of the commit loop does. */
  put(events: readonly NewEvent[]): void {
    for (const event of events) this.#fold(event);
    for (;;) {
      const trace = this.#traced;
      this.#traced = { nodes: [], ready: [] };
      this.#ready.push(...trace.ready);
      const more = advance(this.control, trace.nodes, 1, { grace: 10 });
      if (more.length === 0 && this.#traced.nodes.length === 0) return;
      for (const event of more) this.#fold(event);
    }
  }

  #fold(event: NewEvent): void {
    const placed = { ...structuredClone(event), seq: this.log.length + 1, at: 1 } as RunEvent;
    this.log.push(placed);
    this.control = foldControl(this.control, placed, undefined, this.#traced);
  }

  live(): this {
    for (let turn = 0; !isTerminal(this.control.status); turn++) {
      if (turn > 5_000) throw new Error('The run is stuck.');
      const nodes = Object.values(this.control.nodes);
      const busy = nodes.filter(
        ({ status, items }) => (status === 'queued' || status === 'running') && items === undefined,
      );
      const ready = this.#ready.filter((id) => this.control.nodes[id]?.ready);
      const pick = this.#dice.roll(busy.length + ready.length);
      if (pick < busy.length) this.#work(busy[pick] as NodeView);
      else this.#evaluate(ready[pick - busy.length] as string);
    }
    return this;
  }

  #evaluate(id: string): void {
    const definition = graphIndex(this.control.graph).nodes.get(id) as GraphNode;
    const { needs, input } = scopeOf(this.control, id);
    const seen = hash(id, needs, input);
    const items = Array.from({ length: Number.parseInt(seen.slice(0, 1), 16) % 4 }, (_, index) => `${seen}-${index}`);
    const outcome =
      definition.when === '{% false %}'
        ? ({ kind: 'skip' } as const)
        : definition.forEach
          ? ({ kind: 'items', items, count: items.length } as const)
          : ({ kind: 'input', input: undefined } as const);
    const decided = decide(this.control, { type: 'evaluated', node: id, outcome }, context);
    if (decided.kind === 'write') this.put(decided.events as NewEvent[]);
  }

  #work({ id, status, attempt, steps }: NodeView): void {
    if (status === 'queued') {
      this.did.add(id);
      return this.put([{ type: 'node.started', node: id, attempt: attempt + 1, data: { worker: 'w' } }]);
    }
    const where = { node: id, attempt };
    if (this.#dice.roll(100) < this.#failing)
      return this.put([{ type: 'node.failed', ...where, data: { error: { code: 'task_failed', message: 'no' } } }]);
    const given = plainInput(this.control, id);
    const name = STEPS.find((step) => !steps[step]);
    const before = STEPS.map((step) => steps[step]?.output);
    if (name === undefined)
      return this.put([{ type: 'node.completed', ...where, data: { output: hash(id, given, before) } }]);
    this.did.add(`${id}/${name}`);
    this.put([{ type: 'step.completed', ...where, step: name, data: { name, output: hash(id, name, given, before) } }]);
  }

  get result(): unknown {
    const { nodes, status, output } = this.control;
    const ends = Object.values(nodes).map(({ id, status, output }) => [id, { status, output }]);
    return { status, output, nodes: Object.fromEntries(ends) as unknown };
  }
}

function randomGraph(dice: Dice, any: boolean): GraphNode[] {
  const nodes: GraphNode[] = [];
  for (let n = 0; n < 2 + dice.roll(8); n++) {
    const needs = nodes.map((node) => node.id).filter(() => dice.roll(3) === 0);
    nodes.push({
      ...{ id: `n${n}`, task: 't' },
      ...(needs.length > 0 ? { needs } : {}),
      ...(any && dice.roll(2) === 0 ? { join: 'any' as const } : {}),
      ...(dice.roll(8) === 0 ? { when: '{% false %}' } : {}),
      ...(dice.roll(8) === 0 ? { when: '{% true %}' } : {}),
      ...(dice.roll(4) === 0 ? { forEach: '{% items %}' } : {}),
      ...(dice.roll(2) === 0 ? { onError: dice.pick(['continue', 'skip']) } : {}),
    });
  }
  for (const node of nodes) {
    const later = nodes.slice(nodes.indexOf(node) + 1).filter((other) => !other.needs?.includes(node.id));
    if (later.length > 0 && dice.roll(5) === 0) node.onError = dice.pick(later).id;
  }
  return nodes;
}

/** A life with failures in it, and each of the lives that can come of it. */
function descents(seed: number, any: boolean): { dice: Dice; nodes: GraphNode[]; first: Life; copies: Descent[] } {
  const dice = new Dice(seed);
  const nodes = randomGraph(dice, any);
  const first = new Life({ data: { workflow: 'w', nodes, input: seed }, inherited: [] }, dice, 6).live();
  const ids = Object.keys(first.control.nodes);
  const steps = Object.values(first.control.nodes).flatMap(({ id, steps }) =>
    Object.keys(steps).map((step) => ({ node: id, step })),
  );
  const seq = 1 + dice.roll(first.log.length);
  const then = first.log.slice(0, seq).reduce((control, event) => foldControl(control, event), emptyControl('r6'));
  const copies = [forkOf(then, { seq }), retryOf(first.control, { from: { node: dice.pick(ids) } })];
  if (steps.length > 0) copies.push(retryOf(first.control, { from: dice.pick(steps) }));
  if (first.control.status !== 'completed') copies.push(retryOf(first.control, { from: 'failed' }));
  return { dice, nodes, first, copies };
}

test('[ENG-69] a retried or forked run ends as one in which nothing ever failed, and repeats nothing that it took over', () => {
  for (let seed = 1; seed <= 400; seed++) {
    const { dice, nodes, copies } = descents(seed, false);
    const fine = new Life({ data: { workflow: 'w', nodes, input: seed }, inherited: [] }, dice).live();
    for (const copy of copies) {
      const again = new Life(copy, dice).live();
      expect(again.result, `seed ${seed}`).toEqual(fine.result);
      for (const { type, node, step } of copy.inherited) {
        if (type === 'node.completed') expect(again.did.has(node as string), `seed ${seed}: ${node}`).toBe(false);
        if (type === 'step.completed') expect(again.did.has(`${node}/${step}`), `seed ${seed}: ${step}`).toBe(false);
      }
    }
  }
});

test('[ENG-66] with joins of any, whatever was released or lost, a retried or forked run comes to its end', () => {
  for (let seed = 1; seed <= 400; seed++) {
    const { dice, copies } = descents(seed, true);
    for (const copy of copies) {
      const again = new Life(copy, dice).live();
      expect(again.control.status, `seed ${seed}`).toBe('completed');
      for (const { type, node } of copy.inherited)
        if (type === 'node.completed') expect(again.did.has(node as string), `seed ${seed}: ${node}`).toBe(false);
    }
  }
});
