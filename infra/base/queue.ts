import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { denyWithoutTls, policyDocument, type Statement } from '../iam/documents.ts';
import type { Key } from './key.ts';

const day = 86_400;

/**
 * Seconds. A message keeps its first enqueue time in the DLQ, so the DLQ's retention must exceed this (SQS
 * guide, dead-letter queues).
 */
export const sourceRetention = 10 * day;
export const deadLetterRetention = 14 * day;

/**
 * An encrypted standard queue. Its policy is set later, with `admitOnly`: the policy names the sender, and
 * the sender needs the queue first.
 */
export class Queue extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;
  readonly url: pulumi.Output<string>;
  readonly name: pulumi.Output<string>;
  readonly #logicalName: string;

  constructor(
    name: string,
    args: { readonly key: Key; readonly retention: number } & Pick<
      aws.sqs.QueueArgs,
      'visibilityTimeoutSeconds' | 'redrivePolicy'
    >,
    options: pulumi.ComponentResourceOptions,
  ) {
    super('sluice:infra:Queue', name, {}, options);
    const { key, retention, ...attributes } = args;
    const queue = new aws.sqs.Queue(
      name,
      {
        ...attributes,
        messageRetentionSeconds: retention,
        receiveWaitTimeSeconds: 20,
        kmsMasterKeyId: key.arn,
        kmsDataKeyReusePeriodSeconds: 300,
      },
      { parent: this },
    );
    this.#logicalName = name;
    this.name = queue.name;
    this.arn = queue.arn;
    this.url = queue.url;
    this.registerOutputs({ arn: this.arn, url: this.url });
  }

  /**
   * Sets the queue's only policy: calls must use TLS, and only this EventBridge rule or this bucket may send
   * (EventBridge guide, resource-based policies; S3 guide, grant-destinations-permissions-to-s3).
   */
  admitOnly(
    sender: { readonly rule: aws.cloudwatch.EventRule } | { readonly bucket: aws.s3.Bucket } | undefined,
  ): aws.sqs.QueuePolicy {
    const statements: Statement[] = [denyWithoutTls('sqs', this.arn)];
    if (sender !== undefined) {
      const [Sid, Service, arn] =
        'rule' in sender
          ? (['RuleSends', 'events.amazonaws.com', sender.rule.arn] as const)
          : (['BucketSends', 's3.amazonaws.com', sender.bucket.arn] as const);
      statements.push({
        Sid,
        Effect: 'Allow',
        Principal: { Service },
        Action: ['sqs:SendMessage'],
        Resource: this.arn,
        Condition: { ArnEquals: { 'aws:SourceArn': arn } },
      });
    }
    return new aws.sqs.QueuePolicy(
      this.#logicalName,
      { queueUrl: this.url, policy: policyDocument(statements) },
      { parent: this },
    );
  }
}
