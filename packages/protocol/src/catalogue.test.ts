import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { catalogue, checkEvent, eventSchema, newEventSchema, payloads } from './catalogue.ts';
import { MillraceError } from './error.ts';
import type { EventType } from './event.ts';
import { eventClasses } from './event-class.ts';
import { log, metric, newEvent, nodeProgress, token } from './event-constructors.ts';
import { samples } from './sample.suite.ts';

const types = Object.keys(eventClasses) as EventType[];

function refusalOf(event: unknown): { code: string; detail: string | undefined; facts: unknown } {
  try {
    checkEvent(event);
  } catch (error) {
    if (error instanceof MillraceError) return { code: error.code, detail: error.detail, facts: error.facts };
    throw error;
  }
  throw new Error('was not refused');
}

const place = (type: EventType) => (/^(node|attempt|step|checkpoint)\./.test(type) ? { node: 'n' } : {});

describe('the catalogue', () => {
  test('[PRO-1] gives every type a class, a schema, a redaction of each field, and its other names', () => {
    expect([...catalogue.keys()].sort()).toEqual(Object.keys(payloads).sort());
    for (const row of catalogue.values()) {
      expect(row.type).toMatch(/^[a-z]+(\.[a-z_]+)?$/);
      expect(row.whole === undefined, row.type).toBe(row.fields !== undefined);
      const known = Object.keys((payloads[row.type] as z.ZodObject).shape);
      if (row.fields) expect(Object.keys(row.fields).sort(), row.type).toEqual(known.sort());
      expect(Object.keys(samples[row.type]).sort(), row.type).toEqual(known.sort());
    }
    expect(catalogue.get('log')).toMatchObject({ class: 'content', whole: 'log', seeds: ['log'] });
  });

  test('[PRO-1] says the unit of every number that has one', () => {
    const text = JSON.stringify(z.toJSONSchema(payloads['kb.started'], { io: 'input' }));
    expect(text).toContain('"description":"bytes"');
    for (const type of types) {
      for (const [field, schema] of Object.entries((payloads[type] as z.ZodObject).shape)) {
        if (!/(At|Until|duration|lease|bytes|progress|amount|until)$/.test(field)) continue;
        expect((schema as z.ZodType).description ?? inner(schema as z.ZodType), `${type} ${field}`).toBeTruthy();
      }
    }
  });

  test('accepts a full event of every type', () => {
    for (const type of types) {
      const event = { type, ...place(type), data: samples[type] };
      expect(checkEvent(event), type).toEqual(event);
      expect(newEventSchema.safeParse(event).success, type).toBe(true);
      expect(eventSchema.safeParse({ seq: 1, at: 1, ...event }).success, type).toBe(true);
    }
  });

  test('has constructors for what is written most', () => {
    const events = [
      log('info', 'text', { a: 1 }),
      nodeProgress('n', 50, 'half'),
      token('a', 'm', 'text', { node: 'n', attempt: 1 }),
      metric('rows', 3),
      newEvent('run.started', {}),
    ];
    for (const event of events) expect(checkEvent(event)).toEqual(event);
  });
});

const inner = (schema: z.ZodType): string | undefined =>
  schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType).description : undefined;

describe('an event from outside', () => {
  test.each([
    ['no object', 'log'],
    ['a list', []],
    ['nothing', null],
  ])('[PRO-2] that is %s is refused', (_what, event) => {
    expect(refusalOf(event)).toMatchObject({ code: 'event_invalid', facts: { expected: 'object' } });
  });

  test.each(['nope', 'constructor', '__proto__', '', undefined, 7])('[PRO-2] of type %s is event_unknown', (type) => {
    expect(refusalOf({ type, data: {} })).toMatchObject({ code: 'event_unknown', facts: { field: 'type' } });
  });

  test.each([
    ['data.text', { type: 'agent.token', data: { agentId: 'a', messageId: 'm', text: 5 } }],
    ['data.text', { type: 'agent.token', data: { agentId: 'a', messageId: 'm' } }],
    ['data.progress', { type: 'run.progress', data: { progress: 101 } }],
    ['data.level', { type: 'log', data: { level: 'loud', message: '' } }],
    ['data.cost.currency', { type: 'usage', data: { cost: { amount: 1, currency: 'dollars' } } }],
    ['data.value', { type: 'metric', data: { name: 'x', value: Number.NaN } }],
    ['data.input', { type: 'run.created', data: { workflow: 'w', nodes: [] } }],
    ['data', { type: 'log', data: 'text' }],
    ['node', { type: 'node.started', data: {} }],
    ['node', { type: 'checkpoint.saved', data: { key: 'k', state: 1 } }],
    ['node', { type: 'log', node: 'a/b', data: { level: 'info', message: '' } }],
    ['node', { type: 'log', node: 'x'.repeat(201), data: { level: 'info', message: '' } }],
    ['step', { type: 'log', step: 'x'.repeat(402), data: { level: 'info', message: '' } }],
    ['by', { type: 'log', by: '', data: { level: 'info', message: '' } }],
    ['attempt', { type: 'node.started', node: 'n', attempt: 0, data: {} }],
    ['data.name', { type: 'step.started', node: 'n', data: { name: 'a/b' } }],
  ])('[PRO-2] with a bad %s is event_invalid, naming the field and what was expected', (field, event) => {
    const { code, detail, facts } = refusalOf(event);
    expect(code).toBe('event_invalid');
    expect(facts).toEqual({ field, expected: expect.stringContaining('expected') });
    expect(detail).toContain(`${event.type}: ${field}: expected`);
  });

  test.each(Object.getOwnPropertyNames(Object.prototype))('[PRO-2] may not call anything %s', (name) => {
    for (const event of [
      { type: 'node.started', node: name, data: {} },
      { type: 'step.started', node: 'n', data: { name } },
      { type: 'approval.requested', data: { approvalId: name, title: '' } },
      { type: 'metric', data: { name, value: 1 } },
      { type: 'checkpoint.saved', node: 'n', data: { key: name, state: 1 } },
    ]) {
      expect(refusalOf(event).code).toBe('event_invalid');
    }
  });

  test('[PRO-2] whose values JSON cannot carry, or only very deep, is refused and overflows nothing', () => {
    const deep = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    for (const output of [1n, () => 1, { x: [Symbol('s')] }, circle, deep(101), deep(50_000)]) {
      const refusal = refusalOf({ type: 'node.completed', node: 'n', data: { output } });
      expect(refusal).toMatchObject({ code: 'event_invalid', facts: { field: 'data.output' } });
    }
    for (const output of [null, 0, '', deep(100), { at: new Date(0), x: undefined }]) {
      expect(checkEvent({ type: 'node.completed', node: 'n', data: { output } }).data).toEqual({ output });
    }
  });

  test('[PRO-3] keeps the fields that this version does not know, and brings no seq, time or other field of ours', () => {
    const data = { level: 'info', message: 'm', colour: 'red', metadata: { nested: { x: 1 } } };
    const event = { seq: 99, at: 1, run: 'other', type: 'log', by: 'worker:1', data };
    const checked = checkEvent(event);
    expect(checked).toEqual({ type: 'log', by: 'worker:1', data });
    expect(checked.data).toBe(data);
  });

  test('may leave out data that has nothing to say', () => {
    expect(checkEvent({ type: 'run.started' })).toEqual({ type: 'run.started', data: {} });
  });
});
