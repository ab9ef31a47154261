import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { type Announce, detailOf, EVENT_SOURCE } from '../../domain/versions/announcement.ts';

/** The entries of one request at most (EventBridge API reference, PutEvents). */
const MAX_ENTRIES = 10;

/**
 * Tells events on the default bus of EventBridge. Its client is loaded at the first one: most invocations of
 * the extraction tell nothing.
 */
export function eventBridge(stack: string, given?: EventBridgeClient): Announce {
  let client = given;
  return async (events) => {
    const { EventBridgeClient, PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
    client ??= new EventBridgeClient({});
    for (let start = 0; start < events.length; start += MAX_ENTRIES) {
      const Entries = events.slice(start, start + MAX_ENTRIES).map((event) => ({
        Source: EVENT_SOURCE,
        DetailType: event.type,
        Detail: JSON.stringify(detailOf(event, stack)),
      }));
      const answer = await client.send(new PutEventsCommand({ Entries }));
      const refused = answer.Entries?.find(({ ErrorCode }) => ErrorCode !== undefined);
      if (refused !== undefined)
        throw new Error(`EventBridge did not take an event: ${refused.ErrorCode} ${refused.ErrorMessage}`);
    }
  };
}
