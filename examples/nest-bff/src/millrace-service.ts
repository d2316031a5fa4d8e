import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { createEventBridge, createServer, type Server } from 'millrace';
import { ExecutionEmitter } from './execution-emitter.ts';

/**
 * Millrace in this process: it keeps the executions' logs, hears the emitter, and serves browsers at /executions.
 * `WS_PORT` is what the frontend's VITE_WS_URL names.
 */
@Injectable()
export class MillraceService implements OnApplicationShutdown {
  readonly server: Promise<Server>;

  constructor(@Inject(ExecutionEmitter) emitter: ExecutionEmitter) {
    const { WS_PORT = '3001', WEB_ORIGIN = 'http://localhost:5173' } = process.env;
    this.server = createServer({ port: Number(WS_PORT), origins: [WEB_ORIGIN] }).then((server) => {
      createEventBridge({ emitter, server });
      return server;
    });
  }

  /** Writes what was emitted, says goodbye to the browsers, and stops. */
  async onApplicationShutdown(): Promise<void> {
    await (await this.server).close();
  }
}
