import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { registerUser, startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { fetchMedia, refusalOf, thumbnail, upload, type MediaReply } from './media-client.ts';

function plain(width: number, height: number, background = 'red'): Sharp {
  return sharp({ create: { width, height, channels: 3, background } });
}

/** Red on the left, blue on the right. */
async function twoHalves(width: number, height: number): Promise<Buffer> {
  const right = await plain(width / 2, height, 'blue')
    .png()
    .toBuffer();
  return plain(width, height)
    .composite([{ input: right, left: width / 2, top: 0 }])
    .png()
    .toBuffer();
}

/** A GIF of a red and a blue frame. */
async function moving(width: number, height: number): Promise<Buffer> {
  const frames = await Promise.all(
    ['red', 'blue'].map((colour) => plain(width, height, colour).png().toBuffer()),
  );
  return sharp(frames, { join: { animated: true } })
    .gif()
    .toBuffer();
}

/** A PNG that says it moves: an `acTL` chunk after the header. */
function withAnimationControl(png: Buffer): Buffer {
  const control = Buffer.from('000000086163544c0000000100000000b62d4c7f', 'hex');
  const headerEnd = 8 + 25;
  return Buffer.concat([png.subarray(0, headerEnd), control, png.subarray(headerEnd)]);
}

describe('thumbnails', () => {
  let server: TestServer;
  let alice: TestUser;
  before(async () => {
    server = await startTestServer();
    alice = await registerUser(server, 'alice');
  });
  after(() => server[Symbol.asyncDispose]());

  async function thumbnailOf(image: Buffer, query: string): Promise<MediaReply> {
    return thumbnail(server, alice, await upload(server, alice, image), query);
  }

  /** The thumbnail's own account of itself. */
  async function metadataOf(image: Buffer, query: string): Promise<Metadata> {
    const reply = await thumbnailOf(image, query);
    assert.equal(reply.status, 200, JSON.stringify(reply.json));
    const metadata = await sharp(reply.bytes).metadata();
    assert.equal(reply.headers.get('content-type'), `image/${metadata.format}`);
    assert.equal(reply.headers.get('content-length'), String(reply.bytes.length));
    return metadata;
  }

  async function countFiles(): Promise<number> {
    const root = join(server.services.config.dataDir, 'media');
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).length;
  }

  for (const [query, width, height] of [
    ['width=320&height=240&method=scale', 320, 240],
    ['width=320&height=240', 320, 240],
    ['width=100&height=100&method=scale', 134, 100],
    ['width=10&height=300&method=scale', 400, 300],
    ['width=32&height=32&method=crop', 32, 32],
    ['width=200&height=50&method=crop', 200, 50],
    ['width=900&height=300&method=crop', 800, 300],
  ] as const) {
    it(`of an image of 800×600 by ${query} is ${width}×${height}`, async () => {
      const metadata = await metadataOf(await plain(800, 600).png().toBuffer(), query);
      assert.deepEqual([metadata.width, metadata.height], [width, height]);
    });
  }

  it('by crop show the middle', async () => {
    const { bytes } = await thumbnailOf(await twoHalves(400, 100), 'width=20&height=20&method=crop');
    const pixels = await sharp(bytes).removeAlpha().raw().toBuffer();
    assert.deepEqual([...pixels.subarray(0, 3)], [255, 0, 0]);
    assert.deepEqual([...pixels.subarray(57, 60)], [0, 0, 255]);
  });

  it('are never larger than the image: a small one is served as it is', async () => {
    const image = await plain(40, 30).jpeg().toBuffer();
    for (const query of ['width=320&height=240&method=scale', 'width=320&height=240&method=crop']) {
      const reply = await thumbnailOf(image, query);
      assert.deepEqual(reply.bytes, image);
      assert.equal(reply.headers.get('content-type'), 'image/jpeg');
    }
  });

  it('have the type that the bytes have, not the one that the uploader claimed', async () => {
    const image = await plain(40, 30).png().toBuffer();
    const path = await upload(server, alice, image, { contentType: 'image/jpeg' });
    for (const query of ['width=10&height=10', 'width=100&height=100']) {
      const { headers } = await thumbnail(server, alice, path, query);
      assert.equal(headers.get('content-type'), 'image/png');
    }
  });

  for (const format of ['jpeg', 'png', 'webp'] as const) {
    it(`of ${format} are ${format}`, async () => {
      const image = await plain(100, 100).toFormat(format).toBuffer();
      assert.equal((await metadataOf(image, 'width=10&height=10')).format, format);
    });
  }

  it('stand upright when the camera was held sideways, and do not tell where it was', async () => {
    const exif = { IFD0: { Copyright: 'me' } };
    const image = await plain(200, 100)
      .jpeg()
      .withMetadata({ orientation: 6 })
      .withExifMerge(exif)
      .toBuffer();
    const { width, height, orientation, exif: kept } = await metadataOf(image, 'width=50&height=50');
    assert.deepEqual([width, height, orientation, kept], [50, 100, undefined, undefined]);
  });

  it('do not move unless asked to, not even in the size of the image', async () => {
    const image = await moving(60, 40);
    for (const query of ['width=30&height=20', 'width=60&height=40', 'width=30&height=20&animated=false']) {
      const { format, pages } = await metadataOf(image, query);
      assert.deepEqual([format, pages], ['png', undefined]);
    }
  });

  it('move when asked to, if the image does', async () => {
    const { width, height, pages, format } = await metadataOf(
      await moving(60, 40),
      'width=30&height=20&animated=true',
    );
    assert.deepEqual([width, height, pages, format], [30, 20, 2, 'webp']);
    const still = await plain(60, 40).png().toBuffer();
    assert.equal((await metadataOf(still, 'width=30&height=20&animated=true')).format, 'png');
  });

  it('of a moving PNG stand still', async () => {
    const image = withAnimationControl(await plain(60, 40).png().toBuffer());
    const { bytes } = await thumbnailOf(image, 'width=60&height=40');
    assert.equal(bytes.includes('acTL'), false);
  });

  it('are shown inline under a name of their own, with the headers of all media', async () => {
    const { headers } = await thumbnailOf(await plain(60, 40).png().toBuffer(), 'width=30&height=20');
    assert.equal(headers.get('content-disposition'), 'inline; filename="thumbnail.png"');
    assert.match(headers.get('content-security-policy') ?? '', /^sandbox; default-src 'none';/);
    assert.equal(headers.get('cross-origin-resource-policy'), 'cross-origin');
  });

  it('work without a token at the older paths', async () => {
    const path = await upload(server, alice, await plain(60, 40).png().toBuffer());
    for (const version of ['r0', 'v1', 'v3']) {
      const url = `/_matrix/media/${version}/thumbnail${path}?width=30&height=20`;
      assert.equal((await sharp((await fetchMedia(server, url)).bytes).metadata()).width, 30);
    }
  });

  it('are made once, also when asked for together', async () => {
    const path = await upload(server, alice, await plain(600, 400).png().toBuffer());
    const before = await countFiles();
    const ask = (): Promise<MediaReply> => thumbnail(server, alice, path, 'width=30&height=20');
    const together = await Promise.all([ask(), ask(), ask()]);
    const later = await ask();
    for (const reply of together) assert.deepEqual(reply.bytes, later.bytes);
    assert.equal((await countFiles()) - before, 1);
  });

  it('fill no disk: of those beyond the sixteenth size none are kept', async () => {
    const path = await upload(server, alice, await plain(60, 40).png().toBuffer());
    const before = await countFiles();
    for (let width = 10; width < 30; width += 1) {
      assert.equal((await thumbnail(server, alice, path, `width=${width}&height=1`)).status, 200);
    }
    assert.equal((await countFiles()) - before, 16);
  });

  for (const query of [
    '',
    'width=10',
    'height=10',
    'width=0&height=10',
    'width=10&height=-1',
    'width=1.5&height=10',
    'width=10&height=99999999999',
    'width=10&height=10&method=stretch',
    'width=10&height=10&animated=maybe',
  ]) {
    it(`are refused for the query "${query}"`, async () => {
      const image = await plain(40, 30).png().toBuffer();
      const errcode = /width.*height/.test(query) ? 'M_INVALID_PARAM' : 'M_MISSING_PARAM';
      assert.deepEqual(refusalOf(await thumbnailOf(image, query)), [400, errcode]);
    });
  }

  for (const [what, bytes] of [
    ['text', async () => Buffer.from('no image')],
    ['nothing', async () => Buffer.alloc(0)],
    ['SVG', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ['TIFF', async () => plain(40, 30).tiff().toBuffer()],
    ['AVIF', async () => plain(40, 30).avif().toBuffer()],
    ['the first half of a PNG', async () => firstHalf(await plain(400, 300).png().toBuffer())],
    ['a bare PNG signature', async () => (await plain(4, 4).png().toBuffer()).subarray(0, 8)],
  ] as const) {
    it(`are refused of ${what}`, async () => {
      const refused = await thumbnailOf(await bytes(), 'width=10&height=10');
      assert.deepEqual(refusalOf(refused), [400, 'M_UNKNOWN']);
    });
  }

  it('are refused of images with more pixels than can be decoded, however small the file', async () => {
    const image = await plain(8000, 8000).png({ compressionLevel: 9 }).toBuffer();
    assert.ok(image.length < 1_000_000);
    const refused = await thumbnailOf(image, 'width=10&height=10');
    assert.deepEqual(refusalOf(refused), [413, 'M_TOO_LARGE']);
  });

  it('are not found of unknown media', async () => {
    const refused = await thumbnail(server, alice, '/localhost/unknown', 'width=10&height=10');
    assert.deepEqual(refusalOf(refused), [404, 'M_NOT_FOUND']);
  });
});

function firstHalf(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length / 2);
}
