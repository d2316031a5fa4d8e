import { z } from 'zod';
import { newEventSchema } from './catalogue.ts';
import type { Append, AppendAnswer, CreateRun, Producer, WorkflowDefinition } from './command.ts';
import { count, id, json, line, open, seq, text } from './field.schema.ts';
import { graphNodes } from './graph.schema.ts';
import { lineage, runOptions, tags } from './payload-part.schema.ts';

export const createRun = open({
  workflow: id,
  input: json.optional(),
  nodes: graphNodes.optional().describe('a definition to run once instead of the registered one'),
  options: runOptions.optional(),
  tags: tags.optional(),
  external: z.boolean().optional().describe('true = another system executes and appends'),
  lineage: lineage.optional(),
}) satisfies z.ZodType<CreateRun>;

export const producer = open({
  id,
  term: count.describe('fences: a smaller one than the newest is refused'),
  sequence: z.int().min(1).describe('counts the appends of this producer in this run and term, from 1'),
}) satisfies z.ZodType<Producer>;

export const append = open({
  events: z.array(newEventSchema).min(1),
  producer: producer.optional(),
}) satisfies z.ZodType<Append>;

export const appendAnswer = open({
  seq: seq.describe('seq of the last event written by this append'),
  repeated: z.boolean().optional().describe('true = it had been written before; nothing was written now'),
}) satisfies z.ZodType<AppendAnswer>;

export const workflowDefinition = open({
  name: id,
  title: line.optional(),
  description: text.optional(),
  nodes: graphNodes,
  input: json.optional().describe("JSON Schema of the run's input"),
  example: json.optional(),
}) satisfies z.ZodType<WorkflowDefinition>;
