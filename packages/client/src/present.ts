export { bytesText, costText, moneyText } from './present/amount.ts';
export { agoText, durationText } from './present/duration.ts';
export { type LogFilter, logWindow } from './present/log-window.ts';
export { summaryOf, supersededCount } from './present/run-summary.ts';
export { type AnyStatus, lookOf, type StatusLook, type Tone } from './present/status.ts';
export { type Timeline, type TimelineRow, timelineOf } from './present/timeline.ts';
