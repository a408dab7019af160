import sharp, { type Metadata, type Sharp } from 'sharp';
import type { ThumbnailWish } from '../storage/media.ts';
import { thumbnailSize, type ImageSize } from './thumbnail-size.ts';

/** A thumbnail, or why there is none. */
export type Rendered =
  /** The image itself is what was wished for. */
  | { readonly kind: 'original'; readonly contentType: string }
  | { readonly kind: 'made'; readonly contentType: string; readonly bytes: Buffer }
  | { readonly kind: 'too large' }
  | { readonly kind: 'no image' };

/** Decoded, four bytes each. */
const MOST_PIXELS = 50_000_000;
const LONGEST_SECONDS = 20;

/** What is read; a static image of each is written as … */
const STATIC_FORMAT = { jpeg: 'jpeg', png: 'png', webp: 'webp', gif: 'png' } as const;
type Format = keyof typeof STATIC_FORMAT;
const LOADERS = ['Jpeg', 'Png', 'Webp', 'Nsgif'].map((name) => `VipsForeignLoad${name}Buffer`);

/** Keeps the image library to the formats that are read here, and to no cache of its own. For the whole process. */
export function restrictImageLibrary(): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  sharp.cache(false);
}

/** Makes a thumbnail of a JPEG, PNG, WebP or GIF. Whatever the bytes are, it answers; what they claim is not trusted. */
export async function renderThumbnail(source: Buffer, wish: ThumbnailWish): Promise<Rendered> {
  const image = await readImage(source);
  if (image === undefined) return { kind: 'no image' };
  if (pixelsOf(image) > MOST_PIXELS) return { kind: 'too large' };
  const size = thumbnailSize(image, wish);
  const isWhole = size.width === image.width && size.height === image.height;
  const mayMove = !image.isAnimated || wish.animated;
  if (isWhole && mayMove) return { kind: 'original', contentType: `image/${image.format}` };
  // An animation that is too large to be one is still good for its first frame.
  const moves = wish.animated && image.frames > 1 && pixelsOf(image) * image.frames <= MOST_PIXELS;
  const format = moves ? 'webp' : STATIC_FORMAT[image.format];
  try {
    const bytes = await draw(source, size, moves).toFormat(format).toBuffer();
    return { kind: 'made', contentType: `image/${format}`, bytes };
  } catch {
    return { kind: 'no image' };
  }
}

/** Size and type of a JPEG, PNG, WebP or GIF; undefined for what is none. */
export async function describeImage(
  source: Buffer,
): Promise<(ImageSize & { readonly contentType: string }) | undefined> {
  const image = await readImage(source);
  if (image === undefined) return undefined;
  return { width: image.width, height: image.height, contentType: `image/${image.format}` };
}

interface Image extends ImageSize {
  readonly format: Format;
  /** How many frames can be read. */
  readonly frames: number;
  /** Also true for a PNG that moves, of which only the first frame is read. */
  readonly isAnimated: boolean;
}

async function readImage(source: Buffer): Promise<Image | undefined> {
  let metadata: Metadata;
  try {
    metadata = await sharp(source, { limitInputPixels: false }).metadata();
  } catch {
    return undefined;
  }
  const { format, autoOrient, pages = 1 } = metadata;
  if (!isRead(format)) return undefined;
  return { format, ...autoOrient, frames: pages, isAnimated: pages > 1 || isMovingPng(source, format) };
}

function draw(source: Buffer, size: ImageSize, moves: boolean): Sharp {
  const options = { animated: moves, limitInputPixels: MOST_PIXELS, failOn: 'error' } as const;
  const image = sharp(source, options).timeout({ seconds: LONGEST_SECONDS });
  const upright = moves ? image : image.autoOrient();
  return upright.resize({ ...size, fit: 'cover' });
}

function isRead(format: string | undefined): format is Format {
  return format !== undefined && Object.hasOwn(STATIC_FORMAT, format);
}

/** An APNG says so in a chunk before its pixels. */
function isMovingPng(source: Buffer, format: Format): boolean {
  if (format !== 'png') return false;
  const control = source.indexOf('acTL');
  return control !== -1 && control < source.indexOf('IDAT');
}

function pixelsOf(image: ImageSize): number {
  return image.width * image.height;
}
