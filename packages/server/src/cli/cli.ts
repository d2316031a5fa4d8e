import { errors, MillraceError } from '@millrace/protocol/error';
import { type CommandDef, defineCommand, renderUsage, runCommand } from 'citty';
import { Unreachable } from './api.ts';
import { dev } from './dev.ts';
import { doctor } from './doctor.ts';
import { cancel, pause, resume } from './give.ts';
import type { Host } from './host.ts';
import { inbox } from './inbox.ts';
import { migrate } from './migrate.ts';
import { paint } from './paint.ts';
import { retry } from './retry.ts';
import { runs } from './runs.ts';
import { schedules } from './schedules.ts';
import { start } from './start.ts';
import { tail } from './tail.ts';
import { token } from './token.ts';
import { trigger } from './trigger.ts';

const everything = {
  start,
  dev,
  token,
  trigger,
  runs,
  tail,
  pause,
  resume,
  cancel,
  retry,
  inbox,
  schedules,
  migrate,
  doctor,
};

/** Runs one command; resolves with the process's exit code. */
export async function runCli(args: string[], host: Host): Promise<number> {
  const commands: Record<string, CommandDef> = Object.fromEntries(
    Object.entries(everything).map(([name, make]) => [name, make(host) as CommandDef]),
  );
  const main = defineCommand({
    meta: { name: 'millrace', version: host.version, description: 'Streams runs of jobs, workflows and agents' },
    subCommands: commands,
  });
  const [name = ''] = args;
  try {
    if (name === '--version' || name === '-v') {
      console.log(host.version);
      return 0;
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (!command || args.includes('--help') || args.includes('-h')) {
      console.log(await renderUsage(command ?? main, command ? main : undefined));
      if (command || name === '' || name.startsWith('-')) return 0;
      console.error(`\nThere is no command "${name}".`);
      return 1;
    }
    await runCommand(command, { rawArgs: args.slice(1) });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    console.error(`${paint('red', 'Error:')} ${messageOf(error)}`);
    return 1;
  }
}

function messageOf(error: unknown): string {
  if (error instanceof MillraceError) {
    const { fix } = errors[error.code];
    return `${error.message} (${error.code})${error.message.includes(fix) ? '' : `\n  ${fix}`}`;
  }
  if (error instanceof Unreachable) return error.message;
  return error instanceof Error ? error.message : String(error);
}
