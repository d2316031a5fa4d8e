import { MillraceError } from '@millrace/protocol/error';
import { defineCommand } from 'citty';
import { type Host, type Role, roles } from './host.ts';

const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Reads `90`, `90s`, `15m`, `12h` or `30d` as seconds. */
export function seconds(text: string): number {
  const match = /^(\d{1,9})([smhd]?)$/.exec(text);
  const value = match ? Number(match[1]) * (units[match[2] || 's'] as number) : 0;
  if (value === 0) {
    throw new MillraceError('config_invalid', {
      detail: `--ttl is "${text}". Expected a duration like 90s, 15m, 12h or 30d.`,
    });
  }
  return value;
}

/** Prints a token alone, so that `$(millrace token)` is one. */
export const token = (host: Host) =>
  defineCommand({
    meta: { name: 'token', description: "Make a token with the configured secret or the data folder's own" },
    args: {
      user: { type: 'string', description: 'whom it names', default: 'admin', valueHint: 'USER' },
      role: {
        type: 'string',
        description: `one or several of ${roles.join(', ')}, separated by commas`,
        default: 'admin',
      },
      tenant: { type: 'string', description: 'default: default', valueHint: 'TENANT' },
      ttl: { type: 'string', description: 'how long it is valid', default: '12h', valueHint: '90s|15m|12h|30d' },
      data: { type: 'string', description: 'data folder (MILLRACE_DATA)', valueHint: 'DIR' },
    },
    async run({ args }) {
      const config = host.config(args.data === undefined ? {} : { data: args.data });
      const claims = {
        sub: args.user,
        roles: args.role.split(',').map(roleOf),
        ...(args.tenant === undefined ? {} : { tenant: args.tenant }),
      };
      const made = await host.token(config, claims, seconds(args.ttl));
      if (made === undefined) {
        throw new MillraceError('config_invalid', {
          detail: `The data folder ${config.data} holds no secret yet. Run \`millrace start\` first, or set MILLRACE_JWT_SECRET.`,
        });
      }
      console.log(made);
    },
  });

function roleOf(text: string): Role {
  const role = roles.find((one) => one === text.trim());
  if (role === undefined) {
    throw new MillraceError('config_invalid', { detail: `--role is "${text}". Expected one of ${roles.join(', ')}.` });
  }
  return role;
}
