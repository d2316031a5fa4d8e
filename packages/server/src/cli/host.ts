import type { Config } from '../config.ts';

/** What commands need of the process that they run in; main.ts hands it over. Only here is the data folder touched. */
export interface Host {
  env: Record<string, string | undefined>;
  version: string;
  /** Reads the environment with a command's flags on top; throws `config_invalid`. */
  config(overrides: Partial<Config>): Config;
  /** Starts a server that stops by itself on SIGTERM and SIGINT. */
  start(overrides: Partial<Config>): Promise<Running>;
  /**
   * Makes a token with the configured secret or the data folder's own, whether or not a server runs.
   * undefined = the folder has no secret yet, since no server was ever started on it.
   */
  token(config: Config, claims: TokenClaims, ttl: number): Promise<string | undefined>;
  inspect(config: Config): Promise<Inspection>;
  /**
   * Copies a data folder into an empty Postgres database, all or nothing. Throws `config_invalid`, and whatever opening
   * either of them throws.
   */
  migrate(from: string, to: string, tell: (progress: Copied) => void): Promise<{ runs: number; events: number }>;
}

/** How many of how many events are copied. */
export interface Copied {
  copied: number;
  events: number;
}

export interface Running {
  url: string;
  token(claims: TokenClaims, ttl: number): Promise<string>;
  close(): Promise<void>;
  /** resolves when the server has stopped */
  closed: Promise<void>;
}

export interface TokenClaims {
  sub: string;
  tenant?: string;
  roles?: readonly Role[];
}

export const roles = ['user', 'operator', 'worker', 'admin'] as const;
export type Role = (typeof roles)[number];

/** What `doctor` learns from the data folder and the installation. */
export interface Inspection {
  /** undefined = it can be written */
  folder?: { problem: string };
  database: { state: 'none' | 'ok' | 'in_use' } | { state: 'refused'; code: string; detail: string };
  /** what carries hints between servers, where there may be several */
  hints?: { by: 'Redis' | 'Postgres'; trouble?: string };
  consoleBuilt: boolean;
}
