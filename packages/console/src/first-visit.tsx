import type { WorkflowDefinition } from '@millrace/protocol/command';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

export interface FirstVisitProps {
  /** the first one that says what an input looks like; undefined = there is none */
  demo: WorkflowDefinition | undefined;
  /** false = nothing is registered: no worker is there */
  hasWorkflows: boolean;
  isStarting: boolean;
  problem: string | undefined;
  onStart(): void;
}

/** What somebody sees who has no runs yet: what will be here, and one click to get there. */
export function FirstVisit({ demo, hasWorkflows, isStarting, problem, onStart }: FirstVisitProps): ReactNode {
  return (
    <section aria-labelledby="first-visit" className="rounded-lg border border-line bg-surface px-6 py-12">
      <div className="mx-auto grid max-w-xl gap-4">
        <h2 id="first-visit" className="text-xl font-semibold">
          No runs yet
        </h2>
        <p>
          A run is one execution of a job, a workflow or an AI agent. Here you will see every run, live, while it
          happens and after it has ended.
        </p>
        {demo ? (
          <>
            <p>
              <strong className="font-semibold">{demo.title ?? demo.name}</strong>
              {demo.description === undefined ? '' : `: ${demo.description}`}
            </p>
            <div className="flex flex-wrap items-center gap-3">
              <button type="button" className="mr-button mr-button-main" disabled={isStarting} onClick={onStart}>
                {isStarting ? 'Starting…' : `Run ${demo.name}`}
              </button>
              <Link to="/start" className="mr-button">
                Choose the input first
              </Link>
            </div>
          </>
        ) : hasWorkflows ? (
          <Link to="/start" className="mr-button mr-button-main justify-self-start">
            Start a run
          </Link>
        ) : (
          <p className="text-muted">
            No workflow is registered. Start a worker that registers one, for example with{' '}
            <code className="font-mono">npx millrace dev FILE</code>.
          </p>
        )}
        {problem !== undefined && (
          <p role="alert" className="text-bad">
            The run could not be started: {problem}
          </p>
        )}
      </div>
    </section>
  );
}
