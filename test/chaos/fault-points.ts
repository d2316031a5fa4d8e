import type { WorkerLink } from '@millrace/protocol';
import type { ServerOptions } from 'millrace';

type Instrument = Required<NonNullable<ServerOptions['instrument']>>;

/** A named point in the way of the data, and how many times it has been passed: `commit:before#3`. */
export type FaultPoint = string;

/**
 * Counts the points that a process passes, and kills it with SIGKILL at the one that it was given. What the points
 * are called is their meaning: `before` and `after` the thing is done, where `claim` and `due` count only what found
 * something. `effect:before` and `effect:after` are reached by the tasks themselves.
 */
export class FaultPoints {
  readonly #kill: FaultPoint | undefined;
  readonly #passed = new Map<string, number>();

  constructor(kill?: FaultPoint) {
    this.#kill = kill;
  }

  reach(name: string): void {
    const count = (this.#passed.get(name) ?? 0) + 1;
    this.#passed.set(name, count);
    const point = `${name}#${count}`;
    // Pipes are written synchronously here: what was told before the kill is read.
    console.log(`POINT ${point}`);
    if (point !== this.#kill) return;
    console.log(`KILLED ${point}`);
    process.kill(process.pid, 'SIGKILL');
  }

  /** For the composition root of a server in this process. */
  get instrument(): Instrument {
    return {
      store: (store) =>
        around(store, {
          commit: async (batch) => {
            this.reach('commit:before');
            const answer = await store.commit(batch);
            this.reach('commit:after');
            return answer;
          },
          due: async (now, limit) => {
            const rows = await store.due(now, limit);
            if (rows.length > 0) this.reach('due:before');
            return rows;
          },
          dropDue: async (rows) => {
            this.reach('drop:before');
            await store.dropDue(rows);
            this.reach('drop:after');
          },
        }),
      bus: (bus) =>
        around(bus, {
          publish: (messages) => {
            this.reach('publish:before');
            bus.publish(messages);
            this.reach('publish:after');
          },
        }),
      link: (link) => this.link(link),
    };
  }

  /** For a worker in this process, wherever its server is. */
  link(link: WorkerLink): WorkerLink {
    return around(link, {
      claim: async (request, signal) => {
        this.reach('claim:before');
        const assignments = await link.claim(request, signal);
        if (assignments.length > 0) this.reach('claim:after');
        return assignments;
      },
      append: async (lease, sequence, events) => {
        this.reach('append:before');
        const answer = await link.append(lease, sequence, events);
        this.reach('append:after');
        return answer;
      },
    });
  }
}

/** The same part, but for some of its methods. */
export function around<T extends object>(part: T, methods: Partial<T>): T {
  return new Proxy(part, {
    get(target, name) {
      const own: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name, target);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}
