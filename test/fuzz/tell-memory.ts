/*
 * Loaded into the server's process before the server (`node --expose-gc --import … src/main.ts`): tells whoever started it how
 * much memory is in use once all garbage is gone, when asked. So the server needs no part for that.
 */

/** Bytes that are in use after a full collection: of objects, and of buffers outside the heap. */
export interface MemoryInUse {
  readonly heapBytes: number;
  readonly bufferBytes: number;
  readonly residentBytes: number;
}

process.on('message', () => {
  // The second round takes what the finalisers of the first set free.
  globalThis.gc?.();
  setTimeout(() => {
    globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    const told: MemoryInUse = { heapBytes: heapUsed, bufferBytes: external, residentBytes: rss };
    process.send?.(told);
  }, 200);
});
process.on('disconnect', () => process.exit(1));
process.channel?.unref();
