/** One thing that is wrong with a deployment, in what AWS says of it. */
export interface Broken {
  readonly what: string;
  /** The changed place in the facts, and its value there. */
  readonly at: string;
  readonly value: unknown;
  /** The finding that must name it, and nothing else. */
  readonly code: string;
  readonly level: 'failed' | 'warning';
  /** Whether no object could pass. */
  readonly blocking: boolean;
  /** What the message or the cure says. */
  readonly says: RegExp;
}

const gone = { absent: 'missing', why: 'ResourceNotFoundException: There is none.' };

const row = (
  what: string,
  at: string,
  value: unknown,
  code: string,
  kind: 'blocks' | 'fails' | 'warns',
  says: RegExp,
): Broken => ({
  what,
  at,
  value,
  code,
  level: kind === 'warns' ? 'warning' : 'failed',
  blocking: kind === 'blocks',
  says,
});

const extraction = 'stages.extraction';
const key = (statement: object) => JSON.stringify({ Statement: [statement] });
const anySender = { Effect: 'Allow', Action: '*', Resource: '*' };
const others = { StringEquals: { 'aws:SourceAccount': '999999999999' } };

// biome-ignore format: a table.
export const broken: readonly Broken[] = [
  row('a quota below the mappings’ concurrency', 'account.value.concurrency', 3, 'quota_too_small', 'fails', /may run 3 calls .* this stack alone up to.*request-service-quota-increase/s),
  row('a quota that others have reserved', 'account.value.unreserved', 5, 'quota_reserved', 'warns', /5 calls at once are left/),
  row('a function with a reserved concurrency of 0', `${extraction}.lambda.value.reserved`, 0, 'function_stopped', 'blocks', /delete-function-concurrency/),
  row('a stage without a rule', `${extraction}.rules.value`, [], 'rule_missing', 'blocks', /nothing arrives there/),
  row('a disabled rule', 'stages.transformation.rules.value.0.enabled', false, 'rule_disabled', 'blocks', /events enable-rule --name sluice-dev-transformation/),
  row('a disabled rule of the findings', 'catalog.findings.rules.value.0.enabled', false, 'rule_disabled', 'fails', /the findings of crawls/),
  row('a pattern that does not match', `${extraction}.rules.value.0.missed`, ['Object Deleted'], 'pattern_misses', 'blocks', /does not match “Object Deleted”/),
  row('a target without a DLQ', `${extraction}.rules.value.0.deadLetterArn`, undefined, 'target_without_dlq', 'fails', /no DLQ, not sluice-dev-extraction-undelivered/),
  row('a target that changes the events', `${extraction}.rules.value.0.transforms`, true, 'target_transforms', 'blocks', /can't read them/),
  row('a queue that is gone', 'stages.loading.deadLetters', gone, 'queue_missing', 'blocks', /The DLQ of the loading does not exist/),
  row('a queue without a policy', `${extraction}.queue.value.policy`, undefined, 'queue_refuses_rule', 'blocks', /it has no policy/),
  row('a queue whose policy lacks the statement', `${extraction}.queue.value.policy`, key({ ...anySender, Principal: { AWS: 'arn:aws:iam::000000000000:root' } }), 'queue_refuses_rule', 'blocks', /no statement of its policy allows it/),
  row('a queue whose policy names another rule', `${extraction}.queue.value.policy`, key({ ...anySender, Sid: 'RuleSends', Principal: { Service: 'events.amazonaws.com' }, Condition: { ArnEquals: { 'aws:SourceArn': 'arn:other' } } }), 'queue_refuses_rule', 'blocks', /condition of the statement RuleSends/),
  row('an undelivered queue that takes nothing', `${extraction}.undelivered.value.policy`, key({ Sid: 'No', Effect: 'Deny', Principal: '*', Action: 'sqs:*', Resource: '*' }), 'queue_refuses_rule', 'fails', /the statement No of its policy denies it/),
  row('a queue without a DLQ', `${extraction}.queue.value.deadLetterArn`, undefined, 'redrive_missing', 'fails', /comes back until SQS deletes it/),
  row('a DLQ that takes no messages', `${extraction}.deadLetters.value.redriveSources`, [], 'redrive_refused', 'fails', /redrive allow policy/),
  row('a visibility timeout below the function’s', `${extraction}.queue.value.visibilitySeconds`, 1, 'visibility_too_short', 'blocks', /reappear after 1 s/),
  row('another number of attempts than the function knows', `${extraction}.queue.value.maxReceives`, 9, 'receives_differ', 'fails', /9 attempts/),
  row('a crawl queue that refuses the bucket', 'catalog.queue.value.policy', undefined, 'queue_refuses_bucket', 'fails', /no crawl learns of new partitions/),
  row('a key that refuses EventBridge', 'key.value.policy', key({ ...anySender, Principal: { Service: 's3.amazonaws.com' } }), 'key_refuses_service', 'blocks', /EventBridge can send to no stage/),
  row('a key that refuses S3', 'key.value.policy', key({ ...anySender, Principal: { Service: 'events.amazonaws.com' } }), 'key_refuses_service', 'fails', /crawl queue/),
  row('a key for another account', 'key.value.policy', key({ ...anySender, Sid: 'S', Principal: { Service: 'events.amazonaws.com' }, Condition: others }), 'key_refuses_service', 'blocks', /condition of the statement S/),
  row('a key that is gone', 'key', gone, 'key_missing', 'blocks', /KMS key does not exist/),
  row('a key that is to be deleted', 'key.value.state', 'PendingDeletion', 'key_unusable', 'blocks', /cancel-key-deletion/),
  row('a bucket that tells EventBridge nothing', 'buckets.raw.value.eventBridge', false, 'notification_off', 'blocks', /The raw bucket sends nothing to EventBridge, so no stage that it feeds ever starts/),
  row('an archive that does not tell the crawl queue', 'buckets.archive.value.queues', [], 'crawl_queue_untold', 'fails', /s3:ObjectCreated:\* and s3:ObjectRemoved:\*/),
  row('a ledger that tells EventBridge nothing', 'buckets.ledger.value.eventBridge', false, 'notification_off', 'blocks', /no stage that it feeds ever starts/),
  row('a bucket that is gone', 'buckets.archive', gone, 'bucket_missing', 'blocks', /The archive bucket does not exist/),
  row('a queue that no function reads', `${extraction}.mappings.value`, [], 'mapping_missing', 'blocks', /No function reads the queue/),
  row('a disabled mapping', `${extraction}.mappings.value.0.state`, 'Disabled', 'mapping_disabled', 'blocks', /update-event-source-mapping --uuid \S+ --enabled/),
  row('a mapping that calls the newest code', `${extraction}.mappings.value.0.functionArn`, 'arn:aws:lambda:us-east-1:0:function:f', 'mapping_calls_other', 'blocks', /calls f, not sluice-dev-extraction-local:live/),
  row('a mapping that ignores failed items', `${extraction}.mappings.value.0.reportsItemFailures`, false, 'item_failures_unreported', 'fails', /failed ones are deleted/),
  row('a mapping whose last call failed', `${extraction}.mappings.value.0.lastResult`, 'PROBLEM: Function call failed', 'mapping_problem', 'warns', /npx sluice logs extraction/),
  row('an alias that is gone', `${extraction}.lambda`, gone, 'function_missing', 'blocks', /its alias “live”/),
  row('an alias that points to an old version', `${extraction}.lambda.value.newest`, '7', 'alias_behind', 'fails', /points to version 1, and the newest is 7/),
  row('code that was never published', `${extraction}.lambda.value.deployedCode`, 'abc', 'code_unpublished', 'fails', /newest code is abc/),
  row('an alias that shares its calls', `${extraction}.lambda.value.otherVersions`, ['3'], 'alias_shares_calls', 'fails', /also sends calls to version 3/),
  row('a function that could not start', `${extraction}.lambda.value.state`, 'Failed', 'function_not_active', 'blocks', /state Failed/),
  row('a log group that is gone', 'stages.loading.logGroup', gone, 'log_group_missing', 'fails', /its lines, and the metrics in them, are lost/),
  row('a log group without retention', 'stages.loading.logGroup.value.retentionDays', undefined, 'log_kept_for_ever', 'warns', /billed, for ever/),
  row('an alarm that is gone', 'alarms.value.missing', ['extraction-dlq'], 'alarm_missing', 'fails', /can fail unseen/),
  row('an alarm that tells nobody', 'alarms.value.found.0.actionsEnabled', false, 'alarm_silent', 'fails', /enable-alarm-actions --alarm-names sluice/),
  row('an alarm that rings', 'alarms.value.found.0.state', 'ALARM', 'alarm_rings', 'fails', /rings: /),
  row('a crawler that is gone', 'catalog.crawler', gone, 'crawler_missing', 'fails', /The crawler does not exist/),
  row('a crawl that failed', 'catalog.crawler.value.lastStatus', 'FAILED', 'crawl_failed', 'fails', /\/aws-glue\/crawlers/),
  row('a crawler of another queue', 'catalog.crawler.value.queueArn', 'arn:other', 'crawler_reads_other', 'fails', /reads arn:other/),
  row('a disabled schedule', 'catalog.schedule.value.enabled', false, 'schedule_disabled', 'warns', /sluice:catalog.scheduled/),
  row('a schedule that is gone', 'catalog.schedule', gone, 'schedule_missing', 'fails', /The crawl schedule does not exist/),
  row('a schedule of another crawler', 'catalog.schedule.value.crawler', 'mine', 'schedule_starts_other', 'fails', /starts mine/),
  row('a table that is gone', 'catalog.tables.value.0.name', 'foreign', 'table_missing', 'fails', /The catalog has no table/),
  row('a lost Iceberg table', 'catalog.wantedTables.0.madeAt', 's3://lake/recipes/metadata/', 'table_lost', 'fails', /has lost the table recipes, .*s3:\/\/lake\/recipes\/metadata\/: aws glue create-table/s),
  row('a table that is not Iceberg’s', 'catalog.wantedTables.1.isIceberg', true, 'table_not_iceberg', 'fails', /aws glue delete-table/),
  row('a queue that the caller may not look at', 'catalog.deadLetters', { absent: 'refused', why: 'AccessDenied: no' }, 'not_allowed_to_look', 'warns', /docs\/maintenance\/verify.md/),
];

/** A copy of the facts with one place changed. @throws {Error} if there is no such place */
export function changed<Facts>(facts: Facts, at: string, value: unknown): Facts {
  const copy = structuredClone(facts);
  const path = at.split('.');
  const last = path.pop() ?? '';
  let within: unknown = copy;
  for (const name of path) within = (within as Record<string, unknown>)[name];
  if (typeof within !== 'object' || within === null || !(last in within))
    throw new Error(`The facts have no ${at}.`);
  (within as Record<string, unknown>)[last] = value;
  return copy;
}
