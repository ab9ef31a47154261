import { liveAlias } from '../../../domain/environment.ts';
import { stages } from '../../../domain/stage.ts';
import { knownOf } from '../fact.ts';
import type { Facts } from '../facts.ts';
import type { Inspection } from '../finding.ts';

/** The account's concurrency, against what the stack may use. */
export function checkQuota({ account, stages: of, region }: Facts, inspection: Inspection): void {
  const found = inspection.need(account, 'quota_unknown', 'Lambda', 'The account’s concurrency quota');
  if (found === undefined) return;
  const wanted = stages.reduce((sum, stage) => {
    const mappings = knownOf(of[stage].mappings) ?? [];
    return sum + mappings.reduce((most, each) => Math.max(most, each.maximumConcurrency ?? 0), 0);
  }, 0);
  if (found.concurrency < wanted)
    inspection.fails(
      'quota_too_small',
      'Lambda',
      `The account may run ${found.concurrency} calls of Lambda at once in ${region}, and this stack alone up to ${wanted}: Lambda will throttle it, and everything else of the account with it.`,
      `To ask for more: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000 --region ${region}. Or lower the stages' maximumConcurrency.`,
    );
  else if (found.unreserved < wanted)
    inspection.warns(
      'quota_reserved',
      'Lambda',
      `Other functions have reserved so much that ${found.unreserved} calls at once are left, and this stack may need ${wanted}.`,
      'Lower the reservations of other functions, or the stages’ maximumConcurrency.',
    );
  for (const stage of stages) {
    const reserved = knownOf(of[stage].lambda)?.reserved;
    if (reserved === 0)
      inspection.blocks(
        'function_stopped',
        of[stage].functionName,
        `The function of the ${stage} has a reserved concurrency of 0, so Lambda throttles every call.`,
        `To let it run: aws lambda delete-function-concurrency --function-name ${of[stage].functionName}`,
      );
  }
}

/** The event source mappings. */
export function checkMappings({ stages: of }: Facts, inspection: Inspection): void {
  for (const stage of stages) {
    const { functionName } = of[stage];
    const queue = knownOf(of[stage].queue);
    if (queue === undefined) continue;
    const found = inspection.need(
      of[stage].mappings,
      'mapping_missing',
      queue.name,
      `The mapping of the ${stage}`,
    );
    if (found === undefined) continue;
    if (found.length === 0)
      inspection.blocks('mapping_missing', queue.name, `No function reads the queue of the ${stage}.`);
    for (const { uuid, functionArn, state, lastResult, reportsItemFailures } of found) {
      const enable = `To enable it: aws lambda update-event-source-mapping --uuid ${uuid} --enabled`;
      if (state !== 'Enabled')
        inspection.blocks(
          'mapping_disabled',
          uuid,
          `The mapping of the ${stage} is in the state ${state}, so its messages wait.`,
          /^Disabl/.test(state) ? enable : 'Wait a minute, then run the command again.',
        );
      const called = functionArn.replace(/^.*:function:/, '');
      if (called !== `${functionName}:${liveAlias}`)
        inspection.blocks(
          'mapping_calls_other',
          uuid,
          `The mapping of the ${stage} calls ${called}, not ${functionName}:${liveAlias}: a deployment may run old code under a new version's name.`,
        );
      if (!reportsItemFailures)
        inspection.fails(
          'item_failures_unreported',
          uuid,
          `The mapping of the ${stage} ignores which messages of a batch failed (ReportBatchItemFailures), so failed ones are deleted.`,
        );
      if (/PROBLEM|error/i.test(lastResult))
        inspection.warns(
          'mapping_problem',
          uuid,
          `The mapping of the ${stage} says of its last call: ${lastResult}.`,
          `To see why: npx sluice logs ${stage}`,
        );
    }
  }
}

/** The version that each alias points to. */
export function checkFunctions({ stages: of }: Facts, inspection: Inspection): void {
  for (const stage of stages) {
    const name = of[stage].functionName;
    const found = inspection.need(
      of[stage].lambda,
      'function_missing',
      name,
      `The function of the ${stage}, or its alias “${liveAlias}”,`,
    );
    if (found === undefined) continue;
    const { version, newest, otherVersions, code, deployedCode, state, stateReason } = found;
    if (version !== newest)
      inspection.fails(
        'alias_behind',
        name,
        `The alias “${liveAlias}” of the ${stage} points to version ${version}, and the newest is ${newest}: the last deployment did not end, or was taken back by hand.`,
        `To point it to the newest: pulumi up --refresh${inspection.on}`,
      );
    else if (code !== deployedCode)
      inspection.fails(
        'code_unpublished',
        name,
        `The ${stage} runs the code ${code}, and the function's newest code is ${deployedCode}: it was changed and never published.`,
        `To publish what the program declares: pulumi up --refresh${inspection.on}`,
      );
    if (otherVersions.length > 0)
      inspection.fails(
        'alias_shares_calls',
        name,
        `The alias “${liveAlias}” of the ${stage} also sends calls to version ${otherVersions.join(', ')}: parts of one object would come of several codes.`,
      );
    if (state !== 'Active' && state !== 'Inactive')
      inspection.blocks(
        'function_not_active',
        name,
        `The function of the ${stage} is in the state ${state}${stateReason === undefined ? '' : ` (${stateReason})`}, so calls of it fail.`,
      );
  }
}

/** The functions' log groups. */
export function checkLogs({ stages: of }: Facts, inspection: Inspection): void {
  for (const stage of stages) {
    const { logGroup, lambda } = of[stage];
    const name = knownOf(lambda)?.logGroup;
    if (name === undefined) continue;
    inspection.looked += 1;
    if ('absent' in logGroup && logGroup.absent === 'missing')
      inspection.fails(
        'log_group_missing',
        name,
        `The log group of the ${stage} does not exist, and the function may not create it: its lines, and the metrics in them, are lost.`,
      );
    else if ('absent' in logGroup) {
      inspection.looked -= 1;
      inspection.need(logGroup, 'log_group_missing', name, `The log group of the ${stage}`);
    } else if (logGroup.value.retentionDays === undefined)
      inspection.warns(
        'log_kept_for_ever',
        name,
        `The log group of the ${stage} has no retention, so its lines are kept, and billed, for ever.`,
      );
  }
}
