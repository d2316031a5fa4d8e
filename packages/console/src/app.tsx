import { createClient } from '@millrace/client';
import { MillraceProvider } from '@millrace/client/react';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { createPages } from './router.tsx';
import { keepToken } from './session.ts';
import { SignIn } from './sign-in.tsx';

/** The console: somebody who has a token is signed in, and somebody else is asked for one. */
export function App({ token: first, storage }: { token: string | undefined; storage: Storage }): ReactNode {
  const [token, setToken] = useState(first);
  const signIn = (next: string): void => {
    keepToken(storage, next);
    setToken(next);
  };
  if (token === undefined) {
    return (
      <main className="px-4 py-10">
        <SignIn onToken={signIn} />
      </main>
    );
  }
  return <SignedIn key={token} token={token} onToken={signIn} />;
}

function SignedIn({ token, onToken }: { token: string; onToken(token: string): void }): ReactNode {
  const [parts] = useState(() => ({
    client: createClient({ url: window.location.origin, token }),
    queries: new QueryClient({ defaultOptions: { queries: { retry: 1 } } }),
    pages: createPages(onToken),
  }));
  useEffect(() => {
    parts.client.connect();
    return () => parts.client.disconnect();
  }, [parts]);
  return (
    <MillraceProvider client={parts.client}>
      <QueryClientProvider client={parts.queries}>
        <RouterProvider router={parts.pages} />
      </QueryClientProvider>
    </MillraceProvider>
  );
}
