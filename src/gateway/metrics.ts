import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What Prometheus is told. Labels are routes and codes, never names or values of the lake. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests = new Counter({
    name: 'lakebook_http_requests_total',
    help: 'Requests that were answered.',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  });
  readonly durations = new Histogram({
    name: 'lakebook_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [this.registry],
  });
  readonly rowsIngested = new Counter({
    name: 'lakebook_rows_ingested_total',
    help: 'Rows that uploads inserted or updated.',
    registers: [this.registry],
  });
  readonly rowsRejected = new Counter({
    name: 'lakebook_rows_rejected_total',
    help: 'Rows of uploads that did not fit.',
    registers: [this.registry],
  });
  readonly bytesUploaded = new Counter({
    name: 'lakebook_uploaded_bytes_total',
    help: 'Bytes of uploads, unpacked.',
    registers: [this.registry],
  });
  readonly commits = new Counter({
    name: 'lakebook_commits_total',
    help: 'Snapshots that this gateway committed.',
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry, prefix: 'lakebook_' });
  }

  /** A number that is asked for when the metrics are read. */
  gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name: `lakebook_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
      },
    });
  }
}
