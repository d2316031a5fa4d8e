import { parentPort } from 'node:worker_threads';
import jsonata from 'jsonata';
import type { ExpressionRequest } from './expressions.ts';

const compiled = new Map<string, ReturnType<typeof jsonata>>();

function compile(source: string): ReturnType<typeof jsonata> {
  const known = compiled.get(source);
  if (known) return known;
  const expression = jsonata(source);
  if (compiled.size > 500) compiled.clear();
  compiled.set(source, expression);
  return expression;
}

async function answer(request: ExpressionRequest): Promise<unknown> {
  try {
    const expression = compile(request.source);
    if (request.kind === 'parse') return { ok: true, value: null };
    const value = (await expression.evaluate(request.data)) as unknown;
    // JSONata marks its sequences with hidden properties; JSON takes them off.
    return { ok: true, value: value === undefined ? null : JSON.parse(JSON.stringify(value)) };
  } catch (error) {
    const message =
      error instanceof Error || (typeof error === 'object' && error !== null && 'message' in error)
        ? String((error as { message: unknown }).message)
        : String(error);
    return { ok: false, code: 'expression_failed', message };
  }
}

parentPort?.on('message', (request: ExpressionRequest) => {
  void answer(request).then((result) => parentPort?.postMessage(result));
});

parentPort?.postMessage({ ready: true });
