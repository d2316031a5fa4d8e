import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type EventType,
  emptyView,
  eventClasses,
  FOLD,
  fold,
  type RunEvent,
  type RunView,
  WIRE,
} from '@millrace/protocol';
import { checkEvent, payloads } from '@millrace/protocol/catalogue';
import { append, appendAnswer, createRun, workflowDefinition } from '@millrace/protocol/command.schema';
import { clientFrame, eventPage, serverFrame } from '@millrace/protocol/frame.schema';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

/**
 * What stands on the wire. A change that old peers can live with (a new field, a new type) gets a new line under the
 * same version; any other raises WIRE.
 */
const wires = [
  { version: 1, hash: 'bc672dfb21dc', change: 'the first wire' },
  { version: 1, hash: 'eaa509643522', change: 'a list may follow the events of its runs' },
];

/** What a log means. Any change of the golden log's fold raises FOLD: stored snapshots are then made again. */
const folds = [
  { version: 1, hash: '9c6d0ee97684', change: 'the first fold' },
  {
    version: 2,
    hash: 'd3dd26129793',
    change: 'where attempts began; metrics, errors and earlier values are retracted; progress ends with its node',
  },
  { version: 3, hash: '7ccb37998f58', change: 'a node says when it left waiting or retrying' },
];

/** Control events that the view has no place for. They are in the log, and move seq and ctl. */
const notFolded: EventType[] = ['budget.exceeded'];

const types = Object.keys(eventClasses) as EventType[];

/** JSON with sorted keys and without prose: a better description is no change of the wire. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, part: unknown) => {
    if (key === 'description' && typeof part === 'string') return undefined;
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

function goldenRuns(): Map<string, RunEvent[]> {
  const text = readFileSync(new URL('golden/log.jsonl', import.meta.url), 'utf8');
  const runs = new Map<string, RunEvent[]>();
  for (const line of text.trim().split('\n')) {
    const { run, event } = JSON.parse(line) as { run: string; event: RunEvent };
    runs.set(run, [...(runs.get(run) ?? []), event]);
  }
  return runs;
}

describe('[PRO-24] the protocol is locked', () => {
  test(`to wire ${WIRE}`, () => {
    const schemas = {
      clientFrame,
      serverFrame,
      eventPage,
      createRun,
      append,
      appendAnswer,
      workflowDefinition,
      ...payloads,
    };
    const shapes = Object.entries(schemas).map(([name, schema]) => [name, z.toJSONSchema(schema, { io: 'input' })]);
    const hash = hashOf(canonical(Object.fromEntries(shapes)));
    expect({ version: WIRE, hash }, 'add a line to wires, or undo the change').toMatchObject(pick(wires));
  });

  test(`to fold ${FOLD}`, () => {
    const views = [...goldenRuns()].map(([run, events]) => {
      let view = emptyView(run);
      return events.map((event) => {
        view = fold(view, event);
        return canonical(view);
      });
    });
    const hash = hashOf(views.flat().join('\n'));
    expect({ version: FOLD, hash }, 'raise FOLD and add a line to folds, or undo the change').toMatchObject(
      pick(folds),
    );
  });

  test('with a history whose versions only rise', () => {
    for (const history of [wires, folds]) {
      const versions = history.map(({ version }) => version);
      expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    }
  });
});

const pick = (history: { version: number; hash: string }[]) => {
  const { version, hash } = history.at(-1) as { version: number; hash: string };
  return { version, hash };
};

describe('the golden log', () => {
  const runs = goldenRuns();

  test('[PRO-25] holds every type of event, each valid, in logs without holes that end with a terminal event', () => {
    const seen = new Set<string>();
    for (const events of runs.values()) {
      events.forEach((event, index) => {
        seen.add(event.type);
        expect(event.seq).toBe(index + 1);
        expect(() => checkEvent(event)).not.toThrow();
      });
      expect(events.at(-1)?.type).toMatch(/^run\.(completed|failed|cancelled)$/);
    }
    expect([...seen].sort()).toEqual(types.toSorted());
  });

  test('[PRO-25] shows that every type is folded, but for those that are left out on purpose', () => {
    const folded = new Set<string>();
    const meaning = ({ control, content }: RunView) => JSON.stringify([{ ...control, ctl: 0 }, content]);
    for (const [run, events] of runs) {
      let view = emptyView(run);
      for (const event of events) {
        const before = meaning(view);
        view = fold(view, event);
        if (meaning(view) !== before) folded.add(event.type);
      }
    }
    expect(types.filter((type) => !folded.has(type))).toEqual(notFolded);
  });
});
