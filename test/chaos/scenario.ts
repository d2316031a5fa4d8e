import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Process } from '../process.ts';
import type { FaultPoint } from './fault-points.ts';
import type { ServerSettings } from './server.ts';
import { judge, type Verdict } from './verdict.ts';
import type { WorkerSettings } from './worker.ts';

/**
 * Who runs, and who is killed: server and worker in one process; a server whose worker lives on elsewhere; a worker
 * whose server lives on.
 */
export type Cast = 'both' | 'server' | 'worker';

export interface Outcome {
  /** points that the process that was to be killed passed until then, or until the end */
  passed: FaultPoint[];
  /** whether the point was reached */
  killed: boolean;
  verdict: Verdict;
}

/** ms that a run may take; a run that takes longer hangs */
const PATIENCE = 20_000;

/**
 * Runs the workload once in a fresh folder, with a SIGKILL at `kill`, starts the killed process again without, and
 * judges what is left. Throws with everything that the processes printed where something is not as it should be, and
 * leaves the folder to be looked at.
 */
export async function play(cast: Cast, kill?: FaultPoint): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-'));
  const place = { effects: join(folder, 'effects'), logs: join(folder, 'logs.json') };
  const processes: Process[] = [];
  const spawn = (file: string, settings: object) => {
    const made = new Process(`test/chaos/${file}.ts`, [JSON.stringify(settings)]);
    processes.push(made);
    return made;
  };
  // A worker elsewhere finds the server where it was.
  const port = cast === 'both' ? 0 : await freePort();
  const serve = (kill?: FaultPoint) =>
    spawn('server', {
      ...{ data: join(folder, 'data'), port, works: cast === 'both', ...place },
      ...(kill === undefined ? {} : { kill }),
    } satisfies ServerSettings);
  const work = ([, url = '', token = '']: readonly string[], kill?: FaultPoint) =>
    spawn('worker', {
      url,
      token,
      effects: place.effects,
      ...(kill === undefined ? {} : { kill }),
    } satisfies WorkerSettings);

  try {
    let server = serve(cast === 'worker' ? undefined : kill);
    let victim = server;
    const ready = cast === 'both' ? undefined : await reached(server, READY);
    if (ready) {
      const worker = work(ready, cast === 'worker' ? kill : undefined);
      if (cast === 'worker') victim = worker;
    }
    await Promise.race([server.exited, victim.exited, patience()]);
    const killed = victim.child.signalCode === 'SIGKILL';
    if (killed && victim === server) server = serve();
    else if (killed && ready) work(ready);
    // Killed before it was ready, the server has no worker yet.
    if (cast === 'server' && !ready) work((await reached(server, READY)) ?? []);
    await Promise.race([server.exited, patience()]);
    if (!existsSync(place.logs)) throw new Error('The run did not end.');
    const remains = {
      logs: JSON.parse(readFileSync(place.logs, 'utf8')),
      effects: readFileSync(place.effects, 'utf8'),
    };
    const verdict = judge(remains, killed ? 1 : 0);
    rmSync(folder, { recursive: true, force: true });
    return { passed: pointsOf(victim), killed, verdict };
  } catch (error) {
    const printed = processes.map((one) => `--- ${one.child.spawnargs.at(-2)}\n${one.output}`).join('\n');
    throw new Error(`${cast} killed at ${kill ?? 'no point'} (${folder}): ${String(error)}\n${printed}`, {
      cause: error,
    });
  } finally {
    for (const one of processes) await one.kill();
  }
}

const READY = /^READY (\S+) (\S+)$/m;

/** What the process printed, or an empty match where it was killed before. */
async function reached(made: Process, pattern: RegExp): Promise<readonly string[] | undefined> {
  return made.printed(pattern).catch(() => undefined);
}

function pointsOf(made: Process): FaultPoint[] {
  return [...made.output.matchAll(/^POINT (\S+)$/gm)].map((match) => match[1] as FaultPoint);
}

function patience(): Promise<void> {
  return new Promise((resolve) => AbortSignal.timeout(PATIENCE).addEventListener('abort', () => resolve()));
}
