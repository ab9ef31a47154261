import { type Authorize, authorizeAction, authorizeRole } from '../core/call.ts';
import type { FunctionSettings } from './function.ts';
import type { MappingSettings } from './mapping.ts';

/**
 * Checks roles as Lambda does when functions and mappings are created: that Lambda may assume the function's
 * role ("Defining Lambda function permissions with an execution role"), that the role may poll the queue
 * ("Using Lambda with Amazon SQS, Configuring execution role permissions"), and that it may create network
 * interfaces for a function in a VPC ("Giving Lambda functions access to resources in an Amazon VPC, Required
 * IAM permissions"). Rejects as `authorize` does.
 */
export async function checkRoles(
  authorize: Authorize,
  functions: readonly Pick<FunctionSettings, 'arn' | 'roleArn' | 'inNetwork'>[],
  mappings: readonly Pick<MappingSettings, 'functionArn' | 'queueArn'>[],
): Promise<void> {
  for (const { arn, roleArn, inNetwork = false } of functions) {
    await authorizeRole(authorize, 'lambda', roleArn);
    const caller = { kind: 'role', principal: roleArn } as const;
    for (const operation of inNetwork ? interfaceOperations : [])
      await authorizeAction(authorize, caller, `ec2:${operation}`, '*');
    for (const { queueArn } of mappings.filter(({ functionArn }) => functionArn === arn))
      for (const operation of ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'])
        await authorizeAction(authorize, caller, `sqs:${operation}`, queueArn);
  }
}

const interfaceOperations = [
  'CreateNetworkInterface',
  'DescribeNetworkInterfaces',
  'DescribeSubnets',
  'DeleteNetworkInterface',
  'AssignPrivateIpAddresses',
  'UnassignPrivateIpAddresses',
];
