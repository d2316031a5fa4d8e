import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

export function NotFound(): ReactNode {
  return (
    <section className="grid gap-3 py-10">
      <h1 className="text-xl font-semibold">There is no such page</h1>
      <p>
        <Link to="/" className="text-accent underline underline-offset-2">
          All runs
        </Link>
      </p>
    </section>
  );
}
