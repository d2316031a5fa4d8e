import { type ReactNode, useId, useState } from 'react';

/** Asks for a token and says where to get one. `reason` tells why the last one does not do. */
export function SignIn({ reason, onToken }: { reason?: string; onToken(token: string): void }): ReactNode {
  const field = useId();
  const help = useId();
  const [token, setToken] = useState('');
  return (
    <form
      className="mx-auto grid max-w-lg gap-4 rounded-lg border border-line bg-surface p-6"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() !== '') onToken(token.trim());
      }}
    >
      <h1 className="text-lg font-semibold">Sign in</h1>
      {reason !== undefined && (
        <p role="alert" className="text-bad">
          {reason}
        </p>
      )}
      <div className="grid gap-1">
        <label htmlFor={field} className="font-medium">
          Token
        </label>
        <input
          id={field}
          className="mr-input font-mono"
          type="password"
          autoComplete="off"
          spellCheck={false}
          required
          aria-describedby={help}
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
      </div>
      <div id={help} className="grid gap-2 text-muted">
        <p>On the machine that runs the server, print a token with</p>
        <pre className="mr-json text-ink">npx millrace token</pre>
        <p>
          or open the address that the server printed when it started: it carries one. The token stays in this browser.
        </p>
      </div>
      <button type="submit" className="mr-button mr-button-main justify-self-start">
        Sign in
      </button>
    </form>
  );
}
