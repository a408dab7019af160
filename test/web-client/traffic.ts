import type { BrowserContext, Response } from 'playwright-core';
import { z } from 'zod';
import { checkAgainstSpec } from '../support/spec-check.ts';

const REFUSAL = z.object({ errcode: z.string(), error: z.string().optional() });

/** An answer other than success that a page got from the homeserver. */
export interface Refusal {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly errcode: string | undefined;
}

/** What went wrong in a browser as seen from outside of the page; both lists grow while it runs. */
export interface Traffic {
  readonly refusals: readonly Refusal[];
  /** Errors on the console and those that nothing caught. */
  readonly complaints: readonly string[];
}

/**
 * Listens to all pages of a browser context, and holds each answer against the specification. Long numbers and ids stay in
 * the paths, as a person will read them.
 */
export function recordTraffic(context: BrowserContext, homeserverUrl: string): Traffic {
  const refusals: Refusal[] = [];
  const complaints: string[] = [];
  context.on('response', (response) => {
    if (!response.url().startsWith(homeserverUrl)) return;
    void readJson(response).then((json) => {
      check(response, json);
      if (response.status() >= 400) refusals.push(describeRefusal(response, json));
    });
  });
  context.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  context.on('weberror', (error) => complaints.push(error.error().stack ?? error.error().message));
  return { refusals, complaints };
}

/** Undefined for what is no JSON, and for what nobody can read any more because the page has left meanwhile. */
async function readJson(response: Response): Promise<unknown> {
  if (response.headers()['content-type'] !== 'application/json') return undefined;
  return response.json().catch(() => undefined);
}

/** What is found stays with the check until it is asked for. */
function check(response: Response, json: unknown): void {
  const contentType = response.headers()['content-type'] ?? null;
  if (contentType === 'application/json' && json === undefined) return;
  const { pathname, search } = new URL(response.url());
  try {
    checkAgainstSpec(response.request().method(), pathname + search, {
      status: response.status(),
      contentType,
      json,
    });
  } catch {
    // Nobody waits here.
  }
}

function describeRefusal(response: Response, json: unknown): Refusal {
  return {
    method: response.request().method(),
    path: decodeURIComponent(new URL(response.url()).pathname),
    status: response.status(),
    errcode: REFUSAL.safeParse(json).data?.errcode,
  };
}
