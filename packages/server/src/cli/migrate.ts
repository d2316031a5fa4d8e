import { resolve } from 'node:path';
import { defineCommand } from 'citty';
import type { Host } from './host.ts';
import { placeOf } from './start.ts';

/** A line of progress for so many events. */
const STEP = 100_000;

export const migrate = (host: Host) =>
  defineCommand({
    meta: { name: 'migrate', description: 'Copy the data folder of a stopped server into an empty Postgres database' },
    args: {
      from: { type: 'string', required: true, description: 'data folder of the stopped server', valueHint: 'DIR' },
      to: { type: 'string', required: true, description: 'postgres://… of an empty database', valueHint: 'URL' },
    },
    async run({ args }) {
      // The other settings of this process are about a server; only the address is looked at.
      const config = host.config({ store: 'postgres', databaseUrl: args.to });
      let told = 0;
      const { runs, events } = await host.migrate(args.from, args.to, ({ copied, events }) => {
        if (copied < told + STEP && copied < events) return;
        told = copied;
        console.error(`${number(copied)} of ${number(events)} events`);
      });
      console.log(`${number(runs)} runs and ${number(events)} events are now in ${placeOf(config)}.`);
      console.log(`${resolve(args.from)} still holds its runs; start no server on it any more.`);
    },
  });

const number = (value: number): string => value.toLocaleString('en');
