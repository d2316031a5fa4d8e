import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@millrace/client';
import { freePort, Process } from '../process.ts';
import { faultOf } from './connection-fault.ts';
import type { DeliveryVerdict } from './delivery-judge.ts';
import { DeliveryLoad } from './delivery-load.ts';
import type { DeliverySize } from './delivery-plan.ts';
import { overdue } from './overdue.ts';
import { TcpProxy } from './tcp-proxy.ts';

export interface DeliveryScale extends DeliverySize {
  /** how often the server is killed */
  kills: number;
  /** that the clients are spread over */
  processes: number;
  /** among how many of the first connections some fall silent */
  hushed: number;
  /** ms that the clients may take after the last event, and the whole of it */
  patience: { after: number; whole: number };
}

export const fullDelivery: DeliveryScale = {
  ...{ clients: 200, runs: 50, lists: 20, late: 20, appends: 100, pause: 500 },
  ...{ kills: 5, processes: 2, hushed: 1_000, patience: { after: 100_000, whole: 240_000 } },
};
export const shortDelivery: DeliveryScale = {
  ...{ clients: 24, runs: 6, lists: 3, late: 3, appends: 20, pause: 150 },
  ...{ kills: 1, processes: 1, hushed: 0, patience: { after: 20_000, whole: 60_000 } },
};

export interface DeliveryOutcome {
  verdict: DeliveryVerdict;
  connections: DeliveryLoad['connections'];
  /** what the proxies did to whoever follows, and to whoever writes */
  faults: { followed: TcpProxy['counts']; produced: TcpProxy['counts'] };
}

/**
 * Clients on all transports follow runs and lists while producers write them, both through proxies that break
 * connections, and the server is killed with SIGKILL and started again. Throws with everything that was printed where
 * it does not come to an end, and leaves the folder to be looked at where something was found.
 */
export async function deliver(seed: number, scale: DeliveryScale): Promise<DeliveryOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-delivery-'));
  const port = await freePort();
  const env = {
    ...{ PORT: String(port), MILLRACE_DATA: join(folder, 'data') },
    // All come from one address here.
    ...{ MILLRACE_RATE_LIMIT: '1000000', MILLRACE_LOG: 'error' },
  };
  const servers: Process[] = [];
  const serve = async () => {
    const server = new Process('packages/server/millrace.mjs', ['start'], env);
    servers.push(server);
    return (await server.printed(/\?token=(\S+)/))[1] ?? '';
  };
  const proxies = [1, 2].map(
    (which) => new TcpProxy({ target: () => port, fault: (n) => faultOf(seed + which, n, scale.hushed) }),
  );
  const [followed, produced] = proxies as [TcpProxy, TcpProxy];
  let load: DeliveryLoad | undefined;
  const play = async (): Promise<DeliveryOutcome> => {
    const token = await serve();
    const { api } = createClient({ url: `http://127.0.0.1:${port}`, token });
    load = new DeliveryLoad({
      ...{ folder, seed, size: scale, processes: scale.processes, workers: 1, token, patience: scale.patience.after },
      followed: `http://127.0.0.1:${await followed.listen()}`,
      produced: `http://127.0.0.1:${await produced.listen()}`,
    });
    await load.start(api);
    for (let kill = 1; kill <= scale.kills; kill += 1) {
      await load.written(Math.round((100 * kill) / (scale.kills + 1)));
      await servers.at(-1)?.kill();
      await serve();
    }
    const verdict = await load.finish(api);
    const { connections } = load;
    return { verdict, connections, faults: { followed: followed.counts, produced: produced.counts } };
  };
  try {
    const outcome = await Promise.race([play(), overdue(scale.patience.whole)]);
    if (outcome.verdict.findings.length === 0) rmSync(folder, { recursive: true, force: true });
    return outcome;
  } catch (error) {
    const printed = [load?.output, ...servers.map((one) => one.output)].join('\n--- \n');
    throw new Error(`seed ${seed} (${folder}): ${String(error)}\n${printed.slice(-20_000)}`, { cause: error });
  } finally {
    await load?.kill();
    for (const server of servers) await server.kill();
    for (const proxy of proxies) await proxy.close();
  }
}
