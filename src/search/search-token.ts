import { z } from 'zod';
import { invalidParam } from '../matrix/errors.ts';
import type { HitPlace } from '../storage/search.ts';

const GROUP_KEYS = ['room_id', 'sender'] as const;

/** What results can be grouped by. */
export type GroupKey = (typeof GROUP_KEYS)[number];

/** One group of results: those of one room, or of one sender. */
export interface Group {
  readonly key: GroupKey;
  readonly value: string;
}

/** From where on a search continues. */
export interface SearchToken {
  readonly order: 'rank' | 'recent';
  /** The last hit that was looked at. */
  readonly after: HitPlace;
  /** undefined for all results. */
  readonly group: Group | undefined;
  /** How many results there are, where that was counted before. */
  readonly count: number | undefined;
}

const whole = z.int();
const tokenShape = z.tuple([
  z.enum(['rank', 'recent']),
  z.tuple([z.number(), whole, whole]),
  z.union([z.tuple([z.enum(GROUP_KEYS), z.string()]), z.null()]),
  z.union([whole.min(0), z.null()]),
]);

/** The token as a client gets it. It holds nothing that its owner may not change: what is found is judged anyway. */
export function formatSearchToken({ order, after, group, count }: SearchToken): string {
  const parts: z.infer<typeof tokenShape> = [
    order,
    [after.rank, after.position, after.textPosition],
    group === undefined ? null : [group.key, group.value],
    count ?? null,
  ];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The reverse. Throws 400 M_INVALID_PARAM for what is no such token. */
export function parseSearchToken(text: string): SearchToken {
  const parsed = tokenShape.safeParse(parseJson(Buffer.from(text, 'base64url').toString()));
  if (!parsed.success) throw invalidParam('next_batch: not a token of this server');
  const [order, [rank, position, textPosition], group, count] = parsed.data;
  return {
    order,
    after: { rank, position, textPosition },
    group: group === null ? undefined : { key: group[0], value: group[1] },
    count: count ?? undefined,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
