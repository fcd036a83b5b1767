/** More at once would only wait for each other. */
const BATCH = 32;

/** Does `task` for every item, some at a time. Rejects with the first that does, when its batch is done. */
export async function inBatches<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += BATCH) {
    const done = await Promise.allSettled(items.slice(start, start + BATCH).map(task));
    for (const one of done) if (one.status === 'rejected') throw one.reason;
  }
}
