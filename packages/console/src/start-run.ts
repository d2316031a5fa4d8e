import { useClient } from '@millrace/client/react';
import type { CreateRun } from '@millrace/protocol/command';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';

/** Starts a run and goes to its page. */
export function useStartRun() {
  const client = useClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: (request: CreateRun) => client.api.start(request),
    onSuccess: ({ id }) => navigate({ to: '/runs/$id', params: { id } }),
  });
}
