import { useClient } from '@millrace/client/react';
import { useQuery } from '@tanstack/react-query';

const SECONDS = 1_000;

/** The workflows that can be started; asked again now and then, for workers come and go. */
export function useWorkflows() {
  const client = useClient();
  return useQuery({ queryKey: ['workflows'], queryFn: () => client.api.workflows(), refetchInterval: 15 * SECONDS });
}
