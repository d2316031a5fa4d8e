/**
 * What the server counts. Names are Prometheus names without the `millrace_` prefix; labels are few and bounded.
 * The engine, the hub and the rest see this interface only.
 */
export interface Metrics {
  count(name: string, by?: number, labels?: Record<string, string>): void;
  gauge(name: string, value: number, labels?: Record<string, string>): void;
  /** seconds */
  observe(name: string, seconds: number, labels?: Record<string, string>): void;
}

export const noMetrics: Metrics = { count() {}, gauge() {}, observe() {} };
