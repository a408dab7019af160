/** How many turns of the event loop others have while something runs. */
export async function countTurnsOfOthers(run: () => Promise<unknown>): Promise<number> {
  let count = 0;
  let isDone = false;
  const wait = (): void => {
    count += 1;
    if (!isDone) setImmediate(wait);
  };
  setImmediate(wait);
  await run().finally(() => {
    isDone = true;
  });
  return count;
}
