import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { errors, isErrorCode, MillraceError } from '@millrace/protocol/error';
import { defineCommand } from 'citty';
import type { Config } from '../config.ts';
import type { Api } from './api.ts';
import type { Host, Inspection } from './host.ts';
import { paint } from './paint.ts';
import { connect, targetArgs } from './target.ts';

/** One thing that was looked at; `fix` where it is not as it should be. */
export interface Finding {
  what: string;
  found: string;
  fix?: string;
}

/** ms by which our clock and the server's may differ before tokens begin to be refused too early or too late */
const SKEW_MS = 5_000;
const NODE = [22, 15] as const;

export const doctor = (host: Host) =>
  defineCommand({
    meta: { name: 'doctor', description: 'Look for what could keep a server from working, and say how to mend it' },
    args: targetArgs,
    async run({ args }) {
      const config = host.config(args.data === undefined ? {} : { data: args.data });
      const inspection = await host.inspect(config);
      const api = await connect(host, args);
      const server = await askHealth(api);
      const findings = [
        nodeVersion(process.versions.node),
        folder(config, inspection),
        database(inspection),
        ...hints(inspection),
        await port(config, server),
        builtConsole(inspection),
        ...(server ? [skew(server.now, Date.now()), await access(api)] : []),
      ];
      for (const finding of findings) console.log(line(finding));
      if (findings.some(({ fix }) => fix !== undefined)) process.exitCode = 1;
    },
  });

function line({ what, found, fix }: Finding): string {
  const mark = fix === undefined ? paint('green', '✓') : paint('red', '✗');
  return `${mark} ${what}: ${found}${fix === undefined ? '' : `\n    ${fix}`}`;
}

interface Health {
  version: string;
  now: number;
}

async function askHealth(api: Api): Promise<Health | undefined> {
  return api.json<Health>('GET', '/api/health').catch(() => undefined);
}

export function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const ok = major > NODE[0] || (major === NODE[0] && minor >= NODE[1]);
  return { what: 'Node', found: version, ...(ok ? {} : { fix: `Install Node ${NODE.join('.')} or newer.` }) };
}

function folder(config: Config, { folder: refused }: Inspection): Finding {
  const found = resolve(config.data);
  if (!refused) return { what: 'Data folder', found };
  return {
    what: 'Data folder',
    found: `${found}: ${refused.problem}`,
    fix: 'Make it writable, or choose another with MILLRACE_DATA.',
  };
}

export function database({ database: state }: Inspection): Finding {
  const what = 'Database';
  if (state.state === 'refused') {
    const fix = isErrorCode(state.code) ? errors[state.code].fix : 'Read the message.';
    return { what, found: `${state.detail} (${state.code})`, fix };
  }
  const words = {
    none: 'none yet; the first start makes one',
    ok: 'can be opened',
    in_use: 'in use by a running server',
  };
  return { what, found: words[state.state] };
}

export function hints({ hints: told }: Inspection): Finding[] {
  if (!told) return [];
  const { by, trouble } = told;
  const what = 'Between servers';
  return [
    trouble === undefined ? { what, found: `${by} carries hints` } : { what, found: `not by ${by}`, fix: trouble },
  ];
}

async function port({ port: number, host }: Config, server: Health | undefined): Promise<Finding> {
  if (server) return { what: 'Server', found: `Millrace ${server.version} answers` };
  const free = await new Promise<boolean>((done) => {
    const probe = createServer().once('error', () => done(false));
    probe.listen({ port: number, host }, () => probe.close(() => done(true)));
  });
  if (free) return { what: 'Port', found: `${number} is free` };
  return { what: 'Port', found: `another program listens on ${number}`, fix: errors.port_in_use.fix };
}

function builtConsole({ consoleBuilt }: Inspection): Finding {
  return {
    what: 'Console',
    found: consoleBuilt ? 'built' : 'not built',
    ...(consoleBuilt ? {} : { fix: 'Run `npm run console`.' }),
  };
}

export function skew(theirs: number, ours: number): Finding {
  const seconds = Math.round((theirs - ours) / 1000);
  const found =
    seconds === 0 ? 'same as the server' : `the server is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}`;
  const ok = Math.abs(theirs - ours) <= SKEW_MS;
  return { what: 'Clock', found, ...(ok ? {} : { fix: 'Set both clocks (NTP), or tokens expire early or late.' }) };
}

async function access(api: Api): Promise<Finding> {
  try {
    await api.json('GET', '/api/runs?limit=1');
    return { what: 'Token', found: 'accepted' };
  } catch (error) {
    const fix = error instanceof MillraceError ? error.row.fix : 'Set MILLRACE_TOKEN.';
    return { what: 'Token', found: error instanceof Error ? error.message : String(error), fix };
  }
}
