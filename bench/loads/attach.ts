// Two runs with the same view, a long one and a short one: how soon a client that has nothing sees the right view. The
// server is started anew for each look at a cold one.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type EventPage, emptyView, fold, type RunView } from '@millrace/protocol';
import { attach } from '../contenders/millrace-live.ts';
import { type Started, startServer } from '../contenders/millrace-server.ts';
import { MillraceWire } from '../contenders/millrace-wire.ts';
import { contend } from '../harness/contender.ts';
import { Poster } from '../harness/poster.ts';
import { median } from '../harness/statistics.ts';

export interface AttachRequest {
  /** of the long run, and of the short one */
  events: number;
  few: number;
  /** fresh servers for each of the two */
  rounds: number;
}

/** events of one request, and of one page */
const BATCH = 1_000;
const PAGE = 10_000;
/** looks at a warm server, after the cold one */
const WARM_LOOKS = 5;

await contend<AttachRequest>(async ({ events, few, rounds }, onClose) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  onClose(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startServer({ folder }, onClose);
  const wire = new MillraceWire([server], '');
  await wire.createRuns(2);
  const sizes = [events, few];
  for (const [run, size] of sizes.entries()) {
    // Numbers count down to the end, so that both end with the same lines.
    for (let left = size; left > 0; left -= BATCH) await wire.publish(run, 1_000_000 - left, Math.min(BATCH, left));
  }
  const expected: RunView[] = [];
  for (const run of wire.runs) expected.push(await foldedLog(server, run));
  wire.close();
  const [long, short] = expected as [RunView, RunView];
  if (!isDeepStrictEqual(shown(long, few), shown(short, few))) throw new Error('The two runs do not show the same.');

  await server.process.stop();

  const first: number[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const [place, view] of expected.entries()) {
      // What a look leaves behind must not be in the way of the next first one.
      const copy = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
      onClose(() => rmSync(copy, { recursive: true, force: true }));
      cpSync(folder, copy, { recursive: true });
      first[place]?.push(...(await looks(copy, view, 1)));
      rmSync(copy, { recursive: true });
    }
  }
  // From here on both have been seen.
  for (const view of expected) await looks(folder, view, 1);
  const cold: number[][] = [[], []];
  const warm: number[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const [place, view] of expected.entries()) {
      const [initial, ...others] = await looks(folder, view, 1 + WARM_LOOKS);
      cold[place]?.push(initial as number);
      warm[place]?.push(...others);
    }
  }
  const at = (times: number[][], place: number) => median(times[place] as number[]);
  return {
    settings: 'SQLite synchronous=FULL',
    figures: {
      ...{ firstLong: at(first, 0), firstShort: at(first, 1) },
      ...{ coldLong: at(cold, 0), coldShort: at(cold, 1), warmLong: at(warm, 0), warmShort: at(warm, 1) },
      ...{ long: long.seq, short: short.seq },
    },
  };

  /**
   * ms of so many looks at a run, one after the other, of a server that is started for them: from asking to having the view
   * as an object. Fails where a view is not the fold of the log.
   */
  async function looks(data: string, expected: RunView, count: number): Promise<number[]> {
    const { process, address } = await startServer({ folder: data }, onClose);
    const times: number[] = [];
    for (let look = 0; look < count; look++) {
      const { ms, view } = await attach(address, expected.run);
      if (!isDeepStrictEqual(view, expected))
        throw new Error(`The view of ${expected.run} is not the fold of its log.`);
      times.push(ms);
    }
    await process.stop();
    return times;
  }
});

/** The view as the whole log says, read by pages. */
async function foldedLog({ address }: Started, run: string): Promise<RunView> {
  const poster = new Poster(address.port, { authorization: `Bearer ${address.token}` });
  const view = emptyView(run);
  for (let after = '0', done = false; !done; ) {
    const { text } = await poster.send('GET', `/api/runs/${run}/events?limit=${PAGE}&after=${after}`);
    const page = JSON.parse(text) as EventPage;
    for (const event of page.events) fold(view, event);
    after = page.next;
    done = page.through === page.head;
  }
  poster.close();
  return JSON.parse(JSON.stringify(view)) as RunView;
}

/** What a page shows of it: neither which run it is nor when it happened, nor how much there was before the last `few` lines. */
function shown({ control, content }: RunView, few: number): unknown {
  const lines = content.logs.lines.slice(-few).map(({ level, message, metadata }) => ({ level, message, metadata }));
  return { status: control.status, nodes: control.nodes, lines, rest: Object.keys(content) };
}
