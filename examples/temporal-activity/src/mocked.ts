import { ApplicationFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { copyTable } from './activities.ts';
import { ExternalRun } from './external-run.ts';
import { reportActivities } from './report-activities.ts';

/** Runs one workflow execution's activities as Temporal's own test environment runs them, against a real Millrace. */
const { MILLRACE_URL: url = '', MILLRACE_TOKEN: token = '' } = process.env;
const interceptors = [reportActivities({ url, token }, (error) => console.log(`failed: ${error}`))];
const workflow = { workflowType: 'copyTables', workflowExecution: { workflowId: 'tables', runId: 'first' } };
const environment = (activityId: string, about = {}) =>
  new MockActivityEnvironment({ ...workflow, activityType: 'copyTable', activityId, ...about }, { interceptors });
const outcome = (running: Promise<unknown>) => running.then(JSON.stringify, (error: Error) => error.message);

const beats: unknown[] = [];
const users = environment('users');
users.on('heartbeat', (details) => beats.push(details));
console.log('users:', await outcome(users.run(copyTable, 'users', 4, 5)), 'heartbeats', beats.length);

const retryPolicy = { maximumAttempts: 2 };
const flaky = () => Promise.reject(new Error('The disk is full.'));
console.log('orders 1:', await outcome(environment('orders', { retryPolicy, attempt: 1 }).run(flaky)));
console.log(
  'orders 2:',
  await outcome(environment('orders', { retryPolicy, attempt: 2 }).run(copyTable, 'orders', 1, 5)),
);
console.log('empty:', await outcome(environment('empty', { retryPolicy }).run(copyTable, 'empty', 0)));
console.log('last:', await outcome(environment('last', { retryPolicy, attempt: 2 }).run(() => flaky())));
const fatal = () => Promise.reject(ApplicationFailure.create({ message: 'Broken.', type: 'Broken' }));
const listed = { retryPolicy: { maximumAttempts: 9, nonRetryableErrorTypes: ['Broken'] } };
console.log('listed:', await outcome(environment('listed', listed).run(fatal)));

const logs = environment('logs');
logs.once('heartbeat', () => logs.cancel());
console.log('logs:', await outcome(logs.run(copyTable, 'logs', 1_000, 5)));

const run = await ExternalRun.open({ url, token }, 'copyTables', 'tables/first');
await run.producer('starter').append({ type: 'run.completed', data: { output: 'copied' } });
console.log('late:', await outcome(environment('late').run(copyTable, 'late', 1, 5)));
console.log('run:', run.id);
