import { useEffect, useState } from 'react';

const SECOND = 1_000;

/** ms since the epoch, once a second while `runs`; it stands still otherwise, and React renders nothing for it. */
export function useNow(runs: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!runs) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), SECOND);
    return () => clearInterval(timer);
  }, [runs]);
  return now;
}
