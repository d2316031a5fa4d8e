import { inject, onScopeDispose, type Ref, ref } from 'vue';
import { ResilientSocket, type ResilientSocketOptions } from '../compat/resilient-socket.ts';
import { type SocketSource, socketWays } from '../compat/socket-ways.ts';
import { clientKey } from './plugin.ts';

export interface ResilientWebSocket extends Pick<ResilientSocket, 'sendMessage' | 'disconnect' | 'reconnect'> {
  connected: Readonly<Ref<boolean>>;
}

/**
 * The plain WebSocket of one run, in its own messages. It opens at once, comes back by itself and closes with the
 * component. Address and token are the plugin's client's, unless they are given.
 */
export function useResilientWebSocket(options: ResilientSocketOptions & SocketSource): ResilientWebSocket {
  const socket = new ResilientSocket(
    options,
    socketWays(() => options, inject(clientKey, undefined)),
  );
  const connected = ref(false);
  const leave = socket.subscribe(() => {
    connected.value = socket.getSnapshot().connected;
  });
  socket.start();
  onScopeDispose(() => {
    socket.disconnect();
    leave();
  });
  return {
    connected,
    sendMessage: (message) => socket.sendMessage(message),
    disconnect: () => socket.disconnect(),
    reconnect: () => socket.reconnect(),
  };
}
