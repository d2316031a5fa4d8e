import { type ReactNode, useId } from 'react';

/** A titled part of a page; `beside` stands at the right of the title. */
export function Panel({
  title,
  beside,
  children,
}: {
  title: string;
  beside?: ReactNode;
  children: ReactNode;
}): ReactNode {
  const id = useId();
  return (
    <section aria-labelledby={id} className="min-w-0 rounded-lg border border-line bg-surface">
      <div className="flex min-h-11 flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2">
        <h2 id={id} className="font-semibold">
          {title}
        </h2>
        <div className="ml-auto flex flex-wrap items-center gap-x-4 gap-y-1">{beside}</div>
      </div>
      <div className="p-4">{children}</div>
    </section>
  );
}
