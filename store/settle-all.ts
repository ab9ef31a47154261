/**
 * Waits for all, even if one fails: no work may still be running when its message is answered, since Lambda
 * freezes such work and may thaw it much later.
 *
 * @throws the first failure
 */
export async function settleAll<Result>(work: readonly Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
