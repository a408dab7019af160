import type { EventId, RoomId, UserId } from '../../src/matrix/identifiers.ts';
import { SearchIndex } from '../../src/search/search-index.ts';
import { parseSearchTerm, tsQueryOf, withinRooms } from '../../src/search/search-term.ts';
import { SEARCH_KEYS } from '../../src/search/searchable-text.ts';
import { listHits, type Hit, type HitPlace, type HitQuery } from '../../src/storage/search.ts';
import { createLog } from '../../src/util/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { makePipeline, type TestPipeline } from '../support/pipeline.ts';

/** What a search asks for beside its term; nothing of it asks for everything, what fits best first. */
export interface HitCriteria extends Partial<Omit<HitQuery, 'fits' | 'ranks'>> {
  /** Whether the index is asked for the rooms; otherwise they are looked at in what it has found. */
  readonly roomsInIndex?: boolean;
}

/** A database with a pipeline that fills it and an index that is brought up to date by hand. */
export interface SearchWorld extends AsyncDisposable {
  readonly test: TestDatabase;
  readonly pipeline: TestPipeline;
  readonly index: SearchIndex;
  /** Edits a message. */
  edit(roomId: RoomId, sender: UserId, eventId: EventId, body: string): Promise<EventId>;
  redact(roomId: RoomId, sender: UserId, eventId: EventId): Promise<void>;
  /** Everything in rooms that fits, whoever may see it. */
  hits(term: string, criteria?: HitCriteria, after?: HitPlace, limit?: number): Promise<readonly Hit[]>;
  /** The same as ids of the events that are shown. */
  find(term: string, criteria?: HitCriteria): Promise<readonly string[]>;
}

export async function makeSearchWorld(): Promise<SearchWorld> {
  const test = await createTestDatabase();
  const pipeline = makePipeline(test);
  const hub = { subscribe: () => () => true };
  const { db, pool } = test.database;
  const index = new SearchIndex({ db, hub, clock: pipeline.clock, log: createLog({ level: 'silent' }) });
  const sent = async (roomId: RoomId, sender: UserId, event: Parameters<TestPipeline['propose']>[2]) => {
    const outcome = await pipeline.propose(roomId, sender, event);
    const made = outcome.kind === 'committed' ? outcome.events[0] : undefined;
    if (made === undefined) throw new Error(`the event ended as ${outcome.kind}`);
    return made.event.eventId;
  };
  const hits: SearchWorld['hits'] = async (term, criteria = {}, after, limit = 1_000) => {
    await index.catchUp();
    const ranks = tsQueryOf(parseSearchTerm(term));
    const { roomsInIndex = true, ...rest } = criteria;
    const all = await pool.query<{ room_nid: number }>('select room_nid from rooms');
    const roomNids = rest.roomNids ?? all.rows.map((row) => row.room_nid);
    const query: HitQuery = {
      senderNids: undefined,
      keys: SEARCH_KEYS,
      order: 'rank',
      ...rest,
      ...(roomsInIndex
        ? { fits: withinRooms(ranks, roomNids), roomNids: undefined }
        : { fits: ranks, roomNids }),
      ranks,
    };
    return listHits(db, query, after, limit);
  };
  return {
    test,
    pipeline,
    index,
    hits,
    edit: (roomId, sender, eventId, body) =>
      sent(roomId, sender, {
        type: 'm.room.message',
        content: {
          msgtype: 'm.text',
          body: `* ${body}`,
          'm.new_content': { msgtype: 'm.text', body },
          'm.relates_to': { rel_type: 'm.replace', event_id: eventId },
        },
      }),
    async redact(roomId, sender, eventId) {
      await sent(roomId, sender, { type: 'm.room.redaction', content: { redacts: eventId } });
    },
    async find(term, criteria) {
      const found = await hits(term, criteria);
      const { rows } = await pool.query<{ event_id: string }>(
        `select e.event_id from unnest($1::bigint[]) with ordinality as h (nid, place)
         join events e on e.event_nid = h.nid order by h.place`,
        [found.map((hit) => hit.shownNid)],
      );
      return rows.map((row) => row.event_id);
    },
    async [Symbol.asyncDispose]() {
      await index[Symbol.asyncDispose]();
      await pipeline[Symbol.asyncDispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}
