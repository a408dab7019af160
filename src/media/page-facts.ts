import { Parser } from 'htmlparser2';

/** What a page says about itself, in its own order of preference. */
export interface PageFacts {
  /** OpenGraph properties by name, such as `og:title`: the first of each. */
  readonly properties: ReadonlyMap<string, string>;
  /** Where its image is; absolute. */
  readonly imageUrl: URL | undefined;
}

const MOST_PROPERTIES = 50;
const LONGEST_NAME = 100;
const LONGEST_VALUE = 2_000;

/** What stands for a property that a page does not have, the first that is there. */
const FALLBACKS: readonly (readonly [property: string, names: readonly string[]])[] = [
  ['og:title', ['twitter:title', 'title']],
  ['og:description', ['twitter:description', 'description']],
  ['og:image', ['og:image:secure_url', 'og:image:url', 'twitter:image', 'image_src']],
];

/**
 * Reads what a page says about itself: OpenGraph, or what it has for other readers. `url` is where the page came from.
 * Whatever the text is, it answers. https://ogp.me/
 */
export function readPageFacts(html: string, url: URL): PageFacts {
  const { named, base } = collectNamed(html);
  const properties = new Map([...named].filter(([name]) => name.startsWith('og:')).slice(0, MOST_PROPERTIES));
  for (const [property, names] of FALLBACKS) {
    const found = [property, ...names].flatMap((name) => named.get(name) ?? [])[0];
    if (found !== undefined) properties.set(property, found);
  }
  const image = properties.get('og:image');
  return { properties, imageUrl: image === undefined ? undefined : resolveUrl(image, base, url) };
}

interface Named {
  /** Of `meta` by property or name, of `link` by rel, of the title: the first value of each that is no blank. */
  readonly named: ReadonlyMap<string, string>;
  readonly base: string | undefined;
}

function collectNamed(html: string): Named {
  const named = new Map<string, string>();
  let base: string | undefined;
  let title: string | undefined;
  const keep = (name: string | undefined, value: string | undefined): void => {
    const text = value?.trim().slice(0, LONGEST_VALUE);
    if (name === undefined || text === undefined || text === '' || name.length > LONGEST_NAME) return;
    if (!named.has(name)) named.set(name, text);
  };
  const parser = new Parser({
    onopentag(tag, { property, name, content, rel, href }) {
      if (tag === 'meta') keep((property ?? name)?.trim().toLowerCase(), content);
      else if (tag === 'link') keep(rel?.trim().toLowerCase(), href);
      else if (tag === 'base') base ??= href;
      else if (tag === 'title') title ??= '';
    },
    ontext(text) {
      if (title !== undefined && !named.has('title')) title += text;
    },
    onclosetag(tag) {
      if (tag === 'title') keep('title', title?.replace(/\s+/g, ' '));
    },
  });
  parser.end(html);
  return { named, base };
}

function resolveUrl(text: string, base: string | undefined, url: URL): URL | undefined {
  const from = base !== undefined && URL.canParse(base, url.href) ? new URL(base, url) : url;
  return URL.canParse(text, from.href) ? new URL(text, from) : undefined;
}
