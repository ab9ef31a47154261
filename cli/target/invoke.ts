import { InvokeCommand } from '@aws-sdk/client-lambda';
import { liveAlias } from '../../domain/environment.ts';
import { UserError } from '../terminal/user-error.ts';
import type { Target } from './target.ts';

/**
 * Calls a function and waits for its answer.
 *
 * @param what names the work in the error: `The migration`
 * @throws {UserError} if the function throws
 */
export async function invoke(
  { lambda }: Pick<Target, 'lambda'>,
  name: string,
  what: string,
  input: object = {},
): Promise<unknown> {
  const { Payload, FunctionError } = await lambda.send(
    new InvokeCommand({ FunctionName: name, Qualifier: liveAlias, Payload: JSON.stringify(input) }),
  );
  const answer = Payload?.transformToString() ?? '';
  if (FunctionError === undefined) return JSON.parse(answer);
  const { errorMessage = answer } = JSON.parse(answer) as { errorMessage?: string };
  throw new UserError(`${what} failed: ${errorMessage}`);
}
