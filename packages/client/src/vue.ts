export { millrace, useClient } from './vue/plugin.ts';
export { useAgentStream } from './vue/use-agent-stream.ts';
export { useCommands } from './vue/use-commands.ts';
export { useConnection } from './vue/use-connection.ts';
export { useInbox } from './vue/use-inbox.ts';
export { useKnowledgeBase } from './vue/use-knowledge-base.ts';
export { useRun } from './vue/use-run.ts';
export { useRunEvents } from './vue/use-run-events.ts';
export { useRuns } from './vue/use-runs.ts';
