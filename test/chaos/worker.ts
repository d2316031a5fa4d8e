// The worker of a crash test: node --import millrace/source.mjs test/chaos/worker.ts JSON. It works until it is killed.
import { createHttpLink, createWorker } from '@millrace/worker';
import { systemClock } from 'millrace';
import { FaultPoints } from './fault-points.ts';
import { workload } from './workload.ts';

export interface WorkerSettings {
  url: string;
  token: string;
  effects: string;
  kill?: string;
}

const { url, token, effects, kill } = JSON.parse(process.argv[2] ?? '') as WorkerSettings;
const points = new FaultPoints(kill);
const link = createHttpLink({ url, token, clock: systemClock, random: Math.random, report: () => {} });
await createWorker({ link: points.link(link), workflows: workload(points, effects) }).start();
console.log('READY');
