import type { PendingCommand, RunSnapshot } from '@millrace/client';
import { answerTo, type RunAction, summaryOf, supersededCount } from '@millrace/client/present';
import {
  AgentStream,
  ApprovalCard,
  CostMeter,
  DocumentProgress,
  ErrorPanel,
  FileList,
  InputCard,
  RunCommands,
  StepTimeline,
} from '@millrace/client/react';
import type { Json } from '@millrace/protocol/json';
import type { FileView, RunView, WaitView } from '@millrace/protocol/view';
import { type ReactNode, useState } from 'react';
import { InputForm } from './input-form.tsx';
import { InputOutput } from './input-output.tsx';
import { LogPanel } from './log-panel.tsx';
import { Panel } from './panel.tsx';
import { RunGraph } from './run-graph.tsx';
import { RunHeader } from './run-header.tsx';
import { RunLink } from './run-link.tsx';
import { timeText } from './time-text.ts';

export interface RunBodyProps {
  view: RunView;
  continuity: RunSnapshot['continuity'];
  pending: RunSnapshot['pending'];
  refused: RunSnapshot['refused'];
  isConnected: boolean;
  /** why the run cannot be followed any more */
  problem?: string | undefined;
  now: number;
  /** ms since the epoch, running on while a command waits, also where the connection is away */
  clock: number;
  onKeep(command: PendingCommand): void;
  onTakeBack(command: PendingCommand): void;
  onDecide(approvalId: string, decision: string, comment?: string): Promise<unknown>;
  onProvide(inputId: string, value: Json): Promise<unknown>;
  onAction(action: RunAction): Promise<unknown>;
  /** Fetches a file's bytes; must stay the same function from one render to the next. */
  load(file: FileView): Promise<Blob>;
}

const linkTo = (run: string, text: string): ReactNode => <RunLink run={run} text={text} />;
const page = 'grid grid-cols-1 gap-5';

/** A run's page, as a function of its view. What is empty is left out. */
export function RunBody(props: RunBodyProps): ReactNode {
  const { view, continuity, pending, isConnected, problem, now, onDecide, onProvide, onAction, load } = props;
  const { control, content } = view;
  const [showSuperseded, setShowSuperseded] = useState(false);
  const superseded = supersededCount(content);
  const questions = Object.values(control.waits).filter(({ kind }) => kind === 'approval' || kind === 'input');
  const messages = Object.values(content.messages).filter((message) => showSuperseded || !message.superseded);
  const files = content.files.filter((file) => showSuperseded || !file.superseded);
  const { usage } = control;
  const isUsed = usage.inputTokens + usage.outputTokens > 0 || Object.keys(usage.cost).length > 0;
  const card = (wait: WaitView): ReactNode => {
    const answer = answerTo(pending, wait.id);
    const onTakeBack = (): void => {
      if (answer) props.onTakeBack(answer);
    };
    const common = { wait, timeText, pending: answer, onTakeBack };
    return wait.kind === 'input' ? (
      <InputCard key={wait.id} {...common} form={InputForm} onProvide={(value) => onProvide(wait.id, value)} />
    ) : (
      <ApprovalCard key={wait.id} {...common} onDecide={(decision, comment) => onDecide(wait.id, decision, comment)} />
    );
  };
  return (
    <div className={isConnected ? page : `${page} mr-stale`}>
      <RunHeader run={summaryOf(view)} pending={pending} lineage={control.lineage} continuity={continuity} now={now} />
      <RunCommands
        control={control}
        pending={pending}
        refused={props.refused}
        now={props.clock}
        onAction={onAction}
        onKeep={props.onKeep}
        onTakeBack={props.onTakeBack}
      />
      {problem !== undefined && (
        <p role="alert" className="text-bad">
          This is the run's last known state; it cannot be followed any more: {problem}
        </p>
      )}
      {control.error && <ErrorPanel error={control.error} />}
      {control.status === 'cancelled' && control.reason !== undefined && <p>Cancelled: {control.reason}</p>}
      {questions.filter((wait) => wait.status === 'open').map(card)}
      {control.graph.length > 1 && (
        <Panel title="Graph">
          <RunGraph
            graph={control.graph}
            nodes={control.nodes}
            counts={control.counts}
            progresses={content.progresses}
          />
        </Panel>
      )}
      {superseded > 0 && (
        <label className="flex items-center gap-2">
          <input
            type="checkbox"
            checked={showSuperseded}
            onChange={(event) => setShowSuperseded(event.target.checked)}
          />
          Show output that a newer attempt has superseded ({superseded.toLocaleString('en')})
        </label>
      )}
      <div className="grid grid-cols-1 gap-5 lg:grid-cols-[minmax(0,1fr)_23rem]">
        <div className="grid grid-cols-1 content-start gap-5">
          {files.length > 0 && (
            <Panel title="Files">
              <FileList files={content.files} load={load} showSuperseded={showSuperseded} />
            </Panel>
          )}
          {messages.length > 0 && (
            <Panel title="Agent">
              <AgentStream
                messages={content.messages}
                live={isConnected && control.endedAt === undefined}
                showSuperseded={showSuperseded}
              />
            </Panel>
          )}
          {questions.filter((wait) => wait.status !== 'open').map(card)}
          <Panel title="Log">
            <LogPanel run={view.run} logs={content.logs} nodes={control.nodes} showSuperseded={showSuperseded} />
          </Panel>
        </div>
        <div className="grid grid-cols-1 content-start gap-5">
          <Panel title="Steps">
            <StepTimeline view={view} now={now} timeText={timeText} runLink={linkTo} />
          </Panel>
          {content.documentTotal > 0 && (
            <Panel title="Documents">
              <DocumentProgress documents={content.documents} total={content.documentTotal} />
            </Panel>
          )}
          {isUsed && (
            <Panel title="Usage">
              <CostMeter usage={usage} budget={control.options.budget} />
            </Panel>
          )}
          <InputOutput input={control.input} output={control.output} />
        </div>
      </div>
    </div>
  );
}
