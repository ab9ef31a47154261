import { AnswerLost, type Network, type Party, ServiceUnavailable } from '../network.ts';

/** Those of the SDK's standard retries. */
const ATTEMPTS = 3;

interface Call {
  readonly network: Network;
  readonly caller: Party;
  readonly onlooker: { trouble(caller: Party): void };
}

/**
 * Repeats a call as the SDK does, also one whose answer was lost. It is over, once in a while, before the SDK
 * would give up: an environment's patience is not the schedule's.
 */
export async function retried<Answer>(
  { network, caller, onlooker }: Call,
  call: () => Promise<Answer>,
): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const mayPass = error instanceof ServiceUnavailable || error instanceof AnswerLost;
      // 404 and 412 are answers.
      if (!mayPass) throw error;
      if (attempt === ATTEMPTS || network.random.chance(0.5)) {
        onlooker.trouble(caller);
        throw error;
      }
      await network.wait(100 * attempt);
    }
  }
}
