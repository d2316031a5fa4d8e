export type { Role, Scope } from './auth/auth.ts';
export { SimulatedClock, systemClock } from './clock.ts';
export type { Config, Timings } from './config.ts';
export type { Caller, Engine, WorkerInfo } from './engine/face.ts';
export { createServer, type Server, type ServerOptions, type TokenClaims, version } from './server.ts';
export { createEventBridge, type EventBridge, type EventBridgeOptions } from './sources/event-bridge.ts';
