import type { EventType, NewEvent, RunEvent } from './event.ts';
import { eventKinds } from './event-kind.ts';
import type { GraphNode } from './graph.ts';
import { Log } from './log.suite.ts';
import { type NodeMove, nodeTable } from './node.ts';
import { isTerminal, type RunMove, runTable } from './run.ts';
import { samples } from './sample.suite.ts';
import type { NodeView } from './view.ts';
import { waitTable } from './wait.ts';

/** Chance from a seed (mulberry32), so that a failing life can be lived again. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0 … sides - 1 */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.roll(list.length)] as T;
  }
}

const sample = (type: EventType): NewEvent => ({ type, data: structuredClone(samples[type]) }) as NewEvent;

const content = (Object.keys(eventKinds) as EventType[]).filter(
  (type) => eventKinds[type] === 'content' || type === 'usage' || type === 'budget.exceeded',
);
const nodeMoves = Object.keys(nodeTable.pending) as NodeMove[];
const runMoves = Object.keys(runTable.created) as RunMove[];

/** A run whose every event is allowed by the tables, from its creation to its end or for `length` events. */
export function live(seed: number, length = 120): RunEvent[] {
  const dice = new Dice(seed);
  const log = new Log();
  const put = ({ type, data, ...place }: NewEvent) => log.write(type, data as never, place);
  const created = sample('run.created') as Extract<NewEvent, { type: 'run.created' }>;
  put({ ...created, data: { ...created.data, nodes: randomGraph(dice, 'n'), external: dice.roll(5) === 0 } });
  while (log.events.length < length && !isTerminal(log.view.control.status)) put(next(dice, log));
  return log.events;
}

function randomGraph(dice: Dice, prefix: string, before: readonly string[] = []): GraphNode[] {
  const nodes: GraphNode[] = [];
  for (let n = 0; n < 1 + dice.roll(7); n++) {
    const earlier = [...before, ...nodes.map((node) => node.id)];
    const needs = earlier.filter(() => dice.roll(3) === 0);
    nodes.push({
      id: `${prefix}${n}`,
      ...(dice.roll(6) === 0 ? { workflow: 'sub' } : { task: 't' }),
      ...(needs.length > 0 ? { needs } : {}),
      ...(dice.roll(3) === 0 ? { join: 'any' as const } : {}),
      ...(dice.roll(5) === 0 ? { when: '{% true %}' } : {}),
      ...(dice.roll(4) === 0 ? { forEach: '{% $.list %}' } : {}),
      ...(dice.roll(4) === 0 ? { input: { x: '{% $.x %}' } } : {}),
      ...(dice.roll(2) === 0 ? { onError: dice.pick(['fail', 'continue', 'skip']) } : {}),
    });
  }
  for (const node of nodes) {
    const later = nodes.slice(nodes.indexOf(node) + 1);
    if (later.length > 0 && dice.roll(6) === 0) node.onError = dice.pick(later).id;
  }
  return nodes;
}

function next(dice: Dice, log: Log): NewEvent {
  const nodes = Object.values(log.view.control.nodes);
  const node = dice.pick(nodes);
  const place = { node: node.id, attempt: node.attempt, by: samples['run.created'].owner };
  const roll = dice.roll(100);
  if (roll < 50) return nodeMove(dice, log, node) ?? next(dice, log);
  if (roll < 62)
    return { ...sample(dice.pick(content)), ...place, ...(dice.roll(2) === 0 ? { step: 's/SECRET-input' } : {}) };
  if (roll < 74)
    return { ...sample(dice.pick(['step.started', 'step.completed', 'step.failed', 'step.progress'])), ...place };
  if (roll < 78) return { ...sample('checkpoint.saved'), ...place };
  if (roll < 94) return { ...wait(dice), ...place };
  return runMove(dice, log) ?? grow(dice, log);
}

function nodeMove(dice: Dice, log: Log, node: NodeView): NewEvent | undefined {
  const unexpanded = log.view.control.graph.find(({ id }) => id === node.id)?.forEach !== undefined;
  if (unexpanded && node.status === 'pending' && dice.roll(2) === 0) {
    const count = dice.roll(4);
    return {
      type: 'graph.updated',
      data: { expand: { node: node.id, items: Array(count).fill('SECRET-input'), count } },
    };
  }
  const allowed = nodeMoves.filter((move) => nodeTable[node.status][move] !== null);
  if (allowed.length === 0) return undefined;
  const type = dice.pick(allowed);
  const event = { ...sample(type), node: node.id, attempt: node.attempt } as NewEvent;
  if (event.type === 'node.started') event.attempt = node.attempt + 1;
  if (event.type === 'node.completed') delete event.data.reused;
  if (event.type === 'node.waiting') event.data.waits = [`w${dice.roll(12)}`];
  return event;
}

function wait(dice: Dice): NewEvent {
  const event = sample(dice.pick(Object.keys(waitTable.approval) as (keyof typeof waitTable.approval)[]));
  const id = `w${dice.roll(12)}`;
  const data = event.data as Record<string, unknown>;
  for (const field of ['approvalId', 'inputId', 'sleepId', 'childId']) if (field in data) data[field] = id;
  return event;
}

function runMove(dice: Dice, log: Log): NewEvent | undefined {
  const allowed = runMoves.filter((move) => runTable[log.view.control.status][move] !== null);
  const type = dice.pick(allowed);
  // Most lives go on for a while.
  const ends = isTerminal(runTable[log.view.control.status][type] ?? 'created');
  return ends && dice.roll(4) > 0 ? undefined : sample(type);
}

function grow(dice: Dice, log: Log): NewEvent {
  const ids = log.view.control.graph.map((node) => node.id);
  return { type: 'graph.updated', data: { add: randomGraph(dice, `g${log.events.length}-`, ids) } };
}
