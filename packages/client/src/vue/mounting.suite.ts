import { onTestFinished } from 'vitest';
import { createRenderer, type Plugin } from 'vue';

const nothing = () => {};

/** Vue on no document at all: the components of these tests show nothing. */
const { createApp } = createRenderer<object, object>({
  patchProp: nothing,
  insert: nothing,
  remove: nothing,
  createElement: () => ({}),
  createText: () => ({}),
  createComment: () => ({}),
  setText: nothing,
  setElementText: nothing,
  parentNode: () => null,
  nextSibling: () => null,
});

/** Runs composables in a component of an app of their own; `unmount` ends it, at the latest with the test. */
export function mounted<T>(setup: () => T, ...plugins: (Plugin | [plugin: Plugin, options: unknown])[]) {
  let result: T | undefined;
  const app = createApp({
    setup() {
      result = setup();
      return () => null;
    },
  });
  for (const plugin of plugins) {
    if (Array.isArray(plugin)) app.use(...(plugin as [Plugin, never]));
    else app.use(plugin);
  }
  app.mount({});
  let isMounted = true;
  const unmount = () => {
    if (isMounted) app.unmount();
    isMounted = false;
  };
  onTestFinished(unmount);
  return { shown: result as T, unmount };
}
