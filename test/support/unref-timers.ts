/**
 * matrix-js-sdk never clears the timeout of a request that was answered, and such a timer keeps the process for two minutes.
 * From now on no new timer keeps it; the answer brings back the usual ones.
 */
export function unrefTimers(): () => void {
  const usual = globalThis.setTimeout;
  globalThis.setTimeout = new Proxy(usual, {
    apply(target, receiver, args) {
      const timer: NodeJS.Timeout = Reflect.apply(target, receiver, args);
      return timer.unref();
    },
  });
  return () => {
    globalThis.setTimeout = usual;
  };
}
