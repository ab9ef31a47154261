import { named } from './document.ts';
import { born, type Need, on, own, passRole } from './need.ts';

const serverless = ['namespace/*', 'workgroup/*'].map((path) => named('redshift-serverless', path));
const secret = named('secretsmanager', 'secret:redshift!sluice-STACK-*');

/** What a stack with `sluice:warehouse.enabled` needs besides. */
export const warehouseNeeds: Readonly<Record<string, readonly Need[]>> = {
  'aws:redshiftserverless/namespace:Namespace': [
    on('*', 'redshift-serverless', 'CreateNamespace TagResource', born),
    on(
      serverless,
      'redshift-serverless',
      'DeleteNamespace GetNamespace ListTagsForResource UntagResource UpdateNamespace',
      own,
    ),
    // Redshift keeps the administrator's password there in the caller's name.
    on(
      secret,
      'secretsmanager',
      'CreateSecret DeleteSecret DescribeSecret GetSecretValue RotateSecret TagResource UpdateSecret',
    ),
    on('arn:aws:iam::ACCOUNT:role/aws-service-role/*', 'iam', 'CreateServiceLinkedRole'),
    passRole('redshift', 'redshift-serverless'),
  ],
  'aws:redshiftserverless/workgroup:Workgroup': [
    on('*', 'redshift-serverless', 'CreateWorkgroup TagResource', born),
    on(serverless, 'redshift-serverless', 'DeleteWorkgroup GetWorkgroup UpdateWorkgroup', own),
    on(
      '*',
      'ec2',
      `DescribeAccountAttributes DescribeAddresses DescribeAvailabilityZones DescribeInternetGateways
      DescribeNetworkInterfaces DescribeSecurityGroups DescribeSubnets DescribeVpcAttribute DescribeVpcs`,
    ),
  ],
  // A limit has no name that is known before (Service authorization reference, Redshift Serverless).
  'aws:redshiftserverless/usageLimit:UsageLimit': [
    on('*', 'redshift-serverless', 'CreateUsageLimit DeleteUsageLimit GetUsageLimit UpdateUsageLimit'),
  ],
  'aws:redshiftdata/statement:Statement': [
    on(serverless, 'redshift-data', 'ExecuteStatement', own),
    on('*', 'redshift-data', 'DescribeStatement'),
  ],
};
