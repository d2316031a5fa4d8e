/**
 * Who may import whom, one row per area. A file's area is the first row that holds it.
 *
 * `hub` is a whole area; `store:interface` only its file `store/store.ts`; `hub:face` only `hub/face.ts`, or `hub/hub.ts`
 * where there is no such file; `protocol:types` only `import type`.
 * An area may always import itself. Rows that say `public` may import every package, by its name and exports only; those
 * that say `anything` build a world out of single files, as unit tests do.
 */
export interface Row {
  area: string;
  /** a folder when it ends in `/`, else one file */
  files: string[];
  may: string[] | 'public' | 'anything';
  /** packages from npm: the listed ones, or whatever the workspace's package.json declares */
  npm: string[] | 'declared';
  /** Node's own modules */
  node: boolean;
}

const protocol = 'packages/protocol/src/';
const server = 'packages/server/src/';
const client = 'packages/client/src/';

const row = (area: string, files: string[], may: Row['may'], npm: Row['npm'] = 'declared', node = true): Row => ({
  area,
  files,
  may,
  npm,
  node,
});
const inServer = (area: string, may: string[]): Row => row(area, [`${server}${area}/`], may);

export const table: Row[] = [
  row('protocol', [protocol], [], ['zod'], false),

  row('clock', [`${server}clock.ts`], ['protocol']),
  row('config', [`${server}config.ts`, `${server}cluster-place.ts`], ['protocol']),
  inServer('store', ['protocol', 'clock']),
  inServer('bus', ['protocol', 'clock']),
  inServer('metrics', ['protocol', 'clock']),
  inServer('auth', ['protocol', 'clock', 'store:interface']),
  inServer('files', ['protocol', 'clock', 'store:interface']),
  inServer('engine', ['protocol', 'clock', 'store:interface', 'bus:interface', 'files:interface', 'metrics:interface']),
  inServer('scheduler', ['protocol', 'clock', 'engine', 'store:interface', 'files:interface', 'metrics:interface']),
  inServer('hub', [
    'protocol',
    'clock',
    'store:interface',
    'bus:interface',
    'transport:interface',
    'auth:interface',
    'metrics:interface',
  ]),
  inServer('transport', ['protocol', 'auth', 'metrics:interface', 'hub:face', 'engine:face']),
  inServer('dialects', ['protocol', 'auth', 'metrics:interface', 'hub:face', 'engine:face', 'transport:interface']),
  inServer('http', [
    'protocol',
    'clock',
    'auth',
    'scheduler',
    'hub:face',
    'transport',
    'engine',
    'store:interface',
    'files:interface',
    'metrics:interface',
  ]),
  inServer('ingest', ['protocol', 'worker', 'engine:face', 'store:interface', 'files:interface']),
  inServer('sources', ['protocol', 'clock', 'engine:face', 'auth', 'metrics:interface']),
  inServer('cli', ['protocol', 'client', 'config']),
  row(
    'server',
    ['server.ts', 'drivers.ts', 'main.ts', 'index.ts', 'dialects.ts'].map((file) => server + file),
    [
      ...['protocol', 'worker', 'clock', 'config', 'store', 'bus', 'metrics', 'auth', 'files', 'engine', 'scheduler'],
      ...['hub', 'transport', 'dialects', 'sources', 'ingest', 'http', 'cli'],
    ],
  ),

  row('worker', ['packages/worker/src/'], ['protocol']),
  row('present', [`${client}present/`, `${client}present.ts`], ['protocol'], [], false),
  row(
    'client/react',
    [`${client}react/`, `${client}react.ts`],
    ['client', 'present', 'protocol:types'],
    ['react'],
    false,
  ),
  row(
    'client/vue',
    [`${client}vue/`, `${client}vue.ts`],
    ['client', 'present', 'protocol:types'],
    ['vue', 'pinia', 'socket.io-client'],
    false,
  ),
  row(
    'client/zustand',
    [`${client}zustand/`, `${client}zustand.ts`],
    ['client', 'present', 'protocol'],
    ['zustand'],
    false,
  ),
  row('client', [client], ['protocol'], [], false),
  row('console', ['packages/console/src/'], ['client', 'client/react', 'present', 'protocol:types'], 'declared', false),

  row('examples', ['examples/'], 'public'),
  row('bench', ['bench/'], 'public'),
  row('scripts', ['scripts/'], []),
  row('fuzz', ['test/fuzz/'], 'anything'),
  row('test', ['test/'], 'public'),
];

/** Interface files: they import nothing of their implementers. */
export const interfaces = [
  ...['store/store', 'bus/bus', 'files/files', 'metrics/metrics', 'transport/transport', 'auth/auth'],
  ...['engine/face', 'hub/face', 'scheduler/face'],
].map((name) => `${server}${name}.ts`);

/** A package from npm that only some files may name. */
export const confined = [
  { npm: 'zod', within: protocol, to: /(^|\/)catalogue\.ts$|\.schema\.ts$/ },
  { npm: 'better-sqlite3', within: server, to: /-sqlite[^/]*\.ts$/ },
  { npm: 'socket.io-client', within: client, to: /\/vue\/use-web-socket\.ts$/ },
  { npm: 'pinia', within: client, to: /\/vue\/execution-store\.ts$/ },
];

/** Names that nothing but the listed files may use; `*` stands for any property. */
export const forbidden = [
  {
    what: 'time and chance come from the injected clock',
    names: [
      ...['Date.now', 'new Date()', 'Date()', 'Math.random', 'performance.*', 'crypto.*'],
      ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
    ],
    within: [protocol],
    except: [],
  },
  {
    what: 'time and chance come from the injected clock',
    names: ['Date.now', 'new Date()', 'Date()', 'Math.random', 'performance.*', 'setTimeout', 'setInterval'],
    within: [server],
    except: ['clock.ts', 'server.ts', 'main.ts', 'cli/'].map((file) => server + file),
  },
  {
    what: 'the protocol does no IO and knows no platform',
    names: ['process.*', 'fetch', 'WebSocket', 'Buffer.*', 'document.*', 'navigator.*', 'localStorage.*'],
    within: [protocol],
    except: [],
  },
  {
    what: 'output belongs to the logger',
    names: ['console.*'],
    within: ['packages/'],
    except: [`${server}main.ts`, `${server}cli/`],
  },
];

/** Modules that would let time in by another door. */
export const clockModules = /^(node:)?(timers(\/promises)?|perf_hooks)$/;

/** Files over 400 lines, each with the reason why splitting it would make it worse. */
export const longFiles: Record<string, string> = {};
