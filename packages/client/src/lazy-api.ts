import type { Api, ApiOptions } from './api.ts';
import { lazy } from './lazy.ts';
import { wholeUrl } from './whole-url.ts';

/** The HTTP interface, whose code is fetched with its first call: many pages only follow. */
export function lazyApi(options: ApiOptions): Api {
  const load = lazy(async () => new (await import('./api.ts')).Api(options));
  const call =
    (name: string) =>
    async (...given: unknown[]) => {
      const api = await load();
      return Reflect.apply(Reflect.get(api, name), api, given);
    };
  const own = { fileUrl: (path: string) => wholeUrl(options.url, path) };
  return new Proxy(own as Api, {
    // Whoever awaits it does not mean a call, and neither does who prints it.
    get: (own, name) =>
      Reflect.get(own, name) ?? (typeof name === 'string' && name !== 'then' ? call(name) : undefined),
  });
}
