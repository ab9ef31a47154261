import type { ParsedStatement } from '../iam/documents.ts';
import type { Check, Registered } from './check.ts';
import { at, list, number, statements } from './resource.ts';

const lambda = 'aws:lambda/function:Function';
const role = 'aws:iam/role:Role';

/** Functions, and what their roles may do. */
export const functionChecks: readonly Check[] = [
  {
    name: 'function-explicit',
    rule: 'A function says its memory and time-out, runs on arm64, and is traced.',
    reason: 'The defaults, 128 MB and 3 s on x86, are nobody’s choice.',
    source: 'serverless-rules',
    type: lambda,
    passes: ({ inputs }) =>
      inputs['memorySize'] !== undefined &&
      inputs['timeout'] !== undefined &&
      list(inputs['architectures']).includes('arm64') &&
      at(inputs, 'tracingConfig.mode') === 'Active',
  },
  {
    name: 'function-logs',
    rule: 'A function writes to a log group of the stack, which has a retention.',
    reason: 'A group that Lambda makes by itself is kept for ever.',
    source: 'serverless-rules',
    type: lambda,
    passes: ({ inputs }, all) => {
      const name = at(inputs, 'loggingConfig.logGroup');
      const group = all.find(
        (each) => each.type === 'aws:cloudwatch/logGroup:LogGroup' && each.outputs['name'] === name,
      );
      return number(group?.inputs['retentionInDays'], 0) > 0;
    },
  },
  {
    name: 'least-privilege',
    rule: 'What a role may do is readable, names each action, and each resource, or all that lies within one of the stack.',
    reason: 'Each function may do what it does and nothing else.',
    source: 'serverless-rules; Service authorization reference',
    type: 'aws:iam/rolePolicy:RolePolicy',
    passes: ({ inputs }, all) => {
      const allowed = statements(inputs['policy']);
      return (
        allowed?.filter(({ Effect }) => Effect === 'Allow').every((each) => isNarrow(each, all)) ?? false
      );
    },
  },
  {
    name: 'permissions-in-one-place',
    rule: 'A role has no permissions but those of its RolePolicy resources: none attached, managed or inline in the role.',
    reason: 'What is written elsewhere escapes the check of what a role may do.',
    source: 'IAM guide, access_policies_managed-vs-inline',
    type: [
      role,
      'aws:iam/policyAttachment:PolicyAttachment',
      'aws:iam/rolePolicyAttachment:RolePolicyAttachment',
      'aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive',
    ],
    passes: ({ type, inputs }) =>
      type === role && inputs['managedPolicyArns'] === undefined && inputs['inlinePolicies'] === undefined,
  },
  {
    name: 'key-through-services',
    rule: 'A role uses a key only through the services that encrypt under it.',
    reason: 'Who gets hold of the role’s credentials and of a cipher text must not decrypt it by himself.',
    source: 'KMS guide, conditions-kms, kms:ViaService',
    type: 'aws:iam/rolePolicy:RolePolicy',
    passes: ({ inputs }) =>
      (statements(inputs['policy']) ?? [])
        .filter(({ Effect, Action }) => Effect === 'Allow' && Action.some((each) => /^(kms:|\*)/i.test(each)))
        .every(({ Condition }) => namesKey(Condition, ['StringEquals', 'StringLike'], ['kms:ViaService'])),
  },
  {
    name: 'trust-names-whom',
    rule: 'A service takes a role on only for this account or one of its resources; Lambda, which asks who may pass the role, for any.',
    reason: 'It works for other accounts too, which must not have it use this one’s roles.',
    source: 'IAM guide, confused-deputy',
    type: role,
    passes: ({ inputs }) =>
      statements(inputs['assumeRolePolicy'])?.every(
        ({ Principal, Condition }) =>
          Principal.join() === 'lambda.amazonaws.com' ||
          namesKey(
            Condition,
            ['StringEquals', 'StringEqualsIfExists', 'ArnLike'],
            ['aws:SourceAccount', 'aws:SourceArn'],
          ),
      ) ?? false,
  },
  {
    name: 'own-role',
    rule: 'No two functions share a role.',
    reason: 'A shared role allows each what the other needs.',
    source: 'serverless-rules',
    type: lambda,
    passes: ({ inputs }, all) =>
      all.filter((each) => each.type === lambda && each.inputs['role'] === inputs['role']).length === 1,
  },
];

/** Whether a condition compares one of the keys with something, by one of the operators. */
const namesKey = (
  condition: ParsedStatement['Condition'],
  operators: readonly string[],
  keys: readonly string[],
): boolean => operators.some((operator) => keys.some((key) => condition[operator]?.[key] !== undefined));

/**
 * X-Ray's actions take no resource (Service authorization reference, AWS X-Ray), nor does the delivery of logs (Step Functions
 * guide, cw-logs), and Lambda refuses a role in a VPC that may
 * make network interfaces in some places only (Lambda guide, configuration-vpc).
 */
const withoutResources = new Set([
  'xray:GetSamplingRules',
  'xray:GetSamplingTargets',
  'xray:PutTraceSegments',
  'xray:PutTelemetryRecords',
  'logs:CreateLogDelivery',
  'logs:DeleteLogDelivery',
  'logs:DescribeLogGroups',
  'logs:DescribeResourcePolicies',
  'logs:GetLogDelivery',
  'logs:ListLogDeliveries',
  'logs:PutResourcePolicy',
  'logs:UpdateLogDelivery',
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
]);

/** Crawlers of all stacks write to one group that Glue makes (Glue guide, monitor-continuous-logging). */
const crawlersLogs = /^arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:\/aws-glue\/crawlers:\*$/;

/** Whether a statement that allows something names it. `*` and `?` are wildcards (IAM guide, reference_policies_elements_resource). */
function isNarrow(allowed: ParsedStatement, all: readonly Registered[]): boolean {
  const { Action, NotAction, Resource, NotResource } = allowed;
  const has = (wildcard: string) => /[*?]/.test(wildcard);
  const within = all.flatMap(({ type, outputs: { arn } }) => {
    if (arn === undefined) return [];
    // Executions, and the runs of maps, lie within their state machine.
    if (type === 'aws:sfn/stateMachine:StateMachine')
      return [
        `${String(arn).replace(':stateMachine:', ':execution:')}:`,
        `${String(arn).replace(':stateMachine:', ':mapRun:')}/`,
      ];
    return [`${arn}/`, `${arn}:`];
  });
  const liesWithin = (resource: string) => within.some((one) => !has(one) && resource.startsWith(one));
  return (
    NotAction === undefined &&
    NotResource === undefined &&
    Action.length > 0 &&
    Resource.length > 0 &&
    !Action.some(has) &&
    (Resource.every((resource) => !has(resource) || liesWithin(resource)) ||
      (Resource.join() === '*' && Action.every((action) => withoutResources.has(action))) ||
      (Resource.every((resource) => crawlersLogs.test(resource)) &&
        Action.every((action) => action.startsWith('logs:'))))
  );
}
