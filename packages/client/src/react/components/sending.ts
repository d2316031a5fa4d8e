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
      setSending({ state: 'refused', error: error instanceof Error ? error : new Error(String(error)) });
    }
  };
  const send = (ask: () => Promise<unknown>): void => {
    if (isBusy.current) return;
    isBusy.current = true;
    run(ask).catch(() => {});
  };
  return { sending, isOff: sending.state === 'sending' || sending.state === 'sent', send };
}
