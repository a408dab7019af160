import assert from 'node:assert/strict';
import { decodeHtml } from '../../src/media/decode-html.ts';
import { readPageFacts } from '../../src/media/page-facts.ts';

const URL_OF_PAGE = new URL('https://example.org/films/rock.html');

function factsOf(html: string): { readonly properties: object; readonly image: string | undefined } {
  const { properties, imageUrl } = readPageFacts(html, URL_OF_PAGE);
  return { properties: Object.fromEntries(properties), image: imageUrl?.href };
}

describe('what a page says about itself', () => {
  it('is its OpenGraph properties, the first of each, and where its image is', () => {
    const html = `<!doctype html><html prefix="og: http://ogp.me/ns#"><head><title>The Rock (1996)</title>
      <meta property="og:title" content=" The Rock &amp; more "><meta property="og:title" content="Another">
      <meta property="og:type" content="video.movie"/><META NAME="OG:Site_Name" CONTENT="Films">
      <meta property="og:image" content="rock.png"><meta property="article:tag" content="x"></head>`;
    assert.deepEqual(factsOf(html), {
      properties: {
        'og:title': 'The Rock & more',
        'og:type': 'video.movie',
        'og:site_name': 'Films',
        'og:image': 'rock.png',
      },
      image: 'https://example.org/films/rock.png',
    });
  });

  it('is what it has for other readers where it knows no OpenGraph', () => {
    const html = `<title>A\n  page</title><title>no</title><meta name="description" content="Of words">
      <link rel="image_src" href="//cdn.example.org/a.png"><p>text</p>`;
    assert.deepEqual(factsOf(html), {
      properties: {
        'og:title': 'A page',
        'og:description': 'Of words',
        'og:image': '//cdn.example.org/a.png',
      },
      image: 'https://cdn.example.org/a.png',
    });
  });

  it('stands where its base says', () => {
    const html = `<base href="/static/"><base href="/other/"><meta property="og:image" content="a.png">`;
    assert.equal(factsOf(html).image, 'https://example.org/static/a.png');
  });

  it('is nothing where it says nothing, or nothing that can be read', () => {
    const nothing = { properties: {}, image: undefined };
    for (const html of [
      '',
      '<p>words</p>',
      '<meta property="og:title">',
      '<meta name=description content=" ">',
    ])
      assert.deepEqual(factsOf(html), nothing);
    assert.equal(factsOf('<meta property="og:image" content="https://[">').image, undefined);
  });

  it('has bounds, whatever the page', () => {
    const metas = Array.from({ length: 200 }, (_, at) => `<meta property="og:x${at}" content="1">`);
    const long = `<meta property="og:title" content="${'a'.repeat(10_000)}">`;
    const { properties } = readPageFacts(long + metas.join(''), URL_OF_PAGE);
    assert.equal(properties.size, 50);
    assert.equal(properties.get('og:title')?.length, 2_000);
    assert.deepEqual(factsOf('<div>'.repeat(100_000)).properties, {});
  });
});

describe('the text of a page', () => {
  const LATIN = Buffer.from('<title>Caf\u00e9</title>', 'latin1');
  const cases: readonly [string, Buffer, string, string][] = [
    [
      'is UTF-8 where nothing is said',
      Buffer.from('<title>Café</title>'),
      'text/html',
      '<title>Café</title>',
    ],
    ['is encoded as its Content-Type says', LATIN, 'text/html; charset=ISO-8859-1', '<title>Café</title>'],
    [
      'is encoded as it says itself',
      Buffer.concat([Buffer.from('<meta charset="windows-1252">'), LATIN]),
      'text/html',
      '<meta charset="windows-1252"><title>Café</title>',
    ],
    ['is UTF-8 where the encoding is unknown', Buffer.from('é'), 'text/html; charset=klingon', 'é'],
  ];
  for (const [behaviour, bytes, contentType, text] of cases)
    it(behaviour, () => assert.equal(decodeHtml(bytes, contentType), text));
});
