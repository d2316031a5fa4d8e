import type { channels, executions, jobs, RunSocketMessage } from 'millrace/dialects';
import type { io, Socket } from 'socket.io-client';
import { expectTypeOf, test } from 'vitest';

/** What a listener of an event is given. */
type Given<Events, Name extends keyof Events> = Events[Name] extends (data: infer Data) => void ? Data : never;

test('[DIA-118] the events of each dialect type a stock client’s socket: a wrong name or field does not compile', () => {
  type Channels = Socket<channels.ServerToClientEvents, channels.ClientToServerEvents>;
  type Executions = Socket<executions.ServerToClientEvents, executions.ClientToServerEvents>;
  type Jobs = Socket<jobs.ServerToClientEvents, jobs.ClientToServerEvents>;
  expectTypeOf<ReturnType<typeof io>>().toExtend<Socket>();
  expectTypeOf<Parameters<Executions['emit']>[0]>().toEqualTypeOf<'subscribe' | 'unsubscribe'>();
  expectTypeOf<Given<executions.ServerToClientEvents, 'status'>['status']>().toEqualTypeOf<
    'pending' | 'running' | 'completed' | 'failed'
  >();
  expectTypeOf<Given<executions.ServerToClientEvents, 'log'>['log']['level']>().toEqualTypeOf<
    'info' | 'warning' | 'error'
  >();
  expectTypeOf<Given<channels.ServerToClientEvents, 'agent:token'>>().toHaveProperty('cumulativeResponse');
  expectTypeOf<Given<jobs.ServerToClientEvents, 'job:progress'>>().toHaveProperty('progress');
  expectTypeOf<keyof jobs.ServerToClientEvents>().not.toEqualTypeOf<string>();
  expectTypeOf<Channels['on']>().toBeFunction();
  expectTypeOf<Jobs['on']>().toBeFunction();
  expectTypeOf<RunSocketMessage['event_type']>().not.toEqualTypeOf<string>();
  // @ts-expect-error: the dialect has no such event
  expectTypeOf<Given<channels.ServerToClientEvents, 'agent:nothing'>>().toBeNever();
});
