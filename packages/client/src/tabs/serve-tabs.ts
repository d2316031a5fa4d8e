import type { Opener, Platform } from '../transport.ts';
import type { TabMessage } from './message.ts';
import { TabHub } from './tab-hub.ts';

/** Serves every port that is handed to it with one connection, which the first tab's settings make. */
export function serveTabs(platform: Platform, opener: Opener): (port: MessagePort) => void {
  let hub: TabHub | undefined;
  return (port) => {
    port.onmessage = ({ data }: MessageEvent<TabMessage>) => {
      if (data.type !== 'open') return;
      hub ??= new TabHub(data.setup, platform, opener);
      hub.join(port);
    };
  };
}
