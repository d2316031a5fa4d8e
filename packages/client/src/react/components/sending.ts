import { useRef, useState } from 'react';

export type Sending = { state: 'idle' | 'sending' | 'sent' } | { state: 'refused'; error: Error };

/**
 * Sends something once: while it is under way, and after it was taken, nothing more goes out. A refusal allows another
 * try. What comes of it is told by the run's log, not by this.
 */
export function useSending(): { sending: Sending; isOff: boolean; send(ask: () => Promise<unknown>): void } {
  const [sending, setSending] = useState<Sending>({ state: 'idle' });
  const isBusy = useRef(false);
  const run = async (ask: () => Promise<unknown>): Promise<void> => {
    setSending({ state: 'sending' });
    try {
      await ask();
      setSending({ state: 'sent' });
    } catch (error) {
      isBusy.current = false;
      const known = error instanceof Error ? error : new Error(String(error));
      setSending(isTakenBack(known) ? { state: 'idle' } : { state: 'refused', error: known });
    }
  };
  const send = (ask: () => Promise<unknown>): void => {
    if (isBusy.current) return;
    isBusy.current = true;
    run(ask).catch(() => {});
  };
  return { sending, isOff: sending.state === 'sending' || sending.state === 'sent', send };
}

/** Whoever took a command back knows that it was not done. */
function isTakenBack(error: Error & { facts?: { takenBack?: boolean } }): boolean {
  return error.facts?.takenBack === true;
}

/** Why something was not done. What waited for the connection in vain was never refused by anybody. */
export function refusalText(what: string, error: Error): string {
  const isDropped = 'code' in error && error.code === 'command_dropped';
  return `${what} was ${isDropped ? 'not sent' : 'refused'}: ${error.message}`;
}
