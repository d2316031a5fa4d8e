import { MillraceError } from '@millrace/protocol/error';

/**
 * Who may talk to the server at all, by the Host and Origin headers: the same answer for HTTP, WebSocket upgrades
 * and every dialect. Tokens come after it.
 */
export interface Gate {
  /** Throws `host_not_allowed` or `origin_not_allowed`. */
  check(headers: { host?: string | undefined; origin?: string | undefined }): void;
  /** Whether a browser page of this origin may read answers, given the Host it was asked under. */
  allows(origin: string, host: string | undefined): boolean;
}

export interface GateOptions {
  /** the address the server listens on */
  listen: string;
  /** true = a secret or a key set was configured, so tokens come from the operator */
  secured: boolean;
  /** allowed names of the Host header beside loopback's */
  hosts: readonly string[];
  /** allowed origins beside the server's own; `*` = all */
  origins: readonly string[];
}

/**
 * Without configured keys only loopback names are served, so that no page can reach the server by a name that it
 * rebinds to 127.0.0.1. With them any Host is served, unless `hosts` says which.
 * Throws `config_invalid` where an unsecured server would be reachable by other machines.
 */
export function createGate({ listen, secured, hosts, origins }: GateOptions): Gate {
  const loopback = isLoopback(listen);
  if (!secured && !loopback) {
    throw new MillraceError('config_invalid', {
      detail:
        `MILLRACE_HOST is "${listen}", which other machines can reach. Expected MILLRACE_JWT_SECRET or ` +
        'MILLRACE_JWKS_URL to be set as well; without them the server stays on 127.0.0.1.',
    });
  }
  const anyHost = secured && hosts.length === 0;
  /** the Host that was served last: nearly all requests come under one, and parsing it is a good part of a request's hooks */
  let known: string | undefined;
  const servesHost = (host: string | undefined): boolean => {
    if (anyHost) return true;
    if (host === undefined) return false;
    if (host === known) return true;
    const name = nameOf(host);
    const serves =
      name !== undefined && (isLoopback(name) || hosts.includes(name) || hosts.includes(host.toLowerCase()));
    if (serves) known = host;
    return serves;
  };
  const allows = (origin: string, host: string | undefined): boolean => {
    if (origins.includes('*') || origins.includes(origin)) return true;
    const url = URL.parse(origin);
    if (!url) return false;
    return url.host === host?.toLowerCase() || (loopback && isLoopback(url.hostname));
  };
  return {
    allows,
    check({ host, origin }) {
      if (!servesHost(host)) {
        throw new MillraceError('host_not_allowed', { detail: `The Host header is "${(host ?? '').slice(0, 100)}".` });
      }
      if (origin !== undefined && !allows(origin, host)) {
        throw new MillraceError('origin_not_allowed', { detail: `The Origin is "${origin.slice(0, 100)}".` });
      }
    },
  };
}

/** True for names that no other machine can reach. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

function nameOf(host: string): string | undefined {
  return URL.parse(`http://${host}`)?.hostname;
}
