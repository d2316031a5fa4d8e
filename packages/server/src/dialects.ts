/**
 * The messages of the established protocols that a server speaks, for whoever writes a client of one. Those of
 * Socket.IO as it types sockets: `Socket<channels.ServerToClientEvents, channels.ClientToServerEvents>`.
 */
export type * as channels from '@millrace/protocol/dialects/channel-events';
export type * as executions from '@millrace/protocol/dialects/executions';
export type * as jobs from '@millrace/protocol/dialects/jobs';
export type { RunSocketEvent, RunSocketMessage, RunSocketRequest } from '@millrace/protocol/dialects/run-socket';
