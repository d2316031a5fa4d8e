export { createListStore, type ListedRun, type ListState } from './zustand/list.ts';
export { liveStore } from './zustand/live-store.ts';
export { createRunStore, type RunState } from './zustand/run.ts';
