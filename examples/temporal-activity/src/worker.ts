import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import * as activities from './activities.ts';
import { reportActivities } from './report-activities.ts';

const { MILLRACE_URL: url = 'http://localhost:4600', MILLRACE_TOKEN: token = '' } = process.env;

const worker = await Worker.create({
  taskQueue: 'tables',
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
  activities,
  interceptors: { activity: [reportActivities({ url, token }, (error) => console.error('Millrace:', error))] },
});
await worker.run();
