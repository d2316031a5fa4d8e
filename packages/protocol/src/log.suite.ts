import type { EventData, EventType, NewEvent, RunEvent } from './event.ts';
import { fold } from './fold.ts';
import type { GraphNode } from './graph.ts';
import { emptyView, type RunView } from './view.ts';

type Place = Pick<NewEvent, 'node' | 'step' | 'attempt' | 'by'>;

/** Writes the log of one run as a store would, and keeps its fold. */
export class Log {
  readonly events: RunEvent[] = [];
  view: RunView = emptyView('r1');
  now = 1_000;

  /** A managed run of this graph. */
  static of(nodes: readonly GraphNode[], data: Partial<EventData['run.created']> = {}): Log {
    return new Log().write('run.created', { workflow: 'w', nodes: [...nodes], input: null, ...data });
  }

  write<T extends EventType>(type: T, data: EventData[T], place: Place = {}): this {
    this.now += 10;
    return this.put({ seq: this.view.seq + 1, at: this.now, ...place, type, data } as unknown as RunEvent);
  }

  put(event: RunEvent): this {
    this.events.push(event);
    this.view = fold(this.view, event);
    return this;
  }

  start(node: string, attempt = 1): this {
    return this.write('node.started', { worker: 'w1' }, { node, attempt });
  }

  complete(node: string): this {
    return this.write('node.completed', { output: `${node}'s` }, { node });
  }

  run(...nodes: string[]): this {
    for (const node of nodes) this.start(node).complete(node);
    return this;
  }

  fail(node: string): this {
    return this.write('node.failed', { error: { code: 'task_failed', message: 'no' } }, { node });
  }

  lose(node: string, reason: EventData['attempt.lost']['reason'] = 'lease_expired'): this {
    return this.write('attempt.lost', { reason }, { node });
  }

  skip(node: string): this {
    return this.write('node.skipped', { reason: 'why not' }, { node });
  }

  cancel(node: string): this {
    return this.write('node.cancelled', { reason: 'why not' }, { node });
  }

  status(node: string): string | undefined {
    return this.view.control.nodes[node]?.status;
  }

  /** The states of the graph's nodes, by id. */
  get states(): Record<string, string> {
    return Object.fromEntries(Object.values(this.view.control.nodes).map(({ id, status }) => [id, status]));
  }
}

/** A graph written as `a`, `b<a`, `c<a,b`: each a node with what it needs. */
export function graph(...nodes: (string | GraphNode)[]): GraphNode[] {
  return nodes.map((node) => {
    if (typeof node !== 'string') return node;
    const [id = '', needs] = node.split('<');
    return { id, task: 't', ...(needs ? { needs: needs.split(',') } : {}) };
  });
}

/** Freezes a value and all that it holds, so that a change of it throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
