/**
 * Waits for all, also where one fails: nothing may be under way any more when its message is answered, for Lambda
 * freezes what is left, and may thaw it much later.
 *
 * @throws the first failure
 */
export async function settleAll<Result>(work: readonly Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
