import { randomInt } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorker, type Worker } from '@millrace/worker';
import { createServer, type Server } from 'millrace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunReader } from '../run-reader.rig.ts';
import type { Embedder } from './embeddings.ts';
import { chooseModel } from './model.ts';
import { askDocs } from './workflow.ts';

const word = `zorb${randomInt(1e9).toString(36)}q`;
/** Knows two meanings: corn, and everything else. */
const embedder: Embedder = {
  name: 'two-meanings',
  embed: async (texts) => texts.map((text) => (/corn|yellow|maize/i.test(text) ? [1, 0] : [0, 1])),
};
let folder: string;
let data: string;
let server: Server;
let worker: Worker;
let reader: RunReader;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-ask-'));
  data = await mkdtemp(join(tmpdir(), 'millrace-data-'));
  await mkdir(join(folder, 'guides'));
  await writeFile(
    join(folder, 'guides/mill.md'),
    `# Mill\n\n## The wheel\n\nWater comes. The ${word} turns the wheel slowly.\n`,
  );
  await writeFile(join(folder, 'corn.txt'), 'Corn is yellow. It is ground by stones.');
  server = await createServer({ store: 'memory', port: 0, data, env: {}, logLevel: 'silent' });
  const files = server.localLink();
  worker = createWorker({
    link: files,
    workflows: [askDocs({ folder, example: { question: 'What?' }, model: chooseModel({}), embedder, files })],
    concurrency: 1,
  });
  await worker.start();
  reader = new RunReader(server.url, await server.token({ sub: 'ada', roles: ['user'] }));
});

afterAll(async () => {
  await worker.stop();
  await server.close();
  await Promise.all([folder, data].map((path) => rm(path, { recursive: true })));
});

describe('ask-docs', () => {
  it('[DEM-6] finds a word in a folder, asks a person, and reports it with its file and heading', async () => {
    const id = await reader.start('ask-docs', { question: `What does the ${word} do?`, docs: folder });
    const approval = await reader.approval(id);
    expect(approval.approval.details.answer).toContain(`The ${word} turns the wheel slowly. [1]`);
    await reader.decide(id, approval.id, { decision: 'approved', comment: 'good' });
    expect(await reader.ended(id)).toMatchObject({
      status: 'completed',
      output: { report: 'report.md', sources: [{ file: 'guides/mill.md', heading: 'Mill › The wheel' }] },
    });

    const events = await reader.events(id);
    const report = await reader.file(events.find((event) => event.type === 'file.created')?.data.url);
    expect(report).toContain(`> Water comes. The ${word} turns the wheel slowly.`);
    expect(report).toContain('`guides/mill.md`, Mill › The wheel');
    expect(report).toContain('Approved by user:ada: good');
    expect(report).toContain('Extractive model');

    const types = events.map((event) => event.type);
    expect(types.filter((type) => type === 'kb.completed')).toHaveLength(2);
    expect(types.filter((type) => type === 'agent.token').length).toBeGreaterThan(5);
    expect(events.find((event) => event.type === 'agent.tool_call')?.data).toMatchObject({
      name: 'search',
      arguments: { query: word },
    });
    expect(types).toContain('agent.tool_result');
    expect(types).toContain('usage');
  });

  it('[DEM-7] holds no worker while it waits: with concurrency 1 a second run finishes meanwhile', async () => {
    const first = await reader.start('ask-docs', { question: `Where is ${word}?` });
    await reader.approval(first);
    const second = await reader.start('ask-docs', { question: 'What is yellow?' });
    await reader.decide(second, (await reader.approval(second)).id, { decision: 'approved' });
    expect(await reader.ended(second)).toMatchObject({ output: { sources: [{ file: 'corn.txt', heading: '' }] } });
    expect(await reader.get(first)).toMatchObject({ status: 'running', detail: 'waiting' });
  });

  it('[DEM-8] embeds every chunk where an embedder is configured, and finds by meaning what shares no word', async () => {
    const id = await reader.start('ask-docs', { question: 'Is maize there?' });
    await reader.approval(id);
    const events = await reader.events(id);
    const completed = events.filter((event) => event.type === 'kb.completed').map((event) => event.data);
    expect(completed).toMatchObject([
      { chunks: 1, embeddings: 1 },
      { chunks: 1, embeddings: 1 },
    ]);
    expect(events.filter((event) => event.data.phase === 'embedding')).toHaveLength(2);
    const found = events.find((event) => event.type === 'agent.tool_result')?.data.result;
    expect(found).toMatchObject({
      passages: [
        { n: 1, file: 'corn.txt' },
        { n: 2, file: 'guides/mill.md' },
      ],
    });
  });

  it('[DEM-10] writes no report of a rejected answer, and completes', async () => {
    const id = await reader.start('ask-docs', { question: 'What is yellow?' });
    await reader.decide(id, (await reader.approval(id)).id, { decision: 'rejected' });
    expect(await reader.ended(id)).toMatchObject({ status: 'completed', nodeCounts: { ended: 5, total: 5 } });
    expect((await reader.events(id)).map((event) => event.type)).not.toContain('file.created');
  });

  it('[DEM-3] fails with a clear message where the folder cannot be asked about', async () => {
    const id = await reader.start('ask-docs', { question: 'Anything?', docs: join(folder, 'gone') });
    const run = await reader.ended(id);
    expect(run.status).toBe('failed');
    expect(run.error?.message).toContain('There is no folder');
  });
});
