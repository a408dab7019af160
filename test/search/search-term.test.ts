import assert from 'node:assert/strict';
import { findMatches, parseSearchTerm } from '../../src/search/search-term.ts';
import type { RoomId } from '../../src/matrix/identifiers.ts';
import { localUser } from '../support/pipeline.ts';
import { makeSearchWorld, type SearchWorld } from './search-world.ts';

const ALICE = localUser('alice');

describe('a search term', () => {
  let world: SearchWorld;
  let roomId: RoomId;
  before(async () => {
    world = await makeSearchWorld();
    roomId = await world.pipeline.createRoom(ALICE);
  });
  after(() => world[Symbol.asyncDispose]());

  const fits = async (term: string, text: string): Promise<boolean> => {
    const { event } = await world.pipeline.send(roomId, ALICE, text);
    return (await world.find(term)).includes(event.eventId);
  };

  it('finds texts with all of its words in any order', async () => {
    assert.ok(await fits('world hello', 'Hello, wide World!'));
    assert.ok(!(await fits('world goodbye', 'Hello, wide World!')));
  });

  it('finds longer words by their beginning, unless that is very short', async () => {
    assert.ok(await fits('upgra', 'They upgraded it'));
    assert.ok(!(await fits('up', 'They upgraded it')));
    assert.ok(!(await fits('graded', 'They upgraded it')));
  });

  it('takes what is in quotes as it stands there', async () => {
    assert.ok(await fits('"to be or not"', 'To be, or not to be'));
    assert.ok(!(await fits('"be to"', 'To be, or not')));
    assert.ok(!(await fits('"upgra"', 'They upgraded it')));
  });

  it('takes signs within a word for a bond', async () => {
    assert.ok(await fits("don't", "I don't know"));
    assert.ok(!(await fits('foo-bar', 'bar foo')));
    assert.ok(await fits('京タ', '東京タワー'));
    assert.ok(!(await fits('京東', '東京タワー')));
  });

  it('is harmless whatever it holds', async () => {
    for (const term of [`it's \\ 'quoted' & | ! ( ) :* <->`, 'ﷺ', 'ŉ', '\u0000 nul', '-x'])
      assert.ok(await fits(term, `${term} and more`), term);
    assert.deepEqual(parseSearchTerm(' !? "…" '), []);
    assert.equal(parseSearchTerm('word '.repeat(1_000)).length, 50);
  });

  it('does not find the sign of a room', async () => {
    const { rows } = await world.test.database.pool.query<{ room_nid: number }>('select room_nid from rooms');
    assert.ok(!(await fits(`#${rows[0]?.room_nid}`, 'nothing')));
  });

  it('finds words that are several in their normal form only whole', async () => {
    assert.ok(await fits('ﷺ', 'before ﷺ after'));
    assert.ok(await fits('"before ﷺ after"', 'before ﷺ after'));
    assert.ok(await fits('"before ﷺ after"', `${'much '.repeat(300)} before ﷺ after`));
    assert.ok(!(await fits('"before after"', 'before ﷺ after')));
  });

  it('finds words beside signs that are spelled with others', async () => {
    // In their normal form they come before all other words.
    assert.ok(await fits('needle', '\u203c\ufe0f needle \u037a'));
  });

  it('copes with long texts and long words', async () => {
    assert.ok(await fits('needle', `${'h '.repeat(25_000)} needle`));
    assert.ok(await fits('"n s"', `${'h '.repeat(300)} n s`));
    assert.ok(await fits('y'.repeat(5_000), 'y'.repeat(5_000)));
  });

  it('says what in a text has fitted, as it is written there', () => {
    assert.deepEqual(
      [...findMatches("Élodie's upgrade: Upgraded!", parseSearchTerm("elodie's upgra"))],
      ["élodie's", 'upgrade', 'upgraded'],
    );
    assert.deepEqual([...findMatches('東京タワー', parseSearchTerm('京タ'))], ['京タ']);
    assert.deepEqual([...findMatches('nothing', parseSearchTerm('else'))], []);
  });
});
