import { type ComputedRef, computed, type MaybeRefOrGetter, type ShallowRef, toValue } from 'vue';
import { type JobProgress, JobProgressStore } from '../compat/job-progress.ts';
import { useClient } from './plugin.ts';
import { useStore } from './use-store.ts';

/** A job, live. */
export function useJobProgress(jobId: MaybeRefOrGetter<string>): ComputedRef<JobProgress> {
  const jobs = useJobProgressMultiple(() => [toValue(jobId)]);
  return computed(() => jobs.value[toValue(jobId)] as JobProgress);
}

/** Jobs, live, by their ids. */
export function useJobProgressMultiple(
  jobIds: MaybeRefOrGetter<readonly string[]>,
): Readonly<ShallowRef<Readonly<Record<string, JobProgress>>>> {
  const client = useClient();
  return useStore(() => new JobProgressStore(client, toValue(jobIds)));
}
