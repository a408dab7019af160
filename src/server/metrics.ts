import { Counter, Histogram, Registry } from 'prom-client';
import type { FiringWatch } from '../futures/fire.ts';
import type { Endpoint } from '../http/endpoint.ts';
import type { AnsweredRequest } from '../http/observe.ts';
import type { BatchReport } from '../rooms/committer.ts';

/** What is told of as it happens, and the registry that adds it up: one per server, since a process may run several. */
export interface Metrics {
  readonly registry: Registry;
  readonly onAnswered: (request: AnsweredRequest) => void;
  readonly onBatch: (report: BatchReport) => void;
  readonly firingWatch: FiringWatch;
}

const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const BATCH_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const BATCH_ROOMS = [1, 2, 5, 10, 20, 50, 100, 200];
const LAG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];

/** Anybody may make up a method; what no endpoint has is one label. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** Labels are bounded by the table of endpoints: no room, user or path of a request is ever one. */
export function createMetrics(endpoints: readonly Pick<Endpoint<never>, 'name' | 'path'>[]): Metrics {
  const registry = new Registry();
  return {
    registry,
    onAnswered: countRequests(registry, endpoints),
    onBatch: countBatches(registry),
    firingWatch: countFirings(registry),
  };
}

function countRequests(
  registry: Registry,
  endpoints: readonly Pick<Endpoint<never>, 'name' | 'path'>[],
): Metrics['onAnswered'] {
  const registers = [registry];
  const routes = new Map(endpoints.map(({ name, path }) => [name, path]));
  const answered = new Counter({
    name: 'morrow_http_requests_total',
    help: 'Requests that were answered; code 499: the client did not wait',
    labelNames: ['method', 'route', 'code'],
    registers,
  });
  const duration = new Histogram({
    name: 'morrow_http_request_duration_seconds',
    help: 'From the first look at a request to its answer; /sync waits for news',
    labelNames: ['method', 'route'],
    buckets: REQUEST_SECONDS,
    registers,
  });
  return ({ method: given, endpoint, status, ms }) => {
    const method = METHODS.has(given) ? given : 'other';
    const route = (endpoint === undefined ? undefined : routes.get(endpoint)) ?? 'unmatched';
    answered.inc({ method, route, code: status });
    duration.observe({ method, route }, secondsOf(ms));
  };
}

function countBatches(registry: Registry): Metrics['onBatch'] {
  const registers = [registry];
  const duration = new Histogram({
    name: 'morrow_commit_batch_duration_seconds',
    help: 'Time that a transaction of the pipeline takes, with the wait for a connection',
    buckets: BATCH_SECONDS,
    registers,
  });
  const size = new Histogram({
    name: 'morrow_commit_batch_rooms',
    help: 'Rooms that share a transaction',
    buckets: BATCH_ROOMS,
    registers,
  });
  const rooms = new Counter({
    name: 'morrow_commit_rooms_total',
    help: "What became of rooms' parts in transactions",
    labelNames: ['outcome'],
    registers,
  });
  const events = new Counter({
    name: 'morrow_events_committed_total',
    help: 'Events that were written',
    registers,
  });
  return (report) => {
    duration.observe(secondsOf(report.ms));
    size.observe(report.outcomes.length);
    for (const outcome of report.outcomes) rooms.inc({ outcome });
    events.inc(report.events);
  };
}

function countFirings(registry: Registry): FiringWatch {
  const registers = [registry];
  const lag = new Histogram({
    name: 'morrow_future_lag_seconds',
    help: 'How long after their deadlines futures were sent',
    buckets: LAG_SECONDS,
    registers,
  });
  const fired = new Counter({
    name: 'morrow_futures_fired_total',
    help: 'Futures whose timer was due: sent, failed for good, or gone because somebody else was quicker',
    labelNames: ['outcome'],
    registers,
  });
  const interrupted = new Counter({
    name: 'morrow_future_interruptions_total',
    help: 'Turns of timers that are tried again: the database was away, or a fault of the server',
    labelNames: ['cause'],
    registers,
  });
  return {
    onFired: (outcome, lateMs) => {
      fired.inc({ outcome });
      if (outcome === 'sent') lag.observe(secondsOf(lateMs));
    },
    onInterrupted: (cause) => interrupted.inc({ cause }),
  };
}

/** A clock that was set back makes no time negative. */
function secondsOf(ms: number): number {
  return Math.max(0, ms) / 1000;
}
