import { setTimeout as wait } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { ExecutionEmitter } from './execution-emitter.ts';

/** Stands for what executes workflows: it works on an execution node by node, and emits what it does. */
@Injectable()
export class AiService {
  readonly #emitter: ExecutionEmitter;

  constructor(@Inject(ExecutionEmitter) emitter: ExecutionEmitter) {
    this.#emitter = emitter;
  }

  async execute(executionId: string, input: { nodes?: string[]; stepMs?: number }, signal: AbortSignal): Promise<void> {
    const { nodes = ['retrieve', 'answer'], stepMs = 200 } = input;
    const emit = (name: string, data: object) => this.#emitter.emit(name, { executionId, ...data });
    emit('execution:started', {});
    try {
      for (const nodeId of nodes) {
        emit('node:started', { nodeId, nodeType: 'llm' });
        await wait(stepMs, undefined, { signal });
        emit('node:progress', { nodeId, progress: 50, currentStep: 'thinking' });
        await wait(stepMs, undefined, { signal });
        emit('node:completed', { nodeId, outputs: { said: nodeId } });
      }
      emit('execution:completed', { outputs: { nodes: nodes.length } });
    } catch (error) {
      const stopped = { error: 'stopped', status: 'cancelled', reason: 'stopped by the user' };
      const failed = { error: error instanceof Error ? error.message : String(error) };
      emit('execution:failed', signal.aborted ? stopped : failed);
    }
  }
}
