import type { ThumbnailWish } from '../storage/media.ts';

/** In pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** Keeps the noise of a division from making an image one pixel larger. */
const NOISE = 1e-6;

/**
 * The size of a thumbnail: as small as may be, but in neither direction below the wish, and never above the image.
 * `scale` keeps the proportions of the image; `crop` has those of the wish, as far as the image is large enough.
 * https://spec.matrix.org/v1.19/client-server-api/#thumbnails
 */
export function thumbnailSize(
  image: ImageSize,
  wish: Pick<ThumbnailWish, 'width' | 'height' | 'method'>,
): ImageSize {
  const factor = Math.min(1, Math.max(wish.width / image.width, wish.height / image.height));
  const width = scaled(image.width, factor);
  const height = scaled(image.height, factor);
  if (wish.method === 'scale') return { width, height };
  return { width: Math.min(width, wish.width), height: Math.min(height, wish.height) };
}

function scaled(length: number, factor: number): number {
  return Math.max(1, Math.ceil(length * factor - NOISE));
}
