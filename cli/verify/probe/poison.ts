import { randomUUID } from 'node:crypto';
import { deadLetterQueues } from '../../ledger/dead-letters/dead-letters.ts';
import { redriveSome } from '../../ledger/dead-letters/redrive.ts';
import { redriveEndings } from '../../ledger/dead-letters/redrive-endings.ts';
import { lostKey, type ProbeObjects } from './objects.ts';
import { sendEvent } from './send-event.ts';
import { differs, type ProbeOptions } from './step.ts';

/**
 * Puts a message into extraction's DLQ whose object does not exist, finds it there, and sends it back:
 * extraction must record the object's fault. SQS itself would take all attempts, hours on AWS, to move it
 * there; that it would is read from the queues' redrive policies.
 */
export async function redrivePoison(
  { prefix }: ProbeObjects,
  { target, timeoutMs, signal }: ProbeOptions,
): Promise<string> {
  const key = lostKey(prefix);
  const QueueUrl = target.outputs.deadLetterQueues.extraction;
  const versionId = randomUUID().replaceAll('-', '');
  await sendEvent(target, QueueUrl, { key, versionId, sequencer: '00', size: 1 });
  const [dlq] = deadLetterQueues(target, ['extraction']).filter(({ place }) => place === 'dlq');
  const cure = 'To see the DLQ: npx sluice dlq extraction';
  const end = Date.now() + timeoutMs;
  for (;;) {
    // A short look may miss it, and another reader may hold it for a while.
    const redriven = await redriveSome(
      target,
      dlq === undefined ? [] : [dlq],
      (letters) => letters.filter((letter) => letter.key === key),
      { rate: Number.POSITIVE_INFINITY, signal, onSent: () => {} },
    );
    signal.throwIfAborted();
    if (redriven.count > 0) {
      for await (const { result, code, reason } of redriveEndings(target, redriven, timeoutMs, signal)) {
        if (result === 'fault') return `the dead letter was found, sent back, and recorded as ${code}`;
        throw differs(
          'redrive_failed',
          key,
          `Its dead letter was sent back, and ended as ${result}${reason === undefined ? '' : `: ${reason}`}; it must end as a fault.`,
          cure,
        );
      }
    }
    if (Date.now() > end)
      throw differs(
        'dead_letter_unseen',
        key,
        `A message was put into ${QueueUrl}, and can't be found there.`,
        cure,
      );
  }
}
