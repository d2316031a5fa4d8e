import type { ReactNode } from 'react';
import type { ConnectionState } from '../../connection-state.ts';

export interface ConnectionLightProps {
  state: ConnectionState;
  /** how the server is reached now, e.g. `websocket` */
  transport?: string | undefined;
  /** ms between a question to the server and its answer */
  lag?: number | undefined;
  /** true = a screen reader is told of changes; one light of a page should */
  announces?: boolean;
  /** time of day at which what is shown was last known to be true; said only while it may be stale */
  asOf?: string | undefined;
}

interface Lamp {
  colour: 'ok' | 'warn' | 'bad';
  pulses: boolean;
  word: string;
  fact?: string;
}

const lamps: Record<ConnectionState, Lamp> = {
  live: { colour: 'ok', pulses: true, word: 'Connected' },
  'catching-up': { colour: 'ok', pulses: true, word: 'Connected', fact: 'catching up' },
  polling: { colour: 'warn', pulses: false, word: 'Connected', fact: 'polling, some seconds late' },
  connecting: { colour: 'warn', pulses: true, word: 'Connecting' },
  reconnecting: { colour: 'warn', pulses: true, word: 'Reconnecting' },
  offline: { colour: 'bad', pulses: false, word: 'Disconnected', fact: 'no network' },
  'signed-out': { colour: 'bad', pulses: false, word: 'Disconnected', fact: 'signed out' },
  closed: { colour: 'bad', pulses: false, word: 'Disconnected' },
  idle: { colour: 'bad', pulses: false, word: 'Disconnected', fact: 'not started' },
};

/** Whether what is on screen is the server's present, in a word and a lamp; while it is not, since when. */
export function ConnectionLight({ state, transport, lag, asOf, announces = false }: ConnectionLightProps): ReactNode {
  const { colour, pulses, word, fact } = lamps[state];
  const present = [transport, lag === undefined ? undefined : `${Math.round(lag)} ms`];
  const past = [asOf === undefined ? undefined : `as of ${asOf}`];
  const facts = [fact, ...(isStale(state) ? past : present)].filter((part) => part !== undefined);
  return (
    <span className={`mr-light mr-lamp-${colour}`}>
      <span className={pulses ? 'mr-light-dot mr-pulse' : 'mr-light-dot'} aria-hidden="true" />
      <span {...(announces ? { role: 'status' } : {})}>{word}</span>
      {facts.length > 0 && <span className="mr-light-fact">{facts.join(' · ')}</span>}
    </span>
  );
}

/** Whether what is shown may have changed on the server without being known here. */
export function isStale(state: ConnectionState): boolean {
  return state !== 'live' && state !== 'polling' && state !== 'catching-up';
}
