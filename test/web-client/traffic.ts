import type { BrowserContext, Response } from 'playwright-core';
import { z } from 'zod';

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

/** Listens to all pages of a browser context. Long numbers and ids stay in the paths, as a person will read them. */
export function recordTraffic(context: BrowserContext, homeserverUrl: string): Traffic {
  const refusals: Refusal[] = [];
  const complaints: string[] = [];
  context.on('response', (response) => {
    if (response.status() < 400 || !response.url().startsWith(homeserverUrl)) return;
    void describeRefusal(response).then((refusal) => refusals.push(refusal));
  });
  context.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  context.on('weberror', (error) => complaints.push(error.error().stack ?? error.error().message));
  return { refusals, complaints };
}

async function describeRefusal(response: Response): Promise<Refusal> {
  // The body is gone when the page has left meanwhile.
  const body: unknown = await response.json().catch(() => undefined);
  return {
    method: response.request().method(),
    path: decodeURIComponent(new URL(response.url()).pathname),
    status: response.status(),
    errcode: REFUSAL.safeParse(body).data?.errcode,
  };
}
