import { limitExceeded } from '../matrix/errors.ts';
import type { ThumbnailWish } from '../storage/media.ts';
import { renderThumbnail, restrictImageLibrary, type Rendered } from './render-thumbnail.ts';

/** Makes thumbnails, as many at once as the machine can take. */
export interface Thumbnailer {
  /** `load` is called when it is this image's turn. Throws 429 M_LIMIT_EXCEEDED when too many wait already. */
  render(load: () => Promise<Buffer>, wish: ThumbnailWish): Promise<Rendered>;
}

/** Each takes a thread of the pool that files and passwords share, and the decoded image in memory. */
const AT_ONCE = 2;
const MOST_WAITING = 100;
const RETRY_AFTER_MS = 2_000;

/** A thumbnailer; the image library reads nothing from then on but what thumbnails are made of. */
export function createThumbnailer(): Thumbnailer {
  restrictImageLibrary();
  const waiting: (() => void)[] = [];
  let running = 0;
  const takeTurn = async (): Promise<void> => {
    if (running < AT_ONCE) {
      running += 1;
      return;
    }
    if (waiting.length >= MOST_WAITING)
      throw limitExceeded('Too many thumbnails are being made', RETRY_AFTER_MS);
    // Who ends hands its turn over, so that `running` stays the same.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const endTurn = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  return {
    async render(load, wish) {
      await takeTurn();
      try {
        return await renderThumbnail(await load(), wish);
      } finally {
        endTurn();
      }
    },
  };
}
