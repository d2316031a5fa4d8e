// npm run test:chaos [-- both | server | worker [POINT] | delivery [SEED] [short] | cluster [SEED] [short]]: without a
// name, all of them one after the other. Ends with 1 where something is not as it should be.
import { cluster, fullCluster, shortCluster } from './cluster.ts';
import { casts, crash } from './crash.ts';
import { type DeliveryOutcome, deliver, fullDelivery, shortDelivery } from './delivery.ts';

const [only, ...rest] = process.argv.slice(2);
const short = rest.includes('short');
const seed = Number(rest.find((word) => /^\d+$/.test(word)) ?? 20261121);
const wanted = (name: string) => only === undefined || only === name;

let failed = 0;
for (const cast of casts.filter(wanted)) failed += await crash(cast, rest[0]);
if (wanted('delivery')) {
  const scale = short ? shortDelivery : fullDelivery;
  failed += await told('delivery', { ...scale, servers: 1 }, () => deliver(seed, scale));
}
if (wanted('cluster')) {
  const scale = short ? shortCluster : fullCluster;
  failed += await told('cluster', scale, () => cluster(seed, scale, console.log));
}
console.log(failed === 0 ? 'Everything is as it should be.' : `${failed} things are not as they should be.`);
process.exit(failed === 0 ? 0 : 1);

type Cast = Record<'clients' | 'runs' | 'lists' | 'servers', number>;

/** Says what came of it; answers how much is not as it should be. */
async function told(name: string, cast: Cast, play: () => Promise<DeliveryOutcome>): Promise<number> {
  const { clients, runs, lists, servers } = cast;
  console.log(`${name}, seed ${seed}: ${clients} clients, ${runs} runs, ${lists} lists, servers: ${servers}`);
  const began = performance.now();
  try {
    const { verdict, connections, faults } = await play();
    const { findings, delivered, stretches, acknowledged } = verdict;
    console.log(`  ${Math.round((performance.now() - began) / 1000)} s; ${acknowledged} acknowledged appends`);
    console.log(`  ${connections.websocket} sockets, ${connections.sse} streams, ${connections.page} pages`);
    console.log(`  ${delivered} events delivered in ${stretches} stretches`);
    for (const [who, { connections, cut, stall, hush, drip }] of Object.entries(faults)) {
      console.log(
        `  ${who}: ${connections} connections, ${cut} cut, ${stall} stalled, ${hush} silent, ${drip} byte by byte`,
      );
    }
    console.log(`  ${findings.length} missing, twice, out of order, not in the log, or shown otherwise`);
    for (const finding of findings.slice(0, 20)) console.log(`    ${finding}`);
    return findings.length;
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
    return 1;
  }
}
