import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from './metrics.ts';

/** Prometheus metrics of one server. A name's labels are fixed by its first use. */
export class PromMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  count(name: string, by = 1, labels: Record<string, string> = {}): void {
    this.#of(this.#counters, Counter, name, labels).inc(labels, by);
  }

  gauge(name: string, value: number, labels: Record<string, string> = {}): void {
    this.#of(this.#gauges, Gauge, name, labels).set(labels, value);
  }

  observe(name: string, seconds: number, labels: Record<string, string> = {}): void {
    this.#of(this.#histograms, Histogram, name, labels).observe(labels, seconds);
  }

  /** Everything counted so far, as Prometheus reads it. */
  async exposition(): Promise<{ type: string; text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #of<M>(
    known: Map<string, M>,
    Metric: new (options: { name: string; help: string; labelNames: string[]; registers: Registry[] }) => M,
    name: string,
    labels: Record<string, string>,
  ): M {
    const found = known.get(name);
    if (found) return found;
    const help = name.replaceAll('_', ' ');
    const made = new Metric({
      name: `millrace_${name}`,
      help,
      labelNames: Object.keys(labels),
      registers: [this.#registry],
    });
    known.set(name, made);
    return made;
  }
}
