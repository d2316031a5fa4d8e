import type { RunAction } from '@millrace/client/present';
import { useClient } from '@millrace/client/react';
import { useNavigate } from '@tanstack/react-router';

/** Does what a run's buttons say; a retry goes on to the page of the run that it made. */
export function useRunAction(id: string): (action: RunAction) => Promise<unknown> {
  const client = useClient();
  const navigate = useNavigate();
  return async (action) => {
    if (action !== 'retry-failed' && action !== 'retry-start') return client.run(id).command({ type: action });
    const { id: next } = await client.api.retry(id, { from: action === 'retry-failed' ? 'failed' : 'start' });
    return navigate({ to: '/runs/$id', params: { id: next } });
  };
}
