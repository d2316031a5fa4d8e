import { createRootRoute, createRoute, createRouter, type RouterHistory } from '@tanstack/react-router';
import { InboxPage } from './inbox-page.tsx';
import { KnowledgeBasePage, KnowledgePage } from './knowledge-page.tsx';
import { NotFound } from './not-found.tsx';
import { RunPage } from './run-page.tsx';
import { RunsPage } from './runs-page.tsx';
import { runsSearch } from './runs-search.ts';
import { Shell } from './shell.tsx';
import { StartPage } from './start-page.tsx';

/** The pages by address. `onToken` is called with the token of somebody who signs in again; `history`: the browser's. */
export function createPages(onToken: (token: string) => void, history?: RouterHistory) {
  const root = createRootRoute({ component: () => <Shell onToken={onToken} />, notFoundComponent: NotFound });
  const runs = createRoute({ getParentRoute: () => root, path: '/', component: RunsPage, validateSearch: runsSearch });
  const run = createRoute({
    getParentRoute: () => root,
    path: '/runs/$id',
    component: function Run() {
      const { id } = run.useParams();
      return <RunPage key={id} id={id} />;
    },
  });
  const start = createRoute({
    getParentRoute: () => root,
    path: '/start',
    component: StartPage,
    validateSearch: ({ workflow }: Record<string, unknown>): { workflow?: string } =>
      typeof workflow === 'string' ? { workflow } : {},
  });
  const inbox = createRoute({ getParentRoute: () => root, path: '/inbox', component: InboxPage });
  const knowledge = createRoute({ getParentRoute: () => root, path: '/knowledge', component: KnowledgePage });
  const base = createRoute({
    getParentRoute: () => root,
    path: '/knowledge/$id',
    component: function Base() {
      const { id } = base.useParams();
      return <KnowledgeBasePage key={id} id={id} />;
    },
  });
  return createRouter({
    routeTree: root.addChildren([runs, run, inbox, knowledge, base, start]),
    ...(history && { history }),
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createPages>;
  }
}
