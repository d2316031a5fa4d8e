import { describe, expect, test } from 'vitest';
import { graph, Log } from '../log.suite.ts';
import { emptyView, summarise } from '../view.ts';
import { tell } from './dialect.ts';
import { jobOf, jobOfSummary, jobs } from './jobs.ts';
import { messagesOf } from './tale.suite.ts';

const say = { agentId: 'a', messageId: 'm' };

describe('jobs', () => {
  test('[DIA-26] a job’s life is told by started, progress, step, chunk, paused, resumed and its end', () => {
    const log = Log.of(graph('search'), { workflow: 'search' })
      .start('search')
      .write('node.progress', { progress: 45, message: 'Searching' }, { node: 'search' })
      .write('step.started', { name: 'fetch' }, { node: 'search', attempt: 1 })
      .write('step.completed', { name: 'fetch', output: 3 }, { node: 'search', attempt: 1 })
      .write('agent.token', { ...say, text: 'Hel' })
      .write('agent.token', { ...say, text: 'lo' })
      .write('run.paused', {})
      .write('run.resumed', {})
      .complete('search')
      .write('run.completed', { output: 'done' });
    const { messages } = tell(jobs, emptyView('r1'), log.events);
    expect(messages).toMatchObject([
      {
        event: 'job:started',
        data: { jobId: 'r1', seq: 2, timestamp: '1970-01-01T00:00:01.020Z', state: 'running', type: 'search' },
      },
      { event: 'job:progress', data: { seq: 3, state: 'running', step: 'Searching', progress: 45 } },
      { event: 'job:step', data: { seq: 4, step: 'fetch', status: 'running' } },
      { event: 'job:step', data: { seq: 5, step: 'fetch', status: 'completed', output: 3 } },
      { event: 'job:chunk', data: { seq: 6, chunk: 'Hel', messageId: 'm' } },
      { event: 'job:chunk', data: { seq: 7, chunk: 'lo', messageId: 'm' } },
      { event: 'job:paused', data: { seq: 8, state: 'paused' } },
      { event: 'job:resumed', data: { seq: 9, state: 'running' } },
      { event: 'job:completed', data: { seq: 11, state: 'completed', result: 'done', durationMs: 100 } },
    ]);
  });

  test.each([
    [
      'run.failed',
      { error: { code: 'task_failed', message: 'no', node: 'a' } },
      { error: 'no', code: 'task_failed', nodeId: 'a' },
    ],
    ['run.cancelled', { reason: 'enough' }, { reason: 'enough' }],
  ] as const)('[DIA-26] %s is its end', (type, data, said) => {
    const log = Log.of(graph('a')).start('a').write(type, data);
    expect(messagesOf(jobs, log.events).at(-1)).toMatchObject({
      event: type.replace('run.', 'job:'),
      data: { ...said, state: type.replace('run.', ''), durationMs: 20 },
    });
  });

  test('[DIA-27] who comes late is told all that stands in one message', () => {
    const log = Log.of(graph('a'));
    expect(jobs.state?.(log.view)).toMatchObject([
      { event: 'job:progress', data: { seq: 1, state: 'created', progress: 0 } },
    ]);
    log.start('a').write('run.progress', { progress: 30, message: 'Reading' });
    expect(jobs.state?.(log.view)).toMatchObject([
      { event: 'job:progress', data: { seq: 3, state: 'running', progress: 30, step: 'Reading' } },
    ]);
    log.complete('a').write('run.completed', { output: 1 });
    expect(jobs.state?.(log.view)).toEqual(messagesOf(jobs, log.events).slice(-1));
  });

  test('[DIA-27] a job as REST shows it has its state, progress, step, result and times', () => {
    const log = Log.of(graph('search'), { workflow: 'search', owner: 'ada', input: { q: 1 } });
    expect(jobOf(log.view)).toEqual({
      id: 'r1',
      jobId: 'r1',
      type: 'search',
      state: 'created',
      progress: 0,
      input: { q: 1 },
      userId: 'ada',
      createdAt: '1970-01-01T00:00:01.010Z',
      updatedAt: '1970-01-01T00:00:01.010Z',
      seq: 1,
    });
    log.start('search').write('node.progress', { progress: 45, message: 'Searching' }, { node: 'search' });
    expect(jobOf(log.view)).toMatchObject({ state: 'running', progress: 45, currentStep: 'Searching' });
    log.fail('search').write('run.failed', { error: { code: 'task_failed', message: 'no', stack: 'at x' } });
    expect(jobOf(log.view)).toMatchObject({
      state: 'failed',
      error: { code: 'task_failed', message: 'no' },
      startedAt: '1970-01-01T00:00:01.020Z',
      endedAt: '1970-01-01T00:00:01.050Z',
    });
    const { content: _content, ...without } = log.view;
    const row = jobOfSummary(summarise(log.view.control, log.view.seq, log.view.at));
    const { input: _input, ...shown } = jobOf(without);
    expect(row).toEqual(shown);
  });
});
