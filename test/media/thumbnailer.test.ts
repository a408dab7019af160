import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createThumbnailer } from '../../src/media/thumbnailer.ts';
import { refusal } from '../support/refusal.ts';

const WISH = { width: 1, height: 1, method: 'scale', animated: false } as const;
const AT_ONCE = 2;
const MOST_WAITING = 100;

describe('the maker of thumbnails', () => {
  it('loads two images at a time, lets the others wait, and refuses those beyond a hundred', async () => {
    const thumbnailer = createThumbnailer();
    const gate = new EventEmitter();
    const opened = once(gate, 'open');
    let [loading, most, done] = [0, 0, 0];
    const load = async (): Promise<Buffer> => {
      loading += 1;
      most = Math.max(most, loading);
      await opened;
      loading -= 1;
      return Buffer.from('no image');
    };
    const admitted = Array.from({ length: AT_ONCE + MOST_WAITING }, async () => {
      assert.deepEqual(await thumbnailer.render(load, WISH), { kind: 'no image' });
      done += 1;
    });
    await assert.rejects(thumbnailer.render(load, WISH), refusal(429, 'M_LIMIT_EXCEEDED'));
    gate.emit('open');
    await Promise.all(admitted);
    assert.deepEqual([most, done], [AT_ONCE, AT_ONCE + MOST_WAITING]);
  });

  it('goes on after a load that failed', async () => {
    const thumbnailer = createThumbnailer();
    const failing = (): Promise<Buffer> => Promise.reject(new Error('the disk is away'));
    for (let round = 0; round < 2 * AT_ONCE; round += 1)
      await assert.rejects(thumbnailer.render(failing, WISH), /the disk is away/);
    const load = async (): Promise<Buffer> => Buffer.from('no image');
    assert.deepEqual(await thumbnailer.render(load, WISH), { kind: 'no image' });
  });
});
