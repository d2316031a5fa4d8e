import { Body, Controller, HttpCode, HttpException, Inject, Param, Post } from '@nestjs/common';
import { AiService } from './ai-service.ts';
import { MillraceService } from './millrace-service.ts';

interface ExecuteBody {
  workflowId: string;
  input?: { nodes?: string[]; stepMs?: number };
}

/** Who asks; an application takes it from its own session. */
const caller = { tenant: 'default', by: 'user:demo' };

@Controller('executions')
export class ExecutionsController {
  readonly #millrace: MillraceService;
  readonly #ai: AiService;
  readonly #running = new Map<string, AbortController>();

  constructor(@Inject(MillraceService) millrace: MillraceService, @Inject(AiService) ai: AiService) {
    this.#millrace = millrace;
    this.#ai = ai;
  }

  /** Start: opens the execution's run, and answers its id at once; what happens is told over the socket. */
  @Post()
  async execute(@Body() { workflowId, input = {} }: ExecuteBody): Promise<{ id: string }> {
    const { engine } = await this.#millrace.server;
    const { id } = await engine
      .create(caller, { workflow: workflowId, external: true, input: { ...input } })
      .catch(refuse);
    const stop = new AbortController();
    this.#running.set(id, stop);
    void this.#ai.execute(id, input, stop.signal).finally(() => this.#running.delete(id));
    return { id };
  }

  /** Stop. */
  @Post(':id/stop')
  @HttpCode(200)
  async stop(@Param('id') id: string): Promise<{ id: string }> {
    const { engine } = await this.#millrace.server;
    await engine.command(caller, id, { type: 'cancel', reason: 'stopped by the user' }).catch(refuse);
    this.#running.get(id)?.abort();
    return { id };
  }

  /** The token that the frontend puts into its socket's `auth`. */
  @Post('token')
  async token(): Promise<{ token: string }> {
    const server = await this.#millrace.server;
    return { token: await server.token({ sub: 'demo', roles: ['user'] }) };
  }
}

/** Millrace's errors carry a status and a code. */
function refuse(error: unknown): never {
  const { code, message, row } = error as { code?: string; message: string; row?: { http: number } };
  throw new HttpException({ code: code ?? 'internal', message }, row?.http ?? 500);
}
