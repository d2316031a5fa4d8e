export { bytesText, costText, moneyText } from './present/amount.ts';
export { agoText, durationText } from './present/duration.ts';
export { fieldAt, type InputIssue, initialValue } from './present/form-value.ts';
export {
  HISTORY_LIMIT,
  isJoined,
  type LogHistory,
  linesOf,
  markSuperseded,
  moveOn,
  newestOnly,
  readNewer,
  readOlder,
  shownLines,
  withNewer,
  withOlder,
} from './present/log-history.ts';
export { type LogFilter, logWindow } from './present/log-window.ts';
export {
  answerTo,
  moveOf,
  type Pending,
  pendingText,
  queueText,
  type ShownDetail,
  type ShownStatus,
  shownStatus,
} from './present/pending.ts';
export { type RunAction, runActions } from './present/run-actions.ts';
export { summaryOf, supersededCount } from './present/run-summary.ts';
export { type AnyStatus, lookOf, type StatusLook, type Tone } from './present/status.ts';
export { type Timeline, type TimelineRow, timelineOf } from './present/timeline.ts';
