import { expect, test } from 'vitest';
import { PromMetrics } from './metrics-prom.ts';

test('[API-14] what was counted stands in the Prometheus text under millrace_ names', async () => {
  const metrics = new PromMetrics();
  metrics.count('events_total');
  metrics.count('events_total', 2);
  metrics.gauge('hub_connections', 7);
  metrics.gauge('hub_connections', 5);
  metrics.observe('http_request_seconds', 0.2, { route: '/api/runs' });
  const { type, text } = await metrics.exposition();
  expect(type).toContain('text/plain');
  expect(text).toContain('millrace_events_total 3');
  expect(text).toContain('millrace_hub_connections 5');
  expect(text).toContain('millrace_http_request_seconds_count{route="/api/runs"} 1');
  expect(text).toContain('process_cpu_seconds_total');
});

test('[API-14] two servers in one process count apart', async () => {
  const [one, two] = [new PromMetrics(), new PromMetrics()];
  one.count('events_total');
  expect((await two.exposition()).text).not.toContain('millrace_events_total');
});
