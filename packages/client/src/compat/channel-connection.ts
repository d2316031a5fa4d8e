import type { ConnectionSnapshot } from '../connection.ts';
import { isAttached } from '../connection-state.ts';

/** The connection in the words of a page that knows three states. */
export interface ChannelConnection {
  readonly connected: boolean;
  /** it comes up, or comes back, by itself */
  readonly connecting: boolean;
  /** why it is not up; a token that is not accepted shows here as well */
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

export function channelConnection({ state, error }: ConnectionSnapshot): ChannelConnection {
  const connected = isAttached(state);
  return {
    connected,
    connecting: state === 'connecting' || state === 'reconnecting' || state === 'offline',
    error: connected || !error ? undefined : { code: error.code, message: error.message },
  };
}
