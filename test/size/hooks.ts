import './core.ts';
import {
  MillraceProvider,
  useAgentStream,
  useClient,
  useCommands,
  useConnection,
  useInbox,
  useKnowledgeBase,
  useRun,
  useRunEvents,
  useRuns,
} from '@millrace/client/react';

const hooks = [useClient, useRun, useRuns, useRunEvents, useAgentStream, useKnowledgeBase, useConnection, useInbox];
Object.assign(globalThis, { page: [MillraceProvider, ...hooks, useCommands] });
