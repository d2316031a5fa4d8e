/** Rejects after so many ms: whatever it races against is bounded. */
export function overdue(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    const give = () => reject(new Error(`It did not end within ${ms} ms.`));
    AbortSignal.timeout(ms).addEventListener('abort', give);
  });
}
